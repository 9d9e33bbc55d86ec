#pragma once

#include "exporter/base/diagnostics.h"
#include "exporter/base/file.h"
#include "exporter/base/parse.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::testing {

/// A folder of files with mistakes. Each ends with what is to be found in it, in the order of the places:
/// "# expect LINE:COLUMN CODE: PART OF THE MESSAGE".
class BadFiles {
 public:
  using Parse = std::function<void(const std::string& path, const std::string& text, DiagnosticSink& sink)>;

  /// `folder`: from the root of the source tree.
  explicit BadFiles(std::string_view folder)
      : folder_(std::filesystem::path(CHIRON_SOURCE_DIR) / std::filesystem::path(folder)) {}

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      out.push_back(entry.path().filename());
    std::sort(out.begin(), out.end());
    return out;
  }

  std::string text(const std::string& name) const { return *read_file(folder_ / name); }

  /// Every fault that the file names is found at its place, and no other.
  void check(const std::string& name, const Parse& parse) const {
    const std::string path = folder_ / name;
    const std::string text = this->text(name);
    DiagnosticSink sink;
    parse(path, text, sink);
    std::vector<Diagnostic> found = sink.all();
    std::stable_sort(found.begin(), found.end(), [](const Diagnostic& a, const Diagnostic& b) {
      return std::pair(a.where.line, a.where.column) < std::pair(b.where.line, b.where.column);
    });
    const std::vector<std::string> expected = expected_in(text);
    ASSERT_FALSE(expected.empty());
    std::string all;
    for (const Diagnostic& one : found) all += show(one) + "\n";
    ASSERT_EQ(found.size(), expected.size()) << all;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const std::size_t colon = expected[i].find(": ");
      EXPECT_EQ(show(found[i]).substr(0, colon), expected[i].substr(0, colon)) << all;
      EXPECT_THAT(found[i].message, ::testing::HasSubstr(expected[i].substr(colon + 2)));
      EXPECT_EQ(found[i].file, path);
      EXPECT_FALSE(found[i].source_line.empty());
    }
  }

  /// The file's name as a test's.
  static std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
    std::string name = info.param.substr(0, info.param.find('.'));
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
  }

 private:
  static std::string show(const Diagnostic& one) {
    return fmt::format("{}:{} {}: {}", one.where.line, one.where.column, one.code, one.message);
  }
  static std::vector<std::string> expected_in(std::string_view text) {
    std::vector<std::string> out;
    for (std::string_view line; next_line(text, line);)
      if (line.starts_with("# expect ")) out.emplace_back(line.substr(9));
    return out;
  }

  const std::filesystem::path folder_;
};

}  // namespace chiron::testing
