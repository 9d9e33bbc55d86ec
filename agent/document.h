#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chiron::agent {

/// How a text is meant; HTML shows it by colour, Markdown by bold type for what is bad.
enum class Tone { plain, dim, good, warn, bad };

/// Text from anywhere, escaped by the renderers and by nobody else; `link` is written by the program.
struct Text {
  std::string text;
  Tone tone = Tone::plain;
  std::string link{};
};

/// `name`: kept on one line. `code`: paths, ids, images; may be broken anywhere. `number`: to the right.
enum class ColumnKind { text, name, code, number };
struct Column {
  std::string_view heading;
  ColumnKind kind = ColumnKind::text;
};

/// A heading and a table. At most kMostRows rows are kept, the rest is counted.
struct Section {
  static constexpr std::size_t kMostRows = 100;

  std::string title;
  std::string without;  ///< said instead of a table without rows; "": then the section is left out
  std::vector<Column> columns;
  std::vector<std::vector<Text>> rows{};
  std::size_t more = 0;
  std::string note{};  ///< below the table

  void add(std::vector<Text> row);
};

/// A page for people: one model, rendered as HTML or as Markdown.
struct Document {
  std::string title;
  std::vector<std::vector<Text>> lead{};  ///< paragraphs below the title, of parts that are set apart
  std::vector<Section> sections{};
  std::string foot{};
  int reload_seconds = 0;  ///< HTML: it asks the browser to load it again; 0: never
};

/// Self-contained: without script, and nothing from elsewhere; light and dark, narrow and on paper.
std::string to_html(const Document& document);
/// Tables of GitHub's dialect. Nothing in a text becomes a mark, a link or HTML.
std::string to_markdown(const Document& document);

/// Longer texts are cut.
inline constexpr std::size_t kLongestText = 400;

}  // namespace chiron::agent
