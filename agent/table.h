#pragma once

#include <string>
#include <vector>

namespace chiron::agent {

/// Text in aligned columns for a terminal; the last column is not padded.
class Table {
 public:
  explicit Table(std::vector<std::string> heading) { rows_.push_back(std::move(heading)); }
  void add(std::vector<std::string> row);
  bool empty() const { return rows_.size() == 1; }
  std::string to_string() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// 3 d 4 h, 5 m 6 s, 0.8 s: at most two units.
std::string human_duration(double seconds);
/// 12.3 %
std::string human_percent(double ratio);

}  // namespace chiron::agent
