#include "exporter/http/multipart.h"

#include "exporter/http/server.h"

#include <gtest/gtest.h>

namespace chiron::http {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

const std::string kType = "multipart/form-data; boundary=xyz";

std::string field(const std::string& name, const std::string& value) {
  return "--xyz\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
}

TEST(Multipart, ReadsFieldsAsTheyStand) {
  EXPECT_EQ(parse_multipart(kType, field("query", "a+b%20c") + field("time", "5") + "--xyz--\r\n"),
            (Fields{{"query", "a+b%20c"}, {"time", "5"}}));
  EXPECT_EQ(parse_multipart(kType, field("a", "") + field("a", "\r\n--xy\r\n--") + "--xyz--"),
            (Fields{{"a", ""}, {"a", "\r\n--xy\r\n--"}}));
  EXPECT_EQ(parse_multipart(kType, "--xyz--"), Fields());
  // A preamble, blanks behind a delimiter, other header lines, names of headers in any case, an epilogue.
  EXPECT_EQ(parse_multipart("Multipart/Form-Data; charset=utf-8; Boundary=\"x y\"",
                            "for people\r\n--x y \t\r\nContent-Type: text/plain\r\nCONTENT-disposition: "
                            "Form-Data; name=a\r\n\r\n1\r\n--x y--\r\nmore"),
            (Fields{{"a", "1"}}));
}

TEST(Multipart, LeavesOutWhatIsNoField) {
  const std::string file =
      "--xyz\r\nContent-Disposition: form-data; name=\"query\"; filename=\"up\"\r\n\r\nup\r\n";
  const std::string nameless = "--xyz\r\n\r\nno header\r\n";
  const std::string other = "--xyz\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n";
  const std::string malformed = "--xyz\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n";
  EXPECT_EQ(parse_multipart(kType, file + nameless + other + malformed + field("", "1") +
                                       field("z", std::string("a\0b", 3)) + field("a", "1") + "--xyz--"),
            (Fields{{"a", "1"}}));
}

TEST(Multipart, RefusesWhatIsNotWhole) {
  const std::string whole = field("a", "1") + field("b", "2") + "--xyz--";
  ASSERT_TRUE(parse_multipart(kType, whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(parse_multipart(kType, whole.substr(0, size)), std::nullopt) << size;
  }
  EXPECT_EQ(parse_multipart(kType, "--xyz\r\nno end of lines\r\n--xyz--"), std::nullopt);
  EXPECT_EQ(parse_multipart(kType, "--xyzw\r\n\r\n\r\n--xyz--"), std::nullopt);
  for (const char* type :
       {"", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"",
        "multipart/mixed; boundary=xyz", "application/x-www-form-urlencoded"}) {
    EXPECT_EQ(parse_multipart(type, whole), std::nullopt) << type;
  }
  const std::string boundary(71, 'b');
  EXPECT_EQ(parse_multipart("multipart/form-data; boundary=" + boundary, "--" + boundary + "--"),
            std::nullopt);
  std::string many;
  for (int i = 0; i < 999; ++i) many += field("a", "1");
  EXPECT_TRUE(parse_multipart(kType, many + "--xyz--"));
  EXPECT_EQ(parse_multipart(kType, many + field("a", "1") + "--xyz--"), std::nullopt);
}

TEST(Multipart, FieldsComeBehindTheParametersOfTheQueryString) {
  const Request request{
      .query = "a=0", .body = field("a", "1") + "--xyz--", .headers = {{"content-type", kType}}};
  EXPECT_EQ(request.params("a"), (std::vector<std::string>{"0", "1"}));
}

}  // namespace
}  // namespace chiron::http
