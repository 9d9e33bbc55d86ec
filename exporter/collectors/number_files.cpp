#include "exporter/collectors/number_files.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"

namespace chiron {
namespace {

class NumberFilesCollector final : public Collector {
 public:
  NumberFilesCollector(const CollectorContext& context, std::span<const FileNumber> table)
      : first_(context.paths.proc(table.front().file)), files_(context, table) {}

  Status collect(Frame& frame) override {
    Problems problems;
    if (files_.collect(frame, problems) == 0) return absent(first_);
    return problems.report(frame);
  }

 private:
  const std::string first_;
  NumberFiles files_;
};

}  // namespace

NumberFiles::NumberFiles(const CollectorContext& context, std::span<const FileNumber> table)
    : catalogue_(context.catalogue) {
  std::string_view last;
  for (const FileNumber& row : table) {
    if (row.file != last)
      files_.push_back({KernelFile(context.paths.proc(row.file), KernelFile::Records::one), {}});
    last = row.file;
    files_.back().numbers.push_back(
        {row.word, catalogue_.declare(row.family, row.help, MetricType::gauge), std::nullopt});
  }
}

std::size_t NumberFiles::collect(Frame& frame, Problems& problems) {
  std::size_t there = 0;
  for (File& file : files_) {
    const std::size_t before = frame.entries().size();
    const Result<std::string_view> text = file.file.read();
    const bool missing = !text && text.error().code() == ErrorCode::not_found;
    if (!missing) ++there;
    if (text) {
      report(file, *text, frame, problems);
    } else if (!missing) {
      problems.add(text.error());
    }
    if (frame.entries().size() - before != file.numbers.size()) {
      for (Number& number : file.numbers) number.series.reset();
    }
  }
  return there;
}

void NumberFiles::report(File& file, std::string_view text, Frame& frame, Problems& problems) {
  KernelLines lines(text, file.file.path(), problems);
  std::string_view line, word, more;
  if (!lines.next(line)) {
    if (text.empty()) problems.corrupt(file.file.path(), 1, "expected a line of numbers", text);
    return;
  }
  std::size_t taken = 0;
  for (Number& number : file.numbers) {
    bool found = true;
    for (; found && taken <= number.word; ++taken) found = next_word(line, word);
    const std::optional<std::uint64_t> value = found ? parse_int<std::uint64_t>(word) : std::nullopt;
    if (!value) {
      lines.bad("expected a number", found ? word : "");
      return;
    }
    if (!number.series) number.series = catalogue_.series(number.family, {});
    frame.add(*number.series, static_cast<double>(*value));
  }
  if (next_word(line, more)) lines.bad("expected no more numbers", more);
}

std::unique_ptr<Collector> make_number_files_collector(const CollectorContext& context,
                                                       std::span<const FileNumber> table) {
  return std::make_unique<NumberFilesCollector>(context, table);
}

}  // namespace chiron
