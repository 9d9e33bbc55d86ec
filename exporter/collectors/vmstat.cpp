#include "exporter/collectors/vmstat.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/field_families.h"
#include "exporter/collectors/kernel_text.h"

namespace chiron {
namespace {

class VmstatCollector final : public Collector {
 public:
  VmstatCollector(const CollectorContext& context, Pattern wanted)
      : fields_(context.catalogue,
                {"node_vmstat_", MetricType::untyped, "The line * of the kernel's vmstat."},
                std::move(wanted)),
        file_(context.paths.proc("vmstat"), KernelFile::Records::brief) {}

  Status collect(Frame& frame) override {
    fields_.begin_pass();
    const Status status = read(frame);
    fields_.end_pass(status.ok());
    return status;
  }

 private:
  Status read(Frame& frame) {
    const Result<std::string_view> text = file_.read();
    if (!text) return unless_absent(text.error(), file_.path());
    Problems problems;
    KernelLines lines(*text, file_.path(), problems);
    std::string_view line;
    while (lines.next(line)) report(line, lines, frame);
    if (fields_.seen() == 0 && problems.empty())
      problems.corrupt(file_.path(), 0, "expected lines 'NAME NUMBER'", *text);
    return problems.report(frame);
  }

  void report(std::string_view line, KernelLines& lines, Frame& frame) {
    const std::string_view whole = line;
    std::string_view name, more;
    next_word(line, name);
    const FieldFamilies::Field& field = fields_.next({}, name);
    const std::optional<std::uint64_t> value = next_number(line);
    if (!field.named || !value || next_word(line, more)) {
      lines.bad("expected 'NAME NUMBER'", whole);
    } else if (field.series) {
      frame.add(*field.series, static_cast<double>(*value));
    }
  }

  FieldFamilies fields_;
  KernelFile file_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_vmstat_collector(CollectorContext context) {
  Result<Pattern> wanted = Pattern::make(context.options.get("fields"));
  if (!wanted) return std::move(wanted).error().wrap("option fields");
  return std::unique_ptr<Collector>(new VmstatCollector(context, std::move(*wanted)));
}

}  // namespace chiron
