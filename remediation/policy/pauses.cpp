#include "remediation/policy/pauses.h"

#include "exporter/base/file.h"
#include "remediation/policy/moment_json.h"

#include <array>

#include <fmt/format.h>
#include <sys/stat.h>

namespace chiron::remediation {
namespace {

constexpr std::array<std::pair<PauseCause, std::string_view>, 4> kCauses{
    {{PauseCause::command, "command"},
     {PauseCause::file, "file"},
     {PauseCause::boot_loop, "boot_loop"},
     {PauseCause::ledger, "ledger"}}};
constexpr std::size_t kLongestReason = 200;

PauseCause cause_named(std::string_view name) {
  for (const auto& [cause, text] : kCauses) {
    if (text == name) return cause;
  }
  return PauseCause::command;
}

/// What a person wrote, on one line.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  text = text.substr(first, text.find_last_not_of(' ') - first + 1);
  return text.size() > kLongestReason ? text.substr(0, kLongestReason) + " ..." : text;
}

}  // namespace

std::string_view to_string(PauseCause cause) {
  for (const auto& [value, name] : kCauses) {
    if (value == cause) return name;
  }
  return "command";
}

std::vector<PauseCause> all_pause_causes() {
  std::vector<PauseCause> all;
  for (const auto& [cause, text] : kCauses) all.push_back(cause);
  return all;
}

void Pauses::pause(std::string_view remedy, PauseCause cause, std::optional<Duration> length,
                   std::string why) {
  pauses_[{std::string(remedy), cause}] = {moment_now(clock_), length, std::move(why)};
}

void Pauses::resume(std::string_view remedy) {
  std::erase_if(pauses_, [&](const auto& entry) { return remedy.empty() || entry.first.first == remedy; });
}

bool Pauses::look_at_file(const std::string& path) {
  std::optional<std::string> now;
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0) {
    const Result<std::string> text = read_file(path, 64 << 10);
    now = text ? one_line(*text) : "it cannot be read: " + text.error().to_string();
  } else if (errno != ENOENT) {
    now = "it cannot be looked at: " + Error::from_errno(errno, path).to_string();
  }
  if (now) *now = fmt::format("the file {} is there{}{}", path, now->empty() ? "" : ": ", *now);
  if (now == file_) return false;
  file_ = std::move(now);
  return true;
}

bool Pauses::is_over(const Pause& pause) const {
  return pause.length && age(pause.since, clock_) >= *pause.length;
}

Decision Pauses::told(const Key& key, const Pause& pause) const {
  const std::string what =
      key.first.empty() ? "all remedies are paused" : fmt::format("{} is paused", key.first);
  const std::string why = pause.why.empty() ? std::string() : ": " + pause.why;
  if (!pause.length) return {Suppression::paused, what + " until resumed" + why, std::nullopt};
  const Duration left = *pause.length - age(pause.since, clock_);
  return {Suppression::paused, fmt::format("{} until {}{}", what, clock_time(clock_.wall(), left), why),
          left};
}

std::optional<Decision> Pauses::find(std::string_view remedy) const {
  if (file_) return Decision{Suppression::paused, "all remedies are paused: " + *file_, std::nullopt};
  for (const std::string_view name : {std::string_view(), remedy}) {
    std::optional<Decision> said;
    for (const auto& [key, pause] : pauses_) {
      if (key.first != name || is_over(pause)) continue;
      Decision one = told(key, pause);
      // Of several, the one that ends last: the others say nothing about when it goes on.
      if (!said || (said->retry_in && (!one.retry_in || *one.retry_in > *said->retry_in)))
        said = std::move(one);
    }
    if (said) return said;
  }
  return std::nullopt;
}

bool Pauses::holds_all(PauseCause cause) const {
  if (cause == PauseCause::file) return file_.has_value();
  const auto found = pauses_.find({"", cause});
  return found != pauses_.end() && !is_over(found->second);
}

std::string Pauses::save() const {
  nlohmann::json json = nlohmann::json::array();
  for (const auto& [key, pause] : pauses_) {
    if (is_over(pause)) continue;
    nlohmann::json entry = {{"remedy", key.first},
                            {"cause", to_string(key.second)},
                            {"why", pause.why},
                            {"since", to_json(pause.since)}};
    if (pause.length) entry["length_ns"] = pause.length->count();
    json.push_back(std::move(entry));
  }
  return json.empty() ? std::string() : json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Status Pauses::restore(std::string_view text) {
  if (text.empty()) return {};
  std::map<Key, Pause> saved;
  try {
    for (const nlohmann::json& entry : nlohmann::json::parse(text)) {
      Pause pause{moment_from_json(entry.at("since")), std::nullopt, entry.value("why", std::string())};
      if (entry.contains("length_ns")) pause.length = Duration(entry.at("length_ns").get<std::int64_t>());
      saved[{entry.at("remedy").get<std::string>(), cause_named(entry.value("cause", std::string()))}] =
          std::move(pause);
    }
  } catch (const nlohmann::json::exception& fault) {
    return Error(ErrorCode::corrupt, fmt::format("the saved pauses cannot be read: {}", fault.what()));
  }
  pauses_.merge(saved);
  return {};
}

}  // namespace chiron::remediation
