#include "exporter/base/parse.h"

#include <clocale>
#include <limits>

namespace chiron {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(ParseInt, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(parse_int<int>("-12"), -12);
  EXPECT_EQ(parse_int<unsigned>("ff", 16), 255U);
  for (const char* bad : {"", " 1", "1 ", "1x", "+1", "99999999999"})
    EXPECT_EQ(parse_int<int>(bad), std::nullopt) << bad;
  EXPECT_EQ(parse_int<unsigned>("-1"), std::nullopt);
}

TEST(ParseDouble, ReadsWhatPrometheusWrites) {
  EXPECT_EQ(parse_double("1.5"), 1.5);
  EXPECT_EQ(parse_double("+1.5e3"), 1500);
  EXPECT_EQ(parse_double("-0"), 0.0);
  EXPECT_TRUE(std::signbit(*parse_double("-0")));
  EXPECT_EQ(parse_double("+Inf"), HUGE_VAL);
  EXPECT_EQ(parse_double("-Inf"), -HUGE_VAL);
  EXPECT_EQ(parse_double("inf"), HUGE_VAL);
  EXPECT_TRUE(std::isnan(parse_double("NaN").value_or(0)));
  EXPECT_EQ(parse_double("1e-400"), 0.0);
  EXPECT_EQ(parse_double("5e-324"), std::numeric_limits<double>::denorm_min());
  for (const char* bad :
       {"", "+", "-", "+-1", "--1", "1,5", "1.5 ", " 1", "1e999", "-1e999", "nan(1)", "0x10", "e5", "."}) {
    EXPECT_EQ(parse_double(bad), std::nullopt) << bad;
  }
}

TEST(ParseDouble, IgnoresALocaleWithDecimalCommas) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  const char* found = nullptr;
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "fr_FR.utf8", "nl_NL.utf8"}) {
    if (found == nullptr) found = std::setlocale(LC_ALL, name);
  }
  if (found == nullptr) GTEST_SKIP() << "no locale with decimal commas is installed";
  EXPECT_EQ(parse_double("1.5"), 1.5);
  EXPECT_EQ(parse_double("1e-400"), 0.0);
  EXPECT_EQ(parse_bytes("1.5KiB").value_or(0), 1536U);
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  std::setlocale(LC_ALL, before.c_str());
}

