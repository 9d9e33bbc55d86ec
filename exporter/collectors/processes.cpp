#include "exporter/collectors/processes.h"

#include "exporter/collectors/kernel_text.h"
#include "exporter/collectors/number_files.h"
#include "exporter/collectors/task_directory.h"

#include <array>
#include <optional>

namespace chiron {
namespace {

constexpr FileNumber kLimits[] = {
    {"sys/kernel/threads-max", 0, "node_processes_max_threads", "Most threads that the kernel allows."},
    {"sys/kernel/pid_max", 0, "node_processes_max_processes", "Numbers that the kernel has for processes."},
};

/// Tasks by the letter of their state: those that occur, as node_exporter has it.
class StateSeries {
 public:
  StateSeries(Catalogue& catalogue, FamilyId family, std::string_view label)
      : catalogue_(catalogue), family_(family), label_(label) {}

  void begin_pass() { counts_.fill(0); }
  void count(char state) { ++counts_[static_cast<unsigned char>(state) % kLetters]; }
  void end_pass(Frame& frame) {
    for (std::size_t letter = 0; letter < kLetters; ++letter) {
      std::optional<SeriesId>& series = series_[letter];
      if (counts_[letter] == 0) {
        series.reset();
        continue;
      }
      if (!series) {
        const std::string state(1, static_cast<char>(letter));
        series = catalogue_.series(family_, Labels{{std::string(label_), state}});
      }
      frame.add(*series, static_cast<double>(counts_[letter]));
    }
  }

 private:
  static constexpr std::size_t kLetters = 128;
  Catalogue& catalogue_;
  const FamilyId family_;
  const std::string_view label_;
  std::array<std::uint64_t, kLetters> counts_{};
  std::array<std::optional<SeriesId>, kLetters> series_{};
};

class ProcessesCollector final : public Collector {
 public:
  explicit ProcessesCollector(const CollectorContext& context)
      : catalogue_(context.catalogue),
        root_(context.paths.proc("")),
        with_threads_(context.options.flag("threads-state")),
        limits_(context, kLimits),
        pids_(declare("node_processes_pids", "Processes.")),
        threads_(declare("node_processes_threads", "Threads of all processes.")),
        states_(catalogue_, declare("node_processes_state", "Processes per state."), "state"),
        thread_states_(catalogue_, declare("node_processes_threads_state", "Threads per state."),
                       "thread_state") {}

  Status collect(Frame& frame) override {
    Problems problems;
    limits_.collect(frame, problems);
    Totals totals;
    states_.begin_pass();
    thread_states_.begin_pass();
    files_.begin_pass();
    if (const Status walked = walk(totals, problems); !walked) problems.add(walked.error());
    files_.end_pass();
    if (totals.processes == 0) {
      series_.reset();
      if (problems.empty()) return absent(root_ + "/PID/stat");
      return problems.report(frame);
    }
    if (!series_) series_ = {catalogue_.series(pids_, {}), catalogue_.series(threads_, {})};
    frame.add(series_->front(), static_cast<double>(totals.processes));
    frame.add(series_->back(), static_cast<double>(totals.threads));
    states_.end_pass(frame);
    if (with_threads_) thread_states_.end_pass(frame);
    return problems.report(frame);
  }

 private:
  struct Totals {
    std::uint64_t processes = 0;
    std::uint64_t threads = 0;
  };

  FamilyId declare(std::string_view name, std::string_view help) const {
    return catalogue_.declare(name, help, MetricType::gauge);
  }

  Status walk(Totals& totals, Problems& problems) {
    if (Status opened = all_.open(root_); !opened) return ended(opened);
    for (;;) {
      const Result<std::optional<std::string_view>> pid = all_.next();
      if (!pid) return pid.error();
      if (!*pid) return {};
      const Result<TaskStat> stat = all_.stat(**pid);
      if (!stat) {
        // It ended meanwhile.
        if (stat.error().code() != ErrorCode::not_found) problems.add(stat.error());
        continue;
      }
      ++totals.processes;
      totals.threads += stat->threads;
      states_.count(stat->state);
      if (!with_threads_) continue;
      if (stat->threads == 1) {
        thread_states_.count(stat->state);
      } else if (const Status walked = walk_threads(**pid, *stat); !walked) {
        problems.add(walked.error());
      }
    }
  }

  Status walk_threads(std::string_view pid, const TaskStat& process) {
    path_.assign(pid).append("/task");
    if (Status opened = threads_of_.open(path_, &all_); !opened) return ended(opened);
    for (;;) {
      const Result<std::optional<std::string_view>> thread = threads_of_.next();
      if (!thread) return ended(thread.error());
      if (!*thread) return {};
      if (**thread == pid) {
        thread_states_.count(process.state);
        continue;
      }
      const Result<TaskStat> stat = threads_of_.stat(**thread);
      if (stat) {
        thread_states_.count(stat->state);
      } else if (stat.error().code() != ErrorCode::not_found) {
        return stat.error();
      }
    }
  }

  /// What is not there (any more) is no problem.
  static Status ended(const Status& status) {
    return status.error().code() == ErrorCode::not_found ? Status() : status;
  }

  Catalogue& catalogue_;
  const std::string root_;
  const bool with_threads_;
  NumberFiles limits_;
  const FamilyId pids_;
  const FamilyId threads_;
  StateSeries states_;
  StateSeries thread_states_;
  std::optional<std::array<SeriesId, 2>> series_;
  TaskStatFiles files_;
  TaskDirectory all_{files_};
  TaskDirectory threads_of_{files_};
  std::string path_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_processes_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new ProcessesCollector(context));
}

}  // namespace chiron
