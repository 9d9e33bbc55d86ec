#include "agent/document.h"

namespace chiron::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Document one_cell(std::string text, ColumnKind kind = ColumnKind::text) {
  Document page{.title = text, .lead = {{{text, Tone::bad}}}};
  Section section{.title = "T", .without = "", .columns = {{"H", kind}}};
  section.add({{text}});
  page.sections.push_back(std::move(section));
  page.foot = std::move(text);
  return page;
}

TEST(Document, EscapesHtmlWhereverATextStands) {
  const std::string html = to_html(one_cell(R"(<script>alert('x')</script>"&)"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;"));
}

TEST(Document, MakesNoMarkLinkOrHtmlOfATextInMarkdown) {
  const auto cell = [](const std::string& text) {
    Document page;
    Section section{.title = "T", .without = "", .columns = {{"H"}}};
    section.add({{text}});
    page.sections.push_back(std::move(section));
    const std::string all = to_markdown(page);
    const std::size_t begin = all.rfind("| ", all.rfind(" |") - 1) + 2;
    return all.substr(begin, all.rfind(" |") - begin);
  };
  EXPECT_EQ(cell("a|b"), "a\\|b");
  EXPECT_EQ(cell("<b>*x*"), "\\<b\\>\\*x\\*");
  EXPECT_EQ(cell("[x](y)"), "\\[x\\](y)");
  EXPECT_EQ(cell("`x`"), "\\`x\\`");
  EXPECT_EQ(cell("http://evil.example"), "http\\://evil.example");
  EXPECT_EQ(cell("www.evil.example"), "www\\.evil.example");
  EXPECT_EQ(cell("node_load1"), "node_load1");
  EXPECT_EQ(cell("_x_"), "\\_x\\_");
  EXPECT_EQ(cell("web-1.example:9100 3 % (ok)"), "web-1.example:9100 3 % (ok)");
  EXPECT_EQ(cell("# x"), "\\# x");
  EXPECT_EQ(cell("a\nb\x1b[31m"), "a b \\[31m");
}

TEST(Document, CutsLongTextsBetweenCharacters) {
  std::string text;
  while (text.size() < 3 * kLongestText) text += "aä€";
  const std::string html = to_html(one_cell(text));
  EXPECT_THAT(html, HasSubstr("…"));
  EXPECT_THAT(html, Not(HasSubstr(text.substr(0, kLongestText + 8))));
  for (const std::string_view broken : {"\xC3…", "\xE2…", "\xE2\x82…"})
    EXPECT_THAT(html, Not(HasSubstr(broken)));
}

TEST(Document, KeepsSoManyRowsAndCountsTheRest) {
  Section section{.title = "T", .without = "", .columns = {{"H"}}};
  for (int i = 0; i < 1000; ++i) section.add({{"row"}});
  EXPECT_EQ(section.rows.size(), Section::kMostRows);
  const Document page{.title = "x", .sections = {section}};
  EXPECT_THAT(to_html(page), HasSubstr("And 900 more."));
  EXPECT_THAT(to_markdown(page), HasSubstr("And 900 more."));
}

TEST(Document, SaysWhatAnEmptySectionMeansOrLeavesItOut) {
  const Document page{.title = "x",
                      .sections = {{.title = "Alerts", .without = "None.", .columns = {{"A"}}},
                                   {.title = "Probes", .without = "", .columns = {{"P"}}}}};
  for (const std::string& text : {to_html(page), to_markdown(page)}) {
    EXPECT_THAT(text, HasSubstr("None."));
    EXPECT_THAT(text, Not(HasSubstr("Probes")));
  }
}

TEST(Document, RendersBothFormsOfOneModel) {
  Document page{.title = "web-1", .lead = {{{"well", Tone::good}, {"load 1"}}}, .foot = "As of now."};
  Section section{.title = "Disks",
                  .without = "",
                  .columns = {{"Mount", ColumnKind::code}, {"Used", ColumnKind::number}}};
  section.add({{"/var"}, {"97 %", Tone::bad}});
  page.sections.push_back(section);
  EXPECT_EQ(to_markdown(page),
            "# web-1\n\nwell · load 1\n\n## Disks\n\n| Mount | Used |\n| --- | ---: |\n| /var | **97 %** "
            "|\n\nAs of now.\n");
  const std::string html = to_html(page);
  EXPECT_THAT(html, HasSubstr("<td class=\"c\" data-h=\"Mount\">/var</td>"));
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme:dark"));
  EXPECT_THAT(html, HasSubstr("@media print"));
}

}  // namespace
}  // namespace chiron::agent
