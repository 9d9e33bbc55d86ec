#include "agent/json_fields.h"

#include "exporter/base/parse.h"
#include "exporter/series/labels.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::agent {

const Json& field(const Json& json, const char* name) {
  static const Json kNull;
  const auto it = json.is_object() ? json.find(name) : json.end();
  return it != json.end() ? *it : kNull;
}

std::string text_of(const Json& json, const char* name) {
  const Json& value = field(json, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string line_of(const Json& json, const char* name) {
  std::string text = text_of(json, name);
  std::ranges::replace_if(
      text, [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
  return text;
}

double number_of(const Json& json, const char* name) {
  const Json& value = field(json, name);
  return value.is_number() ? value.get<double>() : 0;
}

bool flag_of(const Json& json, const char* name) {
  const Json& value = field(json, name);
  return value.is_boolean() && value.get<bool>();
}

std::string labels_text(const Json& labels) {
  Labels texts;
  for (const auto& [name, value] : labels.items()) {
    if (value.is_string()) texts.set(name, value.get<std::string>());
  }
  return texts.to_string();
}

std::string join(const Json& texts) {
  std::string out;
  for (const Json& text : texts) {
    if (text.is_string()) out += (out.empty() ? "" : ", ") + text.get<std::string>();
  }
  return out;
}

std::string bytes_of(const Json& json, const char* name) {
  if (!field(json, name).is_number()) return "-";
  return format_bytes(static_cast<std::uint64_t>(std::max(0.0, number_of(json, name))));
}

std::string minute_text(const std::string& rfc3339) {
  if (rfc3339.size() < 16) return "-";
  return rfc3339.substr(0, 10) + ' ' + rfc3339.substr(11, 5) + " UTC";
}

std::string mode_text(const Json& remedy) {
  std::string text = text_of(remedy, "mode");
  if (flag_of(remedy, "only_reads") && text == "dry-run") text = "only reads";
  if (const Json& armed = field(remedy, "armed"); armed.is_object()) {
    const std::string until = minute_text(text_of(armed, "until"));
    text += flag_of(armed, "over") ? " (was armed until " + until + ')' : " until " + until;
  }
  return text + (flag_of(remedy, "paused") ? " (paused)" : "");
}

std::string freed_text(const Json& json) {
  const double bytes = number_of(json, "freed_bytes");
  const double objects = number_of(json, "removed_objects");
  std::string text;
  if (bytes > 0) text = format_bytes(static_cast<std::uint64_t>(bytes)) + " freed";
  if (objects > 0) text += fmt::format("{}{} removed", text.empty() ? "" : ", ", objects);
  return text;
}

std::string run_detail(const Json& run) {
  const std::string freed = freed_text(run);
  std::string reason = text_of(run, "reason");
  if (const std::size_t line_end = reason.find('\n'); line_end != std::string::npos) reason.resize(line_end);
  return freed.empty() || reason.empty() ? freed + reason : freed + "; " + reason;
}

}  // namespace chiron::agent
