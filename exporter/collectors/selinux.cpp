#include "exporter/collectors/selinux.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/problems.h"

#include <optional>

#include <unistd.h>

namespace chiron {
namespace {

constexpr std::size_t kMostConfig = 64 << 10;

/// SELINUX= of its configuration (selinux(8)): 1 enforcing, 0 permissive, -1 anything else.
double configured_mode(const std::string& path) {
  const Result<std::string> text = read_file(path, kMostConfig);
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  std::string_view line;
  double mode = -1;
  while (next_line(rest, line)) {
    line = trim(line);
    if (!line.starts_with("SELINUX=")) continue;
    line = trim(line.substr(8));
    mode = line == "enforcing" ? 1 : line == "permissive" ? 0 : -1;
  }
  return mode;
}

class SelinuxCollector final : public Collector {
 public:
  explicit SelinuxCollector(const CollectorContext& context)
      : catalogue_(context.catalogue),
        config_path_(context.paths.root("/etc/selinux/config")),
        policy_path_(context.paths.sys("fs/selinux/policyvers")),
        enforce_(context.paths.sys("fs/selinux/enforce"), KernelFile::Records::one),
        changes_(context.files.changes()),
        enabled_(catalogue_.series(gauge("node_selinux_enabled", "1 when SELinux is on."), {})) {}

  Status collect(Frame& frame) override {
    if (looked_in_ != changes_.generation()) {
      looked_in_ = changes_.generation();
      on_ = ::access(policy_path_.c_str(), F_OK) == 0;
    }
    frame.add(enabled_, on_ ? 1 : 0);
    if (!on_) return {};
    if (!config_) {
      config_ = catalogue_.series(
          gauge("node_selinux_config_mode", "Mode of the configuration: 1 enforcing, 0 permissive, -1 off."),
          {});
      configured_ = configured_mode(config_path_);
    }
    frame.add(*config_, configured_);
    Problems problems;
    const Result<std::string_view> text = enforce_.read();
    const std::optional<int> mode = text ? parse_int<int>(trim(*text)) : std::nullopt;
    if (mode) {
      if (!current_)
        current_ =
            catalogue_.series(gauge("node_selinux_current_mode", "Mode now: 1 enforcing, 0 permissive."), {});
      frame.add(*current_, *mode);
      return {};
    }
    current_.reset();
    if (text) {
      problems.corrupt(enforce_.path(), 1, "expected a number", *text);
    } else {
      problems.add(text.error());
    }
    return problems.report(frame);
  }

 private:
  FamilyId gauge(std::string_view name, std::string_view help) const {
    return catalogue_.declare(name, help, MetricType::gauge);
  }

  Catalogue& catalogue_;
  const std::string config_path_;
  const std::string policy_path_;
  KernelFile enforce_;
  const HostChanges& changes_;
  std::uint64_t looked_in_ = 0;
  bool on_ = false;  // in that generation
  const SeriesId enabled_;
  std::optional<SeriesId> config_, current_;
  double configured_ = -1;  // the configuration counts from boot to boot
};

}  // namespace

Result<std::unique_ptr<Collector>> make_selinux_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new SelinuxCollector(context));
}

}  // namespace chiron
