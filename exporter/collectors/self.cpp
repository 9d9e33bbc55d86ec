#include "exporter/collectors/self.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"

#include <cerrno>
#include <limits>
#include <optional>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chiron {
namespace {

constexpr double kTicksPerSecond = 100;

/// What /proc/PID/stat (proc(5)) says of a process.
struct ProcessStat {
  std::uint64_t threads = 0;
  std::uint64_t start_ticks = 0;  // since boot
  std::uint64_t virtual_bytes = 0;
  std::uint64_t resident_pages = 0;
};

std::optional<ProcessStat> parse_process_stat(std::string_view text) {
  // The second field is the name in brackets, which may hold anything, brackets too.
  const std::size_t bracket = text.rfind(')');
  if (bracket == std::string_view::npos) return std::nullopt;
  text = trim(text.substr(bracket + 1));
  ProcessStat stat;
  std::string_view word;
  for (int field = 3; field <= 24; ++field) {
    if (!next_word(text, word)) return std::nullopt;
    std::uint64_t* wanted = nullptr;
    if (field == 20) wanted = &stat.threads;
    if (field == 22) wanted = &stat.start_ticks;
    if (field == 23) wanted = &stat.virtual_bytes;
    if (field == 24) wanted = &stat.resident_pages;
    if (wanted == nullptr) continue;
    const std::optional<std::uint64_t> value = parse_int<std::uint64_t>(word);
    if (!value) return std::nullopt;
    *wanted = *value;
  }
  return stat;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

/// No limit reads as the largest 64-bit number, as the Go client library has it.
double limit_of(int resource) {
  rlimit limit{};
  ::getrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
  return static_cast<double>(limit.rlim_cur == RLIM_INFINITY ? std::numeric_limits<std::uint64_t>::max()
                                                             : limit.rlim_cur);
}

class SelfCollector final : public Collector {
 public:
  explicit SelfCollector(Catalogue& catalogue)
      : cpu_(series(catalogue, "process_cpu_seconds_total",
                    "CPU time of this process in user and system mode.", MetricType::counter)),
        open_(series(catalogue, "process_open_fds", "File descriptors this process has open.")),
        most_(series(catalogue, "process_max_fds", "File descriptors this process may have open.")),
        virtual_(series(catalogue, "process_virtual_memory_bytes", "Address space of this process.")),
        virtual_limit_(
            series(catalogue, "process_virtual_memory_max_bytes", "Address space this process may have.")),
        resident_(
            series(catalogue, "process_resident_memory_bytes", "Memory of this process that is in RAM.")),
        start_(series(catalogue, "process_start_time_seconds",
                      "When this process started, in seconds since the Unix epoch.")),
        threads_(series(catalogue, "process_threads", "Threads of this process.")),
        stat_(live_.proc("self/stat"), KernelFile::Records::one),
        descriptors_(live_.proc("self/fd")) {}

  Status collect(Frame& frame) override {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    frame.add(cpu_, seconds(usage.ru_utime) + seconds(usage.ru_stime));
    frame.add(most_, limit_of(RLIMIT_NOFILE));
    frame.add(virtual_limit_, limit_of(RLIMIT_AS));

    Problems problems;
    if (const Result<std::size_t> open = count_descriptors(); open) {
      frame.add(open_, static_cast<double>(*open));
    } else {
      problems.add(open.error());
    }
    if (const Result<std::string_view> text = stat_.read(); text) {
      report(*text, frame, problems);
    } else {
      problems.add(text.error());
    }
    return problems.report(frame);
  }

 private:
  static SeriesId series(Catalogue& catalogue, std::string_view name, std::string_view help,
                         MetricType type = MetricType::gauge) {
    return catalogue.series(catalogue.declare(name, help, type), {});
  }

  /// Since Linux 6.2 the size of the directory is the number of descriptors; before, it is 0.
  Result<std::size_t> count_descriptors() const {
    struct stat facts {};
    if (::stat(descriptors_.c_str(), &facts) != 0) return Error::from_errno(errno, descriptors_);
    if (facts.st_size > 0) return static_cast<std::size_t>(facts.st_size);
    const Result<std::vector<std::string>> names = list_directory(descriptors_);
    if (!names) return names.error();
    return names->size() - 1;  // one of them was the listing's own
  }

  void report(std::string_view text, Frame& frame, Problems& problems) {
    const std::optional<ProcessStat> stat = parse_process_stat(text);
    if (!stat) return problems.corrupt(stat_.path(), 1, "expected the fields of proc(5)", text);
    frame.add(virtual_, static_cast<double>(stat->virtual_bytes));
    frame.add(resident_, static_cast<double>(stat->resident_pages) * page_size_);
    frame.add(threads_, static_cast<double>(stat->threads));
    if (!boot_time_) boot_time_ = read_boot_time();
    if (boot_time_) {
      frame.add(start_, *boot_time_ + static_cast<double>(stat->start_ticks) / kTicksPerSecond);
    }
  }

  std::optional<double> read_boot_time() const {
    const Result<std::string> text = read_file(live_.proc("stat"), 8 << 20);
    if (!text) return std::nullopt;
    std::string_view rest = *text;
    std::string_view line, key;
    while (next_line(rest, line)) {
      if (!next_word(line, key) || key != "btime") continue;
      const std::optional<std::uint64_t> seconds_since_epoch = next_number(line);
      if (seconds_since_epoch) return static_cast<double>(*seconds_since_epoch);
    }
    return std::nullopt;
  }

  const HostPaths live_;
  // These are written in every pass but for faults of the kernel, so they are never forgotten.
  const SeriesId cpu_, open_, most_, virtual_, virtual_limit_, resident_, start_, threads_;
  KernelFile stat_;
  const std::string descriptors_;
  const double page_size_ = static_cast<double>(::sysconf(_SC_PAGESIZE));
  std::optional<double> boot_time_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_self_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new SelfCollector(context.catalogue));
}

}  // namespace chiron