TEST(Trim, TakesBlanksOffBothEnds) {
  EXPECT_EQ(trim(" \ta b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
}

TEST(NextLine, EndsWithOrWithoutANewline) {
  std::string_view text = "a\n\nb";
  std::string_view line;
  ASSERT_TRUE(next_line(text, line));
  EXPECT_EQ(line, "a");
  ASSERT_TRUE(next_line(text, line));
  EXPECT_EQ(line, "");
  ASSERT_TRUE(next_line(text, line));
  EXPECT_EQ(line, "b");
  EXPECT_FALSE(next_line(text, line));
}

TEST(NextWord, SkipsRunsOfBlanks) {
  std::string_view text = "  cpu\t 12  ";
  std::string_view word;
  ASSERT_TRUE(next_word(text, word));
  EXPECT_EQ(word, "cpu");
  ASSERT_TRUE(next_word(text, word));
  EXPECT_EQ(word, "12");
  EXPECT_FALSE(next_word(text, word));
  EXPECT_FALSE(next_word(text, word));
}

TEST(NextField, KeepsEmptyFieldsBetweenSeparators) {
  std::string_view text = "a::b";
  std::string_view field;
  std::vector<std::string> fields;
  while (next_field(text, ':', field)) fields.emplace_back(field);
  EXPECT_EQ(fields, (std::vector<std::string>{"a", "", "b"}));
}

TEST(ParseDuration, ReadsPrometheusSyntax) {
  EXPECT_EQ(*parse_duration("0"), Duration::zero());
  EXPECT_EQ(*parse_duration("0s"), Duration::zero());
  EXPECT_EQ(*parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(*parse_duration("90s"), seconds(90));
  EXPECT_EQ(*parse_duration("1h30m"), minutes(90));
  EXPECT_EQ(*parse_duration("1y2w3d4h5m6s7ms"),
            hours(24 * (365 + 14 + 3) + 4) + minutes(5) + seconds(6) + milliseconds(7));
}

TEST(ParseDuration, SaysWhatIsWrong) {
  struct Case {
    const char* text;
    const char* says;
  };
  for (const Case& one : std::initializer_list<Case>{{"", "empty"},
                                                     {"5", "unit is missing"},
                                                     {"1h5", "unit is missing"},
                                                     {"5 m", "none of the units"},
                                                     {"5min", "none of the units"},
                                                     {"5M", "none of the units"},
                                                     {"1.5h", "none of the units"},
                                                     {"-5m", "whole number"},
                                                     {"+5m", "whole number"},
                                                     {"m", "whole number"},
                                                     {"5m1h", "large to small"},
                                                     {"1h1h", "large to small"},
                                                     {"1ms1s", "large to small"},
                                                     {"300y", "292 years"},
                                                     {"292y99w", "292 years"},
                                                     {"99999999999999999999s", "292 years"}}) {
    const auto result = parse_duration(one.text);
    ASSERT_FALSE(result.ok()) << one.text;
    EXPECT_THAT(result.error().message(), ::testing::HasSubstr(one.says)) << one.text;
    EXPECT_EQ(result.error().code(), ErrorCode::invalid_argument);
  }
}

TEST(FormatDuration, IsWhatPrometheusPrints) {
  EXPECT_EQ(format_duration(Duration::zero()), "0s");
  EXPECT_EQ(format_duration(seconds(90)), "1m30s");
  EXPECT_EQ(format_duration(hours(24 * 14)), "2w");
  EXPECT_EQ(format_duration(hours(24 * 8)), "8d");
  EXPECT_EQ(format_duration(hours(24 * 365)), "1y");
  EXPECT_EQ(format_duration(hours(24 * 366)), "366d");
  EXPECT_EQ(format_duration(milliseconds(1500)), "1s500ms");
  EXPECT_EQ(format_duration(-minutes(5)), "-5m");
}

TEST(FormatDuration, ReadsBackAsTheSame) {
  for (const std::int64_t ms : {1LL, 999LL, 60'001LL, 604'800'000LL, 31'536'000'000LL, 31'622'400'123LL}) {
    const auto again = parse_duration(format_duration(milliseconds(ms)));
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(*again, milliseconds(ms));
  }
}

TEST(ParseBytes, TakesPowersOf1024) {
  EXPECT_EQ(*parse_bytes("4096"), 4096U);
  EXPECT_EQ(*parse_bytes("0"), 0U);
  EXPECT_EQ(*parse_bytes("16MB"), 16U << 20);
  EXPECT_EQ(*parse_bytes("16M"), 16U << 20);
  EXPECT_EQ(*parse_bytes("16MiB"), 16U << 20);
  EXPECT_EQ(*parse_bytes("16 MiB"), 16U << 20);
  EXPECT_EQ(*parse_bytes("2k"), 2048U);
  EXPECT_EQ(*parse_bytes("1.5GiB"), 1536ULL << 20);
  EXPECT_EQ(*parse_bytes("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
}

TEST(ParseBytes, SaysWhatIsWrong) {
  for (const char* bad :
       {"", "MB", "-1", "+1", "1.", ".5", "1.M", "1e3", "1x", "1KBs", "1Ki", "1 ", "1  K", "1,5M", "inf"}) {
    EXPECT_FALSE(parse_bytes(bad).ok()) << bad;
  }
  for (const char* large : {"18446744073709551616", "16E", "16.0E", "99999999999999999999.5E"}) {
    const auto result = parse_bytes(large);
    ASSERT_FALSE(result.ok()) << large;
    EXPECT_THAT(result.error().message(), ::testing::HasSubstr("larger than 16 EiB"));
  }
}

TEST(FormatBytes, IsForPeople) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.0 KiB");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes((1U << 20) - 1), "1.0 MiB");
  EXPECT_EQ(format_bytes(std::numeric_limits<std::uint64_t>::max()), "16.0 EiB");
}

TEST(ParseBool, IsYaml11) {
  EXPECT_EQ(parse_bool("yes"), true);
  EXPECT_EQ(parse_bool("On"), true);
  EXPECT_EQ(parse_bool("FALSE"), false);
  EXPECT_EQ(parse_bool("off"), false);
  for (const char* bad : {"", "y", "1", "tRue", "true "}) EXPECT_EQ(parse_bool(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace chiron
