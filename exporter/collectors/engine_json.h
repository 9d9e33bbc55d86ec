#pragma once

#include "exporter/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

// For the decoders of a container engine's answers, and for nothing else.

namespace chiron::engine_json {

using Json = nlohmann::json;

/// Corrupt when it is no JSON.
Result<Json> parse(std::string_view text);
Error corrupt(std::string what);
/// The member, or null when `object` is no object or has none.
const Json& member(const Json& object, const char* name);
/// "" when it is no text. At most 512 bytes: label values come from these, and longer ones are no names that
/// an engine gives.
std::string text(const Json& value);
/// 0 when it is no integer of that range.
std::int64_t integer(const Json& value);
/// 0 when it is no number, or a negative one, which stands for "not known".
double amount(const Json& value);
bool is_true(const Json& value);
/// RFC 3339 as the engines write it, with up to nine decimals and any offset, in seconds since the epoch; 0
/// for the year 1, which stands for never.
double time(const Json& value);

}  // namespace chiron::engine_json
