#include "exporter/collectors/field_families.h"

namespace chiron {
namespace {

bool is_key(std::string_view key, std::string_view group, std::string_view name) {
  if (group.empty()) return key == name;
  return key.size() == group.size() + 1 + name.size() && key.starts_with(group) && key.ends_with(name) &&
         key[group.size()] == '_';
}

std::string replace_star(std::string_view text, std::string_view with) {
  std::string out(text);
  const std::size_t star = out.find('*');
  return star == std::string::npos ? out : out.replace(star, 1, with);
}

}  // namespace

const FieldFamilies::Field& FieldFamilies::next(std::string_view group, std::string_view name) {
  const std::size_t place = next_++;
  if (place == fields_.size()) {
    fields_.push_back(make(group, name));
  } else if (!is_key(fields_[place].key, group, name)) {
    fields_[place] = make(group, name);
  }
  return fields_[place];
}

FieldFamilies::Field FieldFamilies::make(std::string_view group, std::string_view name) const {
  Field field;
  if (!group.empty()) field.key.append(group).append("_");
  field.key += name;
  const std::string metric = std::string(naming_.prefix) + field.key;
  // A colon is for recording rules (Prometheus: naming), never in a name of ours.
  field.named = !name.empty() && is_valid_metric_name(metric) && metric.find(':') == std::string::npos;
  if (!field.named || (wanted_ && !wanted_->search(field.key))) return field;
  const FamilyId family = catalogue_.declare(metric, replace_star(naming_.help, field.key), naming_.type);
  field.series = catalogue_.series(family, {});
  return field;
}

}  // namespace chiron
