#pragma once

#include "exporter/base/parse.h"
#include "exporter/series/store.h"
#include "rules/promql/test_series.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::testing {

/// A real store with the samples of a file, for programs that are compared with a Prometheus which is given
/// the same. Its lines: `series LABELS` gives a series the next number from 0; `frame MS` begins a frame, in
/// which each `NUMBER VALUE` is a sample. Whatever is wrong with it ends the process.
class RecordedSamples {
 public:
  explicit RecordedSamples(const char* path) {
    std::ifstream in(path);
    if (!in) refuse("cannot read", path);
    for (std::string line; std::getline(in, line);) read(line);
    append();
  }
  Catalogue& catalogue() { return catalogue_; }
  Store& store() { return store_; }

  [[noreturn]] static void refuse(const std::string& what, const std::string& line) {
    std::fprintf(stderr, "%s: %s\n", what.c_str(), line.c_str());
    std::exit(2);
  }

 private:
  void read(const std::string& line) {
    const std::size_t blank = line.find(' ');
    const std::string_view word = std::string_view(line).substr(0, blank);
    const std::string_view rest = std::string_view(line).substr(blank + 1);
    if (word == "series") {
      const auto parsed = promql::parse_series_line(std::string(rest) + " _");
      if (!parsed) refuse(parsed.error().message(), line);
      ids_.push_back(catalogue_.unpublished(parsed->labels));
    } else if (word == "frame") {
      append();
      t_ = parse_int<TimestampMs>(rest).value_or(0);
    } else {
      const auto number = parse_int<std::size_t>(word);
      const auto value = parse_double(rest);
      if (!number || *number >= ids_.size() || !value) refuse("no sample", line);
      frame_.push_back({ids_[*number], *value});
    }
  }

  void append() {
    if (t_ != 0) store_.append(stream_, t_, frame_);
    frame_.clear();
  }

  Catalogue catalogue_;
  Store store_{catalogue_, {std::chrono::hours(48), std::size_t{8} << 30}};
  const StreamId stream_ = store_.add_stream();
  std::vector<SeriesId> ids_;
  std::vector<FrameEntry> frame_;
  TimestampMs t_ = 0;
};

}  // namespace chiron::testing
