#pragma once

#include "remediation/ledger/ledger.h"

#include <nlohmann/json.hpp>

namespace chiron::remediation {

// For sources of this folder only: nlohmann's exceptions pass through.

inline nlohmann::json to_json(const Moment& moment) {
  return {{"wall_ms", to_ms(moment.wall)},
          {"boot_ns", moment.boot.time_since_epoch().count()},
          {"boot_id", moment.boot_id}};
}

inline Moment moment_from_json(const nlohmann::json& json) {
  return {from_ms(json.at("wall_ms").get<std::int64_t>()),
          BootTime(Duration(json.at("boot_ns").get<std::int64_t>())), json.at("boot_id").get<std::string>()};
}

}  // namespace chiron::remediation
