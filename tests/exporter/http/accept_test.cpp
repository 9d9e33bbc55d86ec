#include "exporter/http/accept.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::http {
namespace {

using Parameters = std::array<std::pair<std::string_view, std::string_view>, 1>;
constexpr Parameters kOne{{{"version", "1"}}};
constexpr Parameters kTwo{{{"version", "2"}}};
constexpr std::array<Offer, 4> kOffers{
    {{"text/plain", kOne}, {"text/plain", kTwo}, {"text/html", {}}, {"application/json", {}}}};

/// The offer's index; -1 for none.
int chosen(std::string_view header) {
  const auto ranges = parse_accept(header);
  const auto choice = choose(ranges, kOffers);
  return choice ? static_cast<int>(choice->offer) : -1;
}

TEST(Accept, TakesWhatIsWantedMost) {
  EXPECT_EQ(chosen("application/json"), 3);
  EXPECT_EQ(chosen("text/html;q=0.4, application/json;q=0.6, text/plain;q=0.5"), 3);
  EXPECT_EQ(chosen("text/html;q=0.001, application/json;q=0"), 2);
  EXPECT_EQ(chosen("TEXT/Plain; Version=2"), 1);
  EXPECT_EQ(chosen("text/plain;version=\"2\""), 1);
  EXPECT_EQ(chosen("text/plain; charset=utf-8; version=2; q=1.000"), 1);
}

TEST(Accept, OfEqualOnesTheFirstInTheHeaderAndThenTheFirstOfferedIsTaken) {
  EXPECT_EQ(chosen("*/*"), 0);
  EXPECT_EQ(chosen("text/*"), 0);
  EXPECT_EQ(chosen("text/plain"), 0);
  EXPECT_EQ(chosen("application/json, text/html"), 3);
  EXPECT_EQ(chosen("text/html, application/json"), 2);
}

TEST(Accept, TheMostSpecificRangeTellsTheQuality) {
  EXPECT_EQ(chosen("*/*, text/plain;q=0"), 2);
  EXPECT_EQ(chosen("*/*;q=0.9, text/*;q=0.1, text/html;q=0"), 3);
  EXPECT_EQ(chosen("text/plain;q=0, text/plain;version=2"), 1);
  EXPECT_EQ(chosen("text/plain, text/plain;version=1;q=0.1"), 1);
}

TEST(Accept, NothingIsChosenWhenNothingIsAcceptable) {
  EXPECT_EQ(chosen(""), -1);
  EXPECT_EQ(chosen("*/*;q=0"), -1);
  EXPECT_EQ(chosen("image/png"), -1);
  EXPECT_EQ(chosen("text/plain;version=3"), -1);
  EXPECT_EQ(chosen("text/html;q=0.0, image/*"), -1);
}

TEST(Accept, MalformedElementsArePassedOver) {
  for (const char* bad :
       {"text", "/", "text/", "/plain", "*/plain", "te xt/html", "text/html;q=2",
        "text/html;q=", "text/html;q=0.1234", "text/html;q=1.1", "text/html;q=-1", "text/html;q=x",
        "text/html;q", "text/html;=1", "text/html;a=\"b", ",,;;,", "text/html;a=b c", "text/html;q=.5"}) {
    EXPECT_EQ(chosen(bad), -1) << bad;
    EXPECT_EQ(chosen(std::string("application/json;q=0.1,") + bad), 3) << bad;
  }
  EXPECT_EQ(chosen(" , text/html ;  q=0.5 ;, application/json;q=0.4"), 2);
  EXPECT_EQ(chosen("text/html;a=\"x,y;q=0\\\"\";q=0.5, application/json;q=0.4"), 2);
}

TEST(Accept, KnowsWhetherACodingIsPreferred) {
  for (const char* yes : {"gzip", "GZIP", "deflate, gzip;q=0.5", "*", "x-gzip", "gzip;q=0.5, identity;q=0.5",
                          "identity;q=0, *;q=0.1", "gzip;q=0.001", "br;q=1.0, gzip;q=0.8, *;q=0.1"}) {
    EXPECT_TRUE(prefers_coding(yes, "gzip")) << yes;
  }
  for (const char* no : {"", "identity", "gzip;q=0", "*;q=0", "gzip;q=0, *", "br",
                         "gzip;q=0.4, identity;q=0.5", "gzip;q=nonsense", "gzipped", "gzip;q"}) {
    EXPECT_FALSE(prefers_coding(no, "gzip")) << no;
  }
}

}  // namespace
}  // namespace chiron::http
