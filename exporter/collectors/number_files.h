#pragma once

#include "exporter/base/file.h"
#include "exporter/collectors/collector.h"
#include "exporter/collectors/problems.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace chiron {

/// A gauge that is one word of a kernel file of one line of numbers.
struct FileNumber {
  std::string_view file;  ///< below procfs; rows of one file stand together, in the order of their words
  std::size_t word = 0;   ///< counted from 0; the file's last row names its last word
  std::string_view family;
  std::string_view help;
};

/// The gauges of such a table, without labels.
class NumberFiles {
 public:
  NumberFiles(const CollectorContext& context, std::span<const FileNumber> table);
  /// How many of the files are there. Absence is no problem.
  std::size_t collect(Frame& frame, Problems& problems);

 private:
  struct Number {
    std::size_t word;
    FamilyId family;
    std::optional<SeriesId> series;
  };
  struct File {
    KernelFile file;
    std::vector<Number> numbers;
  };
  void report(File& file, std::string_view text, Frame& frame, Problems& problems);

  Catalogue& catalogue_;
  std::vector<File> files_;
};

/// A collector of nothing but such files; no_data when none is there.
std::unique_ptr<Collector> make_number_files_collector(const CollectorContext& context,
                                                       std::span<const FileNumber> table);

}  // namespace chiron
