#include "exporter/collectors/device_collector.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace chiron {
namespace {

constexpr std::size_t kEntriesBuffer = 4 << 10;

class TableCollector final : public DeviceCollector {
 public:
  TableCollector(const CollectorContext& context, std::string_view directory,
                 std::span<const DeviceTable> tables, Options options, std::optional<Pattern> ignored)
      : DeviceCollector(context, directory, options), tables_(tables), ignored_(std::move(ignored)) {}

 private:
  void find(const std::string& directory, std::span<const std::string> names, AttributeSeries& series,
            Problems& /*problems*/) override {
    for (const std::string& name : names) {
      if (ignored_ && ignored_->search(name)) continue;
      for (const DeviceTable& table : tables_) {
        if (!name.starts_with(table.prefix)) continue;
        add(table, directory + '/' + name, name.substr(table.prefix.size()), series);
      }
    }
  }

  void add(const DeviceTable& table, const std::string& path, const std::string& name,
           AttributeSeries& series) const {
    Labels labels{{std::string(table.label), name}};
    if (!table.info.empty()) {
      const FamilyId family = catalogue().declare(table.info, table.info_help, MetricType::gauge);
      series.add_info(family, path, table.info_texts, labels);
    }
    for (const TextAttribute& text : table.texts)
      labels.set(text.label, read_attribute(path + '/' + std::string(text.file)));
    for (const NumberAttribute& number : table.numbers) series.add_number(path, number, labels);
  }

  const std::span<const DeviceTable> tables_;
  const std::optional<Pattern> ignored_;
};

}  // namespace

bool DirectoryNames::refresh() {
  const std::uint64_t generation = changes_.generation();
  if (listed_in_ == generation) return false;
  listed_in_ = generation;
  error_.reset();
  if (const Status listed = list(); !listed) {
    error_ = unless_absent(listed.error(), path_);
    if (error_->code() != ErrorCode::no_data) look_again();
    forget();
    return false;
  }
  // A directory that was removed lists nothing through its old descriptor; another may have its path.
  if (raw_.empty()) fd_.reset();
  if (raw_ == last_) return false;
  last_ = raw_;
  names_.clear();
  std::string_view rest = raw_;
  std::string_view name;
  while (next_field(rest, '\0', name)) names_.emplace_back(name);
  std::sort(names_.begin(), names_.end());
  return true;
}

void DirectoryNames::forget() {
  fd_.reset();
  last_.clear();
  names_.clear();
}

Status DirectoryNames::list() {
  raw_.clear();
  if (!fd_) {
    fd_.reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd_) return Error::from_errno(errno, path_);
    buffer_.resize(kEntriesBuffer);
  } else if (::lseek(fd_.get(), 0, SEEK_SET) < 0) {
    return Error::from_errno(errno, path_);
  }
  for (;;) {
    const ssize_t size = ::getdents64(fd_.get(), buffer_.data(), buffer_.size());
    if (size < 0 && errno != ENOENT) return Error::from_errno(errno, path_);
    if (size <= 0) return {};
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      const char* entry = buffer_.data() + at;
      std::uint16_t length = 0;
      std::memcpy(&length, entry + offsetof(dirent64, d_reclen), sizeof length);
      const std::string_view name(entry + offsetof(dirent64, d_name));
      if (name != "." && name != "..") raw_.append(name).push_back('\0');
      at += length;
    }
  }
}

DeviceCollector::DeviceCollector(const CollectorContext& context, std::string_view directory, Options options)
    : catalogue_(context.catalogue),
      names_(context.paths.sys(directory), context.files.changes()),
      no_device_(ErrorCode::no_data, names_.path() + ": no such device is there"),
      can_hang_(options.slow && ::access(names_.path().c_str(), F_OK) == 0),
      series_(context.catalogue, options.unreadable),
      rare_look_(context.clock) {}

bool DeviceCollector::can_hang_now() {
  if (!can_hang_) return false;
  look();
  return !names_.names().empty() && (search_ || series_.size() > 0);
}

void DeviceCollector::look() {
  if (looked_) return;
  looked_ = true;
  search_ = lost_ || series_.lost() || rare_look_.due();
  if (search_) {
    rare_look_.done();
    names_.look_again();
  }
  if (names_.refresh()) search_ = true;
}

Status DeviceCollector::collect(Frame& frame) {
  Problems problems;
  if (Status status = collect(frame, problems); !status) return status;
  return problems.report(frame);
}

Status DeviceCollector::collect(Frame& frame, Problems& problems) {
  look();
  looked_ = false;
  if (names_.error() != nullptr) {
    series_.clear();
    return *names_.error();
  }
  if (search_) {
    series_.clear();
    found_ = {};
    find(names_.path(), names_.names(), series_, found_);
  }
  problems.add(found_);
  series_.collect(frame, problems);
  lost_ = !collect_more(frame, problems);
  if (series_.size() == 0 && problems.empty()) return no_device_;
  return {};
}

std::unique_ptr<Collector> make_device_collector(const CollectorContext& context, std::string_view directory,
                                                 std::span<const DeviceTable> tables,
                                                 DeviceCollector::Options options,
                                                 std::optional<Pattern> ignored) {
  return std::make_unique<TableCollector>(context, directory, tables, options, std::move(ignored));
}

Result<std::optional<Pattern>> ignored_devices(const CollectorContext& context, std::string_view name) {
  if (context.options.get(name).empty()) return std::optional<Pattern>();
  Result<Pattern> pattern = Pattern::make(context.options.get(name));
  if (!pattern) return std::move(pattern).error().wrap("option " + std::string(name));
  return std::optional<Pattern>(std::move(*pattern));
}

std::optional<std::string_view> device_number(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  if (!parse_int<std::uint64_t>(name)) return std::nullopt;
  return name;
}

}  // namespace chiron
