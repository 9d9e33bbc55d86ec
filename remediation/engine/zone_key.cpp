#include "remediation/engine/zone_key.h"

namespace chiron::remediation {

TimeZone read_zone(yaml::Reader& reader, std::string_view otherwise) {
  const std::string name = reader.string("timezone").value_or("Local");
  Result<TimeZone> zone = TimeZone::find(name);
  if (zone) return *std::move(zone);
  reader.fail(reader.has("timezone") ? "timezone" : otherwise, "bad-timezone", zone.error().to_string());
  return {};
}

}  // namespace chiron::remediation
