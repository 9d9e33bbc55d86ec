#include "remediation/engine/trigger_keys.h"

#include "exporter/base/parse.h"
#include "remediation/engine/zone_key.h"

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

constexpr Duration kShortest = std::chrono::seconds(10);
constexpr std::string_view kHow = "write it like {cron: '0 3 * * *', timezone: Europe/Paris} or {every: 6h}";

void read_cron(yaml::Reader& reader, const std::string& text, ScheduleSpec& out) {
  CronFault fault;
  out.cron = CronExpression::parse(text, fault);
  if (!out.cron) {
    reader.fail("cron", "bad-cron", std::move(fault.message), std::move(fault.hint), fault.offset,
                fault.length);
  }
  out.zone = read_zone(reader, "cron");
}

}  // namespace

std::optional<ScheduleSpec> read_schedule(yaml::Reader& on) {
  if (!on.has("schedule")) return std::nullopt;
  yaml::Reader reader = on.mapping("schedule");
  ScheduleSpec out;
  const bool cron = reader.has("cron"), every = reader.has("every");
  if (cron && every) {
    reader.fail("every", "contradiction", "a schedule has either cron or every", "take one of them away");
  } else if (!cron && !every && reader.self().is_mapping()) {
    on.fail("schedule", "missing-key", "the schedule says neither cron nor every", std::string(kHow));
  }
  if (const std::optional<std::string> text = reader.string("cron")) read_cron(reader, *text, out);
  if (const std::optional<Duration> length = reader.duration("every")) {
    out.every = *length;
    if (out.every < kShortest || out.every > kLongestWait) {
      reader.fail("every", "out-of-range",
                  fmt::format("every must be from {} to {}", format_duration(kShortest),
                              format_duration(kLongestWait)));
    }
  }
  if (every && !cron && reader.has("timezone")) {
    reader.fail("timezone", "contradiction", "an interval has no time zone", "take it away, or give cron");
  }
  out.jitter = reader.duration("jitter").value_or(Duration::zero());
  if (out.jitter > kLongestWait)
    reader.fail("jitter", "out-of-range",
                fmt::format("jitter must be at most {}", format_duration(kLongestWait)));
  out.catch_up = reader.boolean("catch_up").value_or(false);
  reader.finish();
  if (!out.cron && out.every < kShortest) return std::nullopt;
  return out;
}

}  // namespace chiron::remediation
