#include "exporter/collectors/sockstat.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/field_families.h"
#include "exporter/collectors/kernel_text.h"

#include <array>

#include <unistd.h>

namespace chiron {
namespace {

class SockstatCollector final : public Collector {
 public:
  explicit SockstatCollector(const CollectorContext& context)
      : fields_(context.catalogue,
                {"node_sockstat_", MetricType::gauge,
                 "The figure * of the kernel's socket statistics: sockets; mem in pages, memory and "
                 "mem_bytes in bytes."},
                {}),
        page_(static_cast<double>(::sysconf(_SC_PAGESIZE))),
        files_{KernelFile(context.paths.proc("net/sockstat"), KernelFile::Records::one),
               KernelFile(context.paths.proc("net/sockstat6"), KernelFile::Records::one)} {}

  Status collect(Frame& frame) override {
    Problems problems;
    fields_.begin_pass();
    std::size_t there = 0;
    for (KernelFile& file : files_) {
      const Result<std::string_view> text = file.read();
      // The second is not there on a host without IPv6.
      if (!text && text.error().code() == ErrorCode::not_found) continue;
      ++there;
      if (text) {
        read(*text, file, frame, problems);
      } else {
        problems.add(text.error());
      }
    }
    fields_.end_pass(problems.empty());
    if (there == 0) return absent(files_.front().path());
    return problems.report(frame);
  }

 private:
  void read(std::string_view text, const KernelFile& file, Frame& frame, Problems& problems) {
    KernelLines lines(text, file.path(), problems);
    const std::size_t before = fields_.seen();
    std::string_view line;
    while (lines.next(line)) {
      const std::string_view whole = line;
      if (!report(line, frame)) lines.bad("expected 'PROTOCOL: NAME NUMBER ...'", whole);
    }
    if (fields_.seen() == before && problems.empty())
      problems.corrupt(file.path(), 0, "expected socket statistics", text);
  }

  /// "TCP: inuse 4 orphan 0 tw 0 alloc 4 mem 33"; mem is in pages, memory in bytes.
  bool report(std::string_view line, Frame& frame) {
    std::string_view protocol, name;
    if (!next_name(line, protocol)) return false;
    bool any = false;
    while (next_word(line, name)) {
      const std::optional<std::uint64_t> value = next_number(line);
      if (!value || !add(protocol, name, static_cast<double>(*value), frame)) return false;
      if (name == "mem") add(protocol, "mem_bytes", static_cast<double>(*value) * page_, frame);
      any = true;
    }
    return any;
  }

  bool add(std::string_view protocol, std::string_view name, double value, Frame& frame) {
    const FieldFamilies::Field& field = fields_.next(protocol, name);
    if (field.named) frame.add(*field.series, value);
    return field.named;
  }

  FieldFamilies fields_;
  const double page_;
  std::array<KernelFile, 2> files_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_sockstat_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new SockstatCollector(context));
}

}  // namespace chiron
