#include "alerting/notice.h"

#include "exporter/base/utf8.h"

#include <nlohmann/json.hpp>

namespace chiron::alerting {

std::string to_json(const Notice& notice) {
  nlohmann::json json{{"labels", nlohmann::json::object()},
                      {"annotations", nlohmann::json::object()},
                      {"startsAt", to_rfc3339(notice.starts_at)},
                      {"endsAt", to_rfc3339(notice.ends_at)}};
  for (const Label& label : notice.labels) {
    json["labels"][replace_invalid_utf8(label.name)] = replace_invalid_utf8(label.value);
  }
  for (const auto& [name, text] : notice.annotations) {
    json["annotations"][replace_invalid_utf8(name)] = replace_invalid_utf8(text);
  }
  if (!notice.generator_url.empty()) json["generatorURL"] = replace_invalid_utf8(notice.generator_url);
  return json.dump();
}

}  // namespace chiron::alerting
