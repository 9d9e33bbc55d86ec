#include "exporter/collectors/filesystem.h"

#include "exporter/base/event_log.h"
#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/mountinfo.h"
#include "exporter/collectors/name_filter.h"
#include "exporter/collectors/problems.h"

#include <array>
#include <cctype>
#include <cstring>
#include <optional>

namespace chiron {
namespace {

constexpr std::string_view kStuck = "mountpoint timeout";

struct Families {
  explicit Families(Catalogue& c)
      : size(gauge(c, "node_filesystem_size_bytes", "Size of the file system in bytes.")),
        free(gauge(c, "node_filesystem_free_bytes", "Bytes not in use, those reserved for root included.")),
        avail(gauge(c, "node_filesystem_avail_bytes", "Bytes that users other than root can still write.")),
        files(gauge(c, "node_filesystem_files", "Number of inodes the file system has room for.")),
        files_free(gauge(c, "node_filesystem_files_free", "Number of inodes not in use.")),
        read_only(gauge(c, "node_filesystem_readonly", "1 when the mount or its file system is read-only.")),
        device_error(gauge(c, "node_filesystem_device_error",
                           "1 when the mount could not be asked for its usage; device_error says why.")),
        mount_info(gauge(c, "node_filesystem_mount_info", "Device numbers of a mount; always 1.")) {}

