#include "exporter/collectors/cgroup_usage.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/cgroup_text.h"

#include <algorithm>
#include <array>

namespace chiron {
namespace {

using Value = std::optional<double>;
using Field = Value CgroupUsage::*;
using Records = KernelFile::Records;

/// A file of one number; "max" and nonsense are none.
template <Field field>
void one_number(std::string_view text, CgroupUsage& usage) {
  usage.*field = cgroup_number(text);
}

struct Key {
  std::string_view name;
  Field field;
  double unit = 1;
};

/// A file of lines "KEY NUMBER".
template <const auto& keys>
void keyed_numbers(std::string_view text, CgroupUsage& usage) {
  for (const Key& key : keys) usage.*key.field = std::nullopt;
  each_cgroup_key(text, [&usage](std::string_view name, std::string_view number) {
    for (const Key& key : keys) {
      if (key.name == name) usage.*key.field = cgroup_number(number, key.unit);
    }
  });
}

constexpr Key kCpuacctStat[] = {{"user", &CgroupUsage::cpu_user_seconds, kCgroupTick},
                                {"system", &CgroupUsage::cpu_system_seconds, kCgroupTick}};
constexpr Key kCpuStatV1[] = {{"nr_periods", &CgroupUsage::periods},
                              {"nr_throttled", &CgroupUsage::throttled_periods},
                              {"throttled_time", &CgroupUsage::throttled_seconds, kCgroupNanosecond}};
constexpr Key kCpuStatV2[] = {{"usage_usec", &CgroupUsage::cpu_seconds, kCgroupMicrosecond},
                              {"user_usec", &CgroupUsage::cpu_user_seconds, kCgroupMicrosecond},
                              {"system_usec", &CgroupUsage::cpu_system_seconds, kCgroupMicrosecond},
                              {"nr_periods", &CgroupUsage::periods},
                              {"nr_throttled", &CgroupUsage::throttled_periods},
                              {"throttled_usec", &CgroupUsage::throttled_seconds, kCgroupMicrosecond}};
constexpr Key kMemoryStatV1[] = {{"total_cache", &CgroupUsage::cache_bytes},
                                 {"total_rss", &CgroupUsage::anonymous_bytes},
                                 {"total_swap", &CgroupUsage::swap_bytes},
                                 {"total_inactive_file", &CgroupUsage::inactive_file_bytes}};
constexpr Key kMemoryStatV2[] = {{"file", &CgroupUsage::cache_bytes},
                                 {"anon", &CgroupUsage::anonymous_bytes},
                                 {"inactive_file", &CgroupUsage::inactive_file_bytes}};
constexpr Key kOomControl[] = {{"oom_kill", &CgroupUsage::oom_kills}};
constexpr Key kMemoryEvents[] = {{"max", &CgroupUsage::memory_limit_hits},
                                 {"oom_kill", &CgroupUsage::oom_kills}};

void cpuacct_usage(std::string_view text, CgroupUsage& usage) {
  usage.cpu_seconds = cgroup_number(text, kCgroupNanosecond);
}

void memory_limit(std::string_view text, CgroupUsage& usage) {
  usage.memory_limit_bytes = cgroup_number(text);
  // v1 says "no limit" with a number: LONG_MAX rounded down to a page. cAdvisor draws the line at 2^62.
  constexpr double kNoLimit = 4611686018427387904.0;
  if (usage.memory_limit_bytes && *usage.memory_limit_bytes >= kNoLimit) usage.memory_limit_bytes.reset();
}

void cpu_max(std::string_view text, CgroupUsage& usage) {
  std::string_view quota;
  text = trim(text);
  next_word(text, quota);
  usage.cpu_quota = cgroup_number(quota);
  usage.cpu_period = cgroup_number(text);
}

/// The engines turn shares into weights with the inverse of this (systemd: CPUWeight=).
void cpu_weight(std::string_view text, CgroupUsage& usage) {
  const Value weight = cgroup_number(text);
  usage.cpu_shares.reset();
  if (weight && *weight >= 1)
    usage.cpu_shares = 2 + static_cast<double>(static_cast<std::int64_t>((*weight - 1) * 262142 / 9999));
}

void count_processes(std::string_view text, CgroupUsage& usage) {
  const auto lines = static_cast<double>(std::count(text.begin(), text.end(), '\n'));
  // None although it runs: they are in groups below.
  usage.processes = lines > 0 ? Value(lines) : std::nullopt;
}

BlockUsage& block_device(CgroupUsage& usage, std::string_view device) {
  const auto found = std::ranges::find(usage.devices, device, &BlockUsage::device);
  if (found != usage.devices.end()) return *found;
  return usage.devices.emplace_back(BlockUsage{.device = std::string(device)});
}

template <double BlockUsage::*read, double BlockUsage::*written>
void blkio(std::string_view text, CgroupUsage& usage) {
  each_blkio(text, [&usage](std::string_view device, bool is_write, double value) {
    block_device(usage, device).*(is_write ? written : read) = value;
  });
}

void io_stat(std::string_view text, CgroupUsage& usage) {
  each_io_stat(text, [&usage](std::string_view device, BlockCount count, double value) {
    BlockUsage& block = block_device(usage, device);
    switch (count) {
      case BlockCount::read_bytes:
        block.read_bytes = value;
        break;
      case BlockCount::written_bytes:
        block.written_bytes = value;
        break;
      case BlockCount::reads:
        block.reads = value;
        break;
      case BlockCount::writes:
        block.writes = value;
        break;
    }
  });
}

}  // namespace

/// A file, and what fills the usage from its text; an empty text empties what it fills.
struct CgroupReader::Source {
  std::string_view file;
  void (*parse)(std::string_view text, CgroupUsage& usage);
  Scope scope = Scope::usage;
  Records records = Records::one;
  std::string_view older = {};  ///< instead of `file`, where that is absent
};

const CgroupReader::Source CgroupReader::kCpuV1[] = {
    {"cpu.stat", keyed_numbers<kCpuStatV1>},
    {"cpu.cfs_quota_us", one_number<&CgroupUsage::cpu_quota>, Scope::limits},  // -1: none
    {"cpu.cfs_period_us", one_number<&CgroupUsage::cpu_period>, Scope::limits},
    {"cpu.shares", one_number<&CgroupUsage::cpu_shares>, Scope::limits},
};
const CgroupReader::Source CgroupReader::kCpuacctV1[] = {
    {"cpuacct.usage", cpuacct_usage},
    {"cpuacct.stat", keyed_numbers<kCpuacctStat>},
};
const CgroupReader::Source CgroupReader::kMemoryV1[] = {
    {"memory.usage_in_bytes", one_number<&CgroupUsage::memory_bytes>},
    {"memory.stat", keyed_numbers<kMemoryStatV1>},
    {"memory.max_usage_in_bytes", one_number<&CgroupUsage::memory_max_bytes>},
    {"memory.failcnt", one_number<&CgroupUsage::memory_limit_hits>},
    {"memory.oom_control", keyed_numbers<kOomControl>},
    {"memory.limit_in_bytes", memory_limit, Scope::limits},
};
const CgroupReader::Source CgroupReader::kBlkioV1[] = {
    {kBlkioBytes.recursive, blkio<&BlockUsage::read_bytes, &BlockUsage::written_bytes>, Scope::usage,
     Records::one, kBlkioBytes.own},
    {kBlkioOperations.recursive, blkio<&BlockUsage::reads, &BlockUsage::writes>, Scope::usage, Records::one,
     kBlkioOperations.own},
};
const CgroupReader::Source CgroupReader::kPidsV1[] = {
    {"pids.current", one_number<&CgroupUsage::threads>},
    {"cgroup.procs", count_processes, Scope::usage, Records::many},
    {"pids.max", one_number<&CgroupUsage::threads_limit>, Scope::limits},
};
const CgroupReader::Source CgroupReader::kCpuV2[] = {
    {"cpu.stat", keyed_numbers<kCpuStatV2>},
    {"cpu.max", cpu_max, Scope::limits},
    {"cpu.weight", cpu_weight, Scope::limits},
};
const CgroupReader::Source CgroupReader::kMemoryV2[] = {
    {"memory.current", one_number<&CgroupUsage::memory_bytes>},
    {"memory.stat", keyed_numbers<kMemoryStatV2>},
    {"memory.peak", one_number<&CgroupUsage::memory_max_bytes>},
    {"memory.swap.current", one_number<&CgroupUsage::swap_bytes>},
    {"memory.events", keyed_numbers<kMemoryEvents>},
    {"memory.max", memory_limit, Scope::limits},
};
const CgroupReader::Source CgroupReader::kIoV2[] = {{"io.stat", io_stat, Scope::usage, Records::one}};
const CgroupReader::Source CgroupReader::kPidsV2[] = {
    {"pids.current", one_number<&CgroupUsage::threads>},
    {"cgroup.procs", count_processes, Scope::usage, Records::many},
    {"pids.max", one_number<&CgroupUsage::threads_limit>, Scope::limits},
};

CgroupUsage::Value CgroupUsage::working_set_bytes() const {
  if (!memory_bytes || !inactive_file_bytes) return std::nullopt;
  return std::max(0.0, *memory_bytes - *inactive_file_bytes);
}

template <std::size_t N>
void CgroupReader::add(const std::string& directory, const Source (&sources)[N]) {
  if (directory.empty()) return;
  for (const Source& source : sources) {
    std::string path = directory + "/" + std::string(source.file);
    if (!source.older.empty() && !exists(path)) path = directory + "/" + std::string(source.older);
    entries_.push_back({&source, KernelFile(std::move(path), source.records), false});
  }
}

CgroupReader::CgroupReader(const CgroupPlace& place) : path_(place.path) {
  // Beside v1 hierarchies the unified one has the controllers that they have not.
  const auto unified_unless = [&](const std::string& v1) {
    return v1.empty() ? place.unified : std::string();
  };
  add(place.cpu, kCpuV1);
  add(place.cpuacct, kCpuacctV1);
  add(place.memory, kMemoryV1);
  add(place.blkio, kBlkioV1);
  add(place.pids, kPidsV1);
  add(unified_unless(place.cpuacct), kCpuV2);
  add(unified_unless(place.memory), kMemoryV2);
  add(unified_unless(place.blkio), kIoV2);
  add(unified_unless(place.pids), kPidsV2);
}

Result<const CgroupUsage*> CgroupReader::read(Scope scope, bool keep) {
  bool any = false;
  usage_.devices.clear();
  for (Entry& entry : entries_) {
    const bool is_limit = entry.source->scope == Scope::limits;
    if (scope != Scope::limits && (is_limit || entry.absent)) continue;
    const Result<std::string_view> text = entry.file.read();
    entry.absent = !text && text.error().code() == ErrorCode::not_found;
    entry.source->parse(text ? *text : std::string_view(), usage_);
    any = any || text.ok();
    if (is_limit || !keep) {
      std::string path = entry.file.path();
      entry.file = KernelFile(std::move(path), entry.source->records);
    }
  }
  if (any) return &usage_;
  return Error(ErrorCode::not_found, path_ + ": the control group is gone or cannot be read");
}

}  // namespace chiron
