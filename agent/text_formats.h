#pragma once

#include "exporter/http/accept.h"

#include <array>
#include <string_view>
#include <utility>

namespace chiron::agent {

/// Prometheus' text formats, as they are offered and named (prometheus.io, "Content negotiation"). Names
/// outside of [a-zA-Z_:] exist in 1.0.0 only, whose answers say how they are written: "; escaping=...".
using FormatVersion = std::array<std::pair<std::string_view, std::string_view>, 1>;
inline constexpr FormatVersion kVersion004{{{"version", "0.0.4"}}};
inline constexpr FormatVersion kVersion100{{{"version", "1.0.0"}}};
inline constexpr http::Offer kText004{"text/plain", kVersion004}, kText100{"text/plain", kVersion100};
inline constexpr std::string_view kText004Type = "text/plain; version=0.0.4; charset=utf-8";
inline constexpr std::string_view kText100Type = "text/plain; version=1.0.0; charset=utf-8";

}  // namespace chiron::agent