  static FamilyId gauge(Catalogue& c, std::string_view name, std::string_view help) {
    return c.declare(name, help, MetricType::gauge);
  }
  FamilyId size, free, avail, files, files_free, read_only, device_error, mount_info;
};

/// strerror(3), begun in lower case as Go's errno texts are, which is what the label holds on other hosts.
std::string reason_of(int error) {
  char buffer[128];
  std::string text = ::strerror_r(error, buffer, sizeof buffer);
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

class FilesystemCollector final : public Collector {
 public:
  FilesystemCollector(const CollectorContext& context, NameFilter mountpoints, NameFilter types,
                      std::unique_ptr<MountProber> prober)
      : paths_(context.paths),
        catalogue_(context.catalogue),
        log_(context.log),
        mountpoints_(std::move(mountpoints)),
        types_(std::move(types)),
        families_(context.catalogue),
        tables_{{{MountTable::mountinfo, KernelFile(paths_.proc("1/mountinfo"))},
                 {MountTable::mountinfo, KernelFile(paths_.proc("self/mountinfo"))},
                 {MountTable::mounts, KernelFile(paths_.proc("1/mounts"))},
                 {MountTable::mounts, KernelFile(paths_.proc("self/mounts"))},
                 {MountTable::mounts, KernelFile(paths_.proc("mounts"))}}},
        prober_(std::move(prober)) {}

  Status collect(Frame& frame) override {
    const Status table = read_mounts();
    if (!table && rows_.empty()) return table;
    prober_->probe();
    const std::span<const MountAnswer> answers = prober_->answers();
    for (std::size_t i = 0; i < rows_.size(); ++i) report(rows_[i], answers[i], frame);
    return table ? table_.report(frame) : table;
  }

 private:
  struct Usage {
    SeriesId size, free, avail, files, files_free, read_only, device_error, mount_info;
  };
  struct Failure {
    int error;
    SeriesId read_only, device_error;
  };
  struct Table {
    MountTable kind;
    KernelFile file;
  };
  struct Row {
    Mount mount;
    std::optional<Usage> usage;      // as long as the mount answers
    std::optional<Failure> failure;  // as long as it does not
    bool stuck = false;
  };

  /// Brings rows_ up to the mount table, which changes rarely. What the kernel does not tell about, a file
  /// system that turned read-only because of an error, statvfs says.
  Status read_mounts() {
    if (known_ && !source_->file.may_have_changed()) return {};
    const Result<std::string_view> text = read_table();
    if (!text) return Error(text.error()).wrap("cannot read the mount table");
    const std::string& path = source_->file.path();
    if (text->empty()) {
      known_.reset();
      return Error(ErrorCode::unavailable, path + ": the mount table is empty");
    }
    if (known_ && *known_ == *text) return {};
    known_ = std::string(*text);
    table_ = {};
    std::vector<Row> rows;
    std::vector<MountProber::Mount> asked;
    std::vector<Mount> mounts = parse_mounts(source_->kind, *text, path, table_);
    exclude_slow_ways(mounts);
    for (Mount& mount : mounts) {
      mount.mountpoint = paths_.strip_root(mount.mountpoint);
      if (!mountpoints_.accepts(mount.mountpoint) || !types_.accepts(mount.fstype)) continue;
      // Of another root than / the way begins elsewhere.
      asked.push_back({paths_.root(mount.mountpoint), mount.in_memory && paths_.live()});
      rows.push_back({.mount = std::move(mount), .usage = {}, .failure = {}});
    }
    rows_ = std::move(rows);
    prober_->set_mounts(std::move(asked));
    return {};
  }

  /// From the first process, whose mounts are the host's; from this one where that is not allowed. A captured
  /// host may have only the shorter table.
  Result<std::string_view> read_table() {
    std::optional<Error> fault;
    for (Table& table : tables_) {
      Result<std::string_view> text = table.file.read();
      source_ = &table;
      if (text) return text;
      if (table.kind == MountTable::mountinfo) fault = std::move(text).error();
    }
    return *std::move(fault);
  }

  Labels labels_of(const Mount& mount, std::string_view reason = {}) const {
    return Labels{{"device", mount.device},
                  {"mountpoint", mount.mountpoint},
                  {"fstype", mount.fstype},
                  {"device_error", std::string(reason)}};
  }

  Usage resolve_usage(const Mount& mount) const {
    const Labels labels = labels_of(mount);
    return {.size = catalogue_.series(families_.size, labels),
            .free = catalogue_.series(families_.free, labels),
            .avail = catalogue_.series(families_.avail, labels),
            .files = catalogue_.series(families_.files, labels),
            .files_free = catalogue_.series(families_.files_free, labels),
            .read_only = catalogue_.series(families_.read_only, labels),
            .device_error = catalogue_.series(families_.device_error, labels),
            .mount_info = mount.major.empty() ? kNoSeries
                                              : catalogue_.series(families_.mount_info,
                                                                  Labels{{"device", mount.device},
                                                                         {"major", mount.major},
                                                                         {"minor", mount.minor},
                                                                         {"mountpoint", mount.mountpoint}})};
  }

  void report(Row& row, const MountAnswer& answer, Frame& frame) {
    using State = MountAnswer::State;
    tell_when_stuck(row, answer.state == State::stuck);
    if (answer.state == State::unknown) return;
    if (answer.state == State::stuck || answer.state == State::failed) {
      row.usage.reset();
      report_failure(row, answer.state == State::stuck ? 0 : answer.error, frame);
      return;
    }
    row.failure.reset();
    if (!row.usage) row.usage = resolve_usage(row.mount);
    frame.add(row.usage->device_error, 0);
    frame.add(row.usage->read_only, row.mount.read_only || answer.usage.read_only ? 1 : 0);
    frame.add(row.usage->size, answer.usage.size);
    frame.add(row.usage->free, answer.usage.free);
    frame.add(row.usage->avail, answer.usage.available);
    frame.add(row.usage->files, answer.usage.files);
    frame.add(row.usage->files_free, answer.usage.files_free);
    if (row.usage->mount_info != kNoSeries) frame.add(row.usage->mount_info, 1);
  }

  /// `error` 0: it does not answer.
  void report_failure(Row& row, int error, Frame& frame) const {
    if (!row.failure || row.failure->error != error) {
      const Labels labels = labels_of(row.mount, error == 0 ? std::string(kStuck) : reason_of(error));
      row.failure = Failure{.error = error,
                            .read_only = catalogue_.series(families_.read_only, labels),
                            .device_error = catalogue_.series(families_.device_error, labels)};
    }
    frame.add(row.failure->device_error, 1);
    frame.add(row.failure->read_only, row.mount.read_only ? 1 : 0);
  }

  void tell_when_stuck(Row& row, bool stuck) {
    if (row.stuck == stuck) return;
    row.stuck = stuck;
    const Mount& mount = row.mount;
    if (stuck) {
      log_.warning("mount does not answer",
                   {{"mountpoint", mount.mountpoint}, {"device", mount.device}, {"fstype", mount.fstype}});
    } else {
      log_.info("mount answers again", {{"mountpoint", mount.mountpoint}, {"device", mount.device}});
    }
  }

  const HostPaths& paths_;
  Catalogue& catalogue_;
  EventLog& log_;
  const NameFilter mountpoints_;
  const NameFilter types_;
  const Families families_;
  std::array<Table, 5> tables_;
  Table* source_ = &tables_.front();  // the one of them that was read last
  std::unique_ptr<MountProber> prober_;
  std::optional<std::string> known_;  // the mount table that rows_ come from
  Problems table_;                    // what is wrong with it
  std::vector<Row> rows_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_filesystem_collector(CollectorContext context) {
  return make_filesystem_collector(std::move(context), nullptr, std::chrono::milliseconds(100));
}

Result<std::unique_ptr<Collector>> make_filesystem_collector(CollectorContext context, MountProber::Ask ask,
                                                             Duration patience) {
  Result<NameFilter> mountpoints =
      NameFilter::make(context.options, "mount-points-include", "mount-points-exclude", kMountPointsExclude);
  if (!mountpoints) return std::move(mountpoints).error();
  Result<NameFilter> types =
      NameFilter::make(context.options, "fs-types-include", "fs-types-exclude", kFsTypesExclude);
  if (!types) return std::move(types).error();
  const Result<Duration> timeout = parse_duration(context.options.get("mount-timeout"));
  if (!timeout) return Error(timeout.error()).wrap("option mount-timeout");
  if (*timeout <= Duration::zero())
    return Error(ErrorCode::invalid_argument,
                 "option mount-timeout must be above zero: no mount answers at once");
  MountProber::Options options;
  options.timeout = *timeout;
  options.patience = std::min(patience, *timeout);
  auto prober = ask ? std::make_unique<MountProber>(context.clock, options, std::move(ask))
                    : std::make_unique<MountProber>(context.clock, options);
  return std::unique_ptr<Collector>(
      new FilesystemCollector(context, std::move(*mountpoints), std::move(*types), std::move(prober)));
}

}  // namespace chiron
