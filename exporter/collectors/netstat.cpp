#include "exporter/collectors/netstat.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/field_families.h"
#include "exporter/collectors/kernel_text.h"

#include <array>
#include <vector>

namespace chiron {
namespace {

/// Counters are unsigned, a limit that is not set is -1 (Tcp: MaxConn).
std::optional<double> figure(std::string_view word) {
  if (const auto number = parse_int<std::uint64_t>(word)) return static_cast<double>(*number);
  if (const auto number = parse_int<std::int64_t>(word)) return static_cast<double>(*number);
  return std::nullopt;
}

class NetstatCollector final : public Collector {
 public:
  NetstatCollector(const CollectorContext& context, Pattern wanted)
      : fields_(context.catalogue,
                {"node_netstat_", MetricType::untyped, "The kernel's network statistic *."},
                std::move(wanted)),
        pairs_{KernelFile(context.paths.proc("net/netstat"), KernelFile::Records::one),
               KernelFile(context.paths.proc("net/snmp"), KernelFile::Records::one)},
        list_(context.paths.proc("net/snmp6"), KernelFile::Records::one) {}

  Status collect(Frame& frame) override {
    Problems problems;
    fields_.begin_pass();
    std::size_t there = 0;
    for (KernelFile& file : pairs_) there += read(file, &NetstatCollector::read_pairs, frame, problems);
    there += read(list_, &NetstatCollector::read_list, frame, problems);
    fields_.end_pass(problems.empty());
    if (there == 0) return absent(pairs_.front().path());
    return problems.report(frame);
  }

 private:
  using Reader = void (NetstatCollector::*)(KernelLines&, Frame&);

  /// 1 when the file is there. snmp6 is not on a host without IPv6.
  std::size_t read(KernelFile& file, Reader reader, Frame& frame, Problems& problems) {
    const Result<std::string_view> text = file.read();
    if (!text) {
      if (text.error().code() == ErrorCode::not_found) return 0;
      problems.add(text.error());
      return 1;
    }
    KernelLines lines(*text, file.path(), problems);
    const std::size_t before = fields_.seen();
    (this->*reader)(lines, frame);
    if (fields_.seen() == before && problems.empty())
      problems.corrupt(file.path(), 0, "expected network statistics", *text);
    return 1;
  }

  /// Pairs of lines: "Tcp: NAME NAME ..." and "Tcp: NUMBER NUMBER ...".
  void read_pairs(KernelLines& lines, Frame& frame) {
    std::string_view names, values, protocol, same;
    bool have_names = false;
    while (lines.next(values)) {
      const std::string_view whole = values;
      if (!next_name(values, same)) {
        lines.bad("expected 'PROTOCOL: NAMES' or 'PROTOCOL: NUMBERS'", whole);
        have_names = false;
      } else if (have_names && same == protocol) {
        if (!report(protocol, names, values, frame))
          lines.bad("expected one number for each name above", whole);
        have_names = false;
      } else {
        if (have_names) lines.bad("expected the numbers of the names above", whole);
        protocol = same;
        names = values;
        have_names = true;
      }
    }
    if (have_names) lines.bad("expected a line of numbers after it", protocol);
  }

  /// False, and nothing reported, unless each name has a number.
  bool report(std::string_view protocol, std::string_view names, std::string_view values, Frame& frame) {
    pending_.clear();
    std::string_view name, word;
    while (next_word(names, name)) {
      const FieldFamilies::Field& field = fields_.next(protocol, name);
      const std::optional<double> value = next_word(values, word) ? figure(word) : std::nullopt;
      if (!field.named || !value) return false;
      if (field.series) pending_.push_back({*field.series, *value});
    }
    if (next_word(values, word)) return false;
    for (const FrameEntry& entry : pending_) frame.add(entry.id, entry.value);
    return true;
  }

  /// Lines "Ip6InReceives 123": the protocol ends with the 6.
  void read_list(KernelLines& lines, Frame& frame) {
    std::string_view line, name, word, more;
    while (lines.next(line)) {
      const std::string_view whole = line;
      const std::size_t six = next_word(line, name) ? name.find('6') : std::string_view::npos;
      const std::optional<double> value = next_word(line, word) ? figure(word) : std::nullopt;
      if (six == std::string_view::npos || !value || next_word(line, more)) {
        lines.bad("expected 'PROTOCOL6NAME NUMBER'", whole);
        continue;
      }
      const FieldFamilies::Field& field = fields_.next(name.substr(0, six + 1), name.substr(six + 1));
      if (!field.named) lines.bad("expected 'PROTOCOL6NAME NUMBER'", whole);
      if (field.series) frame.add(*field.series, *value);
    }
  }

  FieldFamilies fields_;
  std::array<KernelFile, 2> pairs_;
  KernelFile list_;
  std::vector<FrameEntry> pending_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_netstat_collector(CollectorContext context) {
  Result<Pattern> wanted = Pattern::make(context.options.get("fields"));
  if (!wanted) return std::move(wanted).error().wrap("option fields");
  return std::unique_ptr<Collector>(new NetstatCollector(context, std::move(*wanted)));
}

}  // namespace chiron
