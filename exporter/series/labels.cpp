#include "exporter/series/labels.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"

namespace chiron {
namespace {

auto lower_bound_of(auto& labels, std::string_view name) {
  return std::lower_bound(labels.begin(), labels.end(), name,
                          [](const Label& label, std::string_view wanted) { return label.name < wanted; });
}

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

bool is_name(std::string_view name, bool colons) {
  if (name.empty() || is_digit(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [colons](char c) { return is_name_start(c) || is_digit(c) || (colons && c == ':'); });
}

}  // namespace

Labels::Labels(std::vector<Label> labels) : labels_(std::move(labels)) {
  std::stable_sort(labels_.begin(), labels_.end(),
                   [](const Label& a, const Label& b) { return a.name < b.name; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    const bool overridden = i + 1 < labels_.size() && labels_[i + 1].name == labels_[i].name;
    if (overridden || labels_[i].value.empty()) continue;
    if (kept != i) labels_[kept] = std::move(labels_[i]);
    ++kept;
  }
  labels_.resize(kept);
}

std::string_view Labels::get(std::string_view name) const {
  const auto it = lower_bound_of(labels_, name);
  return it != labels_.end() && it->name == name ? std::string_view(it->value) : std::string_view();
}

bool Labels::has(std::string_view name) const {
  const auto it = lower_bound_of(labels_, name);
  return it != labels_.end() && it->name == name;
}

void Labels::set(std::string_view name, std::string_view value) {
  if (value.empty()) {
    erase(name);
    return;
  }
  const auto it = lower_bound_of(labels_, name);
  if (it != labels_.end() && it->name == name) {
    it->value = value;
  } else {
    labels_.insert(it, Label{std::string(name), std::string(value)});
  }
}

void Labels::erase(std::string_view name) {
  const auto it = lower_bound_of(labels_, name);
  if (it != labels_.end() && it->name == name) labels_.erase(it);
}

std::size_t Labels::hash() const {
  std::size_t seed = 0x9e3779b97f4a7c15;
  const auto mix = [&seed](std::string_view text) {
    seed ^= std::hash<std::string_view>{}(text) + 0x9e3779b97f4a7c15 + (seed << 6) + (seed >> 2);
  };
  for (const Label& label : labels_) {
    mix(label.name);
    mix(label.value);
  }
  return seed;
}

std::string Labels::to_string() const {
  std::string text(get(kMetricName));
  std::string inner;
  for (const Label& label : labels_) {
    if (label.name == kMetricName) continue;
    if (!inner.empty()) inner += ", ";
    inner += is_valid_label_name(label.name) ? label.name : quoted(label.name);
    inner += '=' + quoted(label.value);
  }
  if (!inner.empty() || text.empty()) text += '{' + inner + '}';
  return text;
}

std::string escape_label_value(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  for (const char c : value) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '"':
        out += "\\\"";
        break;
      case '\n':
        out += "\\n";
        break;
      default:
        out += c;
    }
  }
  return out;
}

bool is_valid_metric_name(std::string_view name) { return is_name(name, true); }
bool is_valid_label_name(std::string_view name) { return is_name(name, false); }

}  // namespace chiron
