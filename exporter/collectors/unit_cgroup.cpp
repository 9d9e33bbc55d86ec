#include "exporter/collectors/unit_cgroup.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/cgroup_text.h"

#include <sys/resource.h>

namespace chiron {
namespace {

/// user and system of cpu.stat or cpuacct.stat.
void read_cpu(std::string_view text, bool unified, GroupUsage& usage) {
  const std::string_view user = unified ? "user_usec" : "user", system = unified ? "system_usec" : "system";
  const double unit = unified ? kCgroupMicrosecond : kCgroupTick;
  each_cgroup_key(text, [&](std::string_view key, std::string_view number) {
    if (key == user) usage.user_seconds = cgroup_number(number, unit);
    if (key == system) usage.system_seconds = cgroup_number(number, unit);
  });
}

void read_unified_io(std::string_view text, GroupUsage::Io& io) {
  each_io_stat(text, [&io](std::string_view /*device*/, BlockCount count, double value) {
    switch (count) {
      case BlockCount::read_bytes:
        io.read_bytes += value;
        break;
      case BlockCount::written_bytes:
        io.written_bytes += value;
        break;
      case BlockCount::reads:
        io.reads += value;
        break;
      case BlockCount::writes:
        io.writes += value;
        break;
    }
  });
}

void read_v1_io(std::string_view text, double& reads, double& writes) {
  each_blkio(text, [&](std::string_view /*device*/, bool is_write, double value) {
    (is_write ? writes : reads) += value;
  });
}

}  // namespace

CgroupMounts find_cgroup_mounts(const HostPaths& paths) {
  CgroupMounts mounts;
  const std::string root = paths.sys("fs/cgroup");
  for (const std::string& place : {root, root + "/unified"}) {
    if (mounts.unified.empty() && exists(place + "/cgroup.controllers")) mounts.unified = place;
  }
  if (mounts.unified == root) return mounts;
  // A v1 hierarchy has the name of its controllers, joined with commas.
  const Result<std::vector<std::string>> names = list_directory(root);
  if (!names) return mounts;
  for (const std::string& name : *names) {
    std::string_view rest = name, controller;
    while (next_field(rest, ',', controller)) {
      for (const auto& [wanted, place] :
           {std::pair{"cpuacct", &mounts.cpuacct}, std::pair{"memory", &mounts.memory},
            std::pair{"blkio", &mounts.blkio}, std::pair{"pids", &mounts.pids}}) {
        if (controller == wanted && place->empty()) *place = root + "/" + name;
      }
    }
  }
  return mounts;
}

DescriptorBudget::DescriptorBudget() : left_(256) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) left_ = static_cast<std::size_t>(limit.rlim_cur / 4);
}

bool DescriptorBudget::take() {
  if (left_ == 0) return false;
  --left_;
  return true;
}

/// One file, kept open as long as the budget has room.
class UnitCgroup::Source {
 public:
  Source(std::string path, DescriptorBudget& budget)
      : file_(std::move(path), KernelFile::Records::one), budget_(budget), kept_(budget.take()) {}
  ~Source() {
    if (kept_) budget_.give_back();
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  /// "" when it cannot be read.
  std::string_view read() {
    if (kept_) {
      const Result<std::string_view> text = file_.read();
      return text ? *text : std::string_view();
    }
    Result<std::string> text = read_file(file_.path(), 64 << 10);
    text_ = text ? *std::move(text) : std::string();
    return text_;
  }

 private:
  KernelFile file_;
  DescriptorBudget& budget_;
  const bool kept_;
  std::string text_;
};

void UnitCgroup::SourceDeleter::operator()(Source* source) const { delete source; }

UnitCgroup::SourcePtr UnitCgroup::open(const std::string& mount, const std::string& group, const char* file,
                                       DescriptorBudget& budget) {
  if (mount.empty()) return nullptr;
  std::string path = mount + group + "/" + file;
  if (!exists(path)) return nullptr;
  return SourcePtr(new Source(std::move(path), budget));
}

UnitCgroup::UnitCgroup(const CgroupMounts& mounts, std::string group, DescriptorBudget& budget)
    : group_(std::move(group)) {
  cpu_ = open(mounts.cpuacct, group_, "cpuacct.stat", budget);
  if (!cpu_) {
    cpu_ = open(mounts.unified, group_, "cpu.stat", budget);
    cpu_unified_ = true;
  }
  memory_ = open(mounts.memory, group_, "memory.usage_in_bytes", budget);
  if (!memory_) memory_ = open(mounts.unified, group_, "memory.current", budget);
  const auto open_blkio = [&](const BlkioFile& file) {
    SourcePtr source = open(mounts.blkio, group_, file.recursive, budget);
    return source ? std::move(source) : open(mounts.blkio, group_, file.own, budget);
  };
  io_ = open_blkio(kBlkioBytes);
  if (io_) {
    io_operations_ = open_blkio(kBlkioOperations);
  } else {
    io_ = open(mounts.unified, group_, "io.stat", budget);
    io_unified_ = true;
  }
  tasks_ = open(mounts.pids, group_, "pids.current", budget);
  if (!tasks_) tasks_ = open(mounts.unified, group_, "pids.current", budget);
}

GroupUsage UnitCgroup::read() {
  GroupUsage usage;
  if (cpu_) read_cpu(cpu_->read(), cpu_unified_, usage);
  if (memory_) usage.memory_bytes = cgroup_number(memory_->read());
  if (tasks_) usage.tasks = cgroup_number(tasks_->read());
  // A group that did no I/O has an empty file, so the group's being there shows elsewhere.
  if (io_ && usage.user_seconds) {
    GroupUsage::Io io;
    if (io_unified_) {
      read_unified_io(io_->read(), io);
    } else {
      read_v1_io(io_->read(), io.read_bytes, io.written_bytes);
      if (io_operations_) read_v1_io(io_operations_->read(), io.reads, io.writes);
    }
    usage.io = io;
  }
  return usage;
}

}  // namespace chiron
