#include "exporter/base/parse.h"
#include "remediation/ledger/ledger.h"

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

constexpr std::size_t kStampLength = 15;  // 20261121T001453
constexpr std::size_t kIdLength = 20;

struct Parts {
  std::chrono::sys_seconds second;
  unsigned count = 0;
};

std::string stamp(std::chrono::sys_seconds second) {
  const auto day = std::chrono::floor<std::chrono::days>(second);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(second - day);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
}

std::optional<Parts> parse(std::string_view id) {
  if (id.size() != kIdLength || id[8] != 'T' || id[kStampLength] != '-') return std::nullopt;
  const auto number = [id](std::size_t at, std::size_t length) {
    return parse_int<unsigned>(id.substr(at, length));
  };
  const auto year = number(0, 4), month = number(4, 2), day = number(6, 2);
  const auto hour = number(9, 2), minute = number(11, 2), second = number(13, 2);
  const auto count = parse_int<unsigned>(id.substr(16, 2), 16);
  if (!year || !month || !day || !hour || !minute || !second || !count) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day));
  if (!date.ok()) return std::nullopt;
  return Parts{std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
                   std::chrono::seconds(*second),
               *count};
}

}  // namespace

std::string next_run_id(WallTime now, std::string_view last, std::uint8_t random) {
  Parts next{std::chrono::floor<std::chrono::seconds>(now), 0};
  // A clock that once ran far ahead must not date all runs after it.
  if (const auto before = parse(last); before && before->second - next.second <= std::chrono::hours(1)) {
    if (before->second >= next.second) next = {before->second, before->count + 1};
    if (next.count > 0xff) next = {next.second + std::chrono::seconds(1), 0};
  }
  return fmt::format("{}-{:02x}{:02x}", stamp(next.second), next.count, random);
}

}  // namespace chiron::remediation
