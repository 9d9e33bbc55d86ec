#include "exporter/base/utf8.h"

namespace chiron {
namespace {

TEST(Utf8, KnowsTheWellFormedSequences) {
  EXPECT_EQ(utf8_sequence("a"), 1U);
  EXPECT_EQ(utf8_sequence("\xC3\xA9x"), 2U);
  EXPECT_EQ(utf8_sequence("\xE2\x82\xAC"), 3U);
  EXPECT_EQ(utf8_sequence("\xF0\x9F\x98\x80"), 4U);
  EXPECT_EQ(utf8_sequence("\xF4\x8F\xBF\xBF"), 4U);
  EXPECT_TRUE(is_valid_utf8("a\xC3\xA9\xE2\x82\xAC"));
}

TEST(Utf8, AppendsScalarValues) {
  std::string text;
  for (const std::uint32_t code : {0x41U, 0xE4U, 0x7FFU, 0x20ACU, 0xFFFFU, 0x1F600U, 0x10FFFFU})
    EXPECT_TRUE(append_utf8(text, code));
  EXPECT_EQ(text, "A\xC3\xA4\xDF\xBF\xE2\x82\xAC\xEF\xBF\xBF\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF");
  for (const std::uint32_t code : {0xD800U, 0xDFFFU, 0x110000U}) EXPECT_FALSE(append_utf8(text, code));
  EXPECT_EQ(text.size(), 19U);
}

TEST(Utf8, RefusesTheOthers) {
  for (const std::string_view bad :
       {"", "\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x80\x80", "\xE2\x82", "\xED\xA0\x80",
        "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xF0\x9F\x98"}) {
    EXPECT_EQ(utf8_sequence(bad), 0U) << ::testing::PrintToString(bad);
  }
}

TEST(Utf8, ReplacesOnlyTheBrokenBytes) {
  EXPECT_EQ(replace_invalid_utf8("a\xFF\xC3\xA9\xE2\x82"), "a\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(replace_invalid_utf8(""), "");
}

TEST(Utf8, QuotesForAMessageWhateverTheBytesAre) {
  EXPECT_EQ(quoted("a b"), "\"a b\"");
  EXPECT_EQ(quoted(""), "\"\"");
  EXPECT_EQ(quoted("say \"x\\y\""), R"("say \"x\\y\"")");
  EXPECT_EQ(quoted("a\nb\tc\rd\x7f"
                   "e\x01"),
            R"("a\nb\tc\rd\x7fe\x01")");
  EXPECT_EQ(quoted("Stra\xc3\x9f"
                   "e"),
            "\"Stra\xc3\x9f"
            "e\"");
  EXPECT_EQ(quoted("\xd1\xff\xb7\xda\xda\xf5\x91 pnte"), R"("\xd1\xff\xb7\xda\xda\xf5\x91 pnte")");
  EXPECT_EQ(quoted("\xe2\x82"), R"("\xe2\x82")");
  EXPECT_EQ(quoted(std::string_view("\0x", 2)), R"("\x00x")");
}

}  // namespace
}  // namespace chiron
