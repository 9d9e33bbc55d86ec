#include "exporter/series/labels.h"

namespace chiron {
namespace {

TEST(Labels, SortsDropsEmptyValuesAndKeepsTheLastOfANameGivenTwice) {
  const Labels labels{{"b", "1"}, {"a", "x"}, {"c", ""}, {"b", "2"}};
  EXPECT_EQ(labels.to_string(), R"({a="x", b="2"})");
  EXPECT_EQ(labels.get("b"), "2");
  EXPECT_FALSE(labels.has("c"));
}

TEST(Labels, SetAndEraseKeepTheOrder) {
  Labels labels{{"__name__", "up"}};
  labels.set("z", "1");
  labels.set("a", "2");
  labels.set("z", "");
  EXPECT_EQ(labels.to_string(), R"(up{a="2"})");
  labels.erase("a");
  EXPECT_EQ(labels, (Labels{{"__name__", "up"}}));
}

TEST(Labels, QuotesWhatTheTextFormatQuotes) {
  EXPECT_EQ(Labels({{"p", "a\"b\\c\nd"}}).to_string(), R"({p="a\"b\\c\nd"})");
}

TEST(Matcher, AnchorsRegularExpressionsAndLetsDotMatchNewlines) {
  const auto matcher = Matcher::make(MatchOp::regex, "a", "fo.*");
  ASSERT_TRUE(matcher.ok());
  EXPECT_TRUE(matcher->matches(std::string_view("foo\nbar")));
  EXPECT_FALSE(matcher->matches(std::string_view("xfoo")));
  EXPECT_FALSE(Matcher::make(MatchOp::regex, "a", "(").ok());
}

TEST(Matcher, AnAbsentLabelIsEmpty) {
  EXPECT_TRUE(Matcher::make(MatchOp::equal, "a", "")->matches(Labels{{"b", "1"}}));
  EXPECT_TRUE(Matcher::make(MatchOp::not_regex, "a", "x.+")->matches(Labels{{"b", "1"}}));
}

TEST(ParseMatcher, TakesAlertmanagersForms) {
  EXPECT_EQ(parse_matcher(R"( alertname = "Web Down" )")->to_string(), R"(alertname="Web Down")");
  EXPECT_EQ(parse_matcher("severity=~critical|page")->to_string(), R"(severity=~"critical|page")");
  EXPECT_EQ(parse_matcher(R"(a!="x\"y")")->value(), "x\"y");
  EXPECT_EQ(parse_matcher(R"(a=~"\d+")")->value(), R"(\d+)");
}

TEST(ParseMatcher, RefusesWithTheReason) {
  for (const char* bad : {"", "alertname", "=x", "a!x", R"(a="x)", R"(a="x"y")", "a=~(", "1a=x"}) {
    EXPECT_FALSE(parse_matcher(bad).ok()) << bad;
  }
  EXPECT_THAT(parse_matcher("alertname").error().message(), ::testing::HasSubstr("it has no ="));
}

}  // namespace
}  // namespace chiron
