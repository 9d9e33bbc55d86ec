#pragma once

#include "rules/promql/token_stream.h"

#include <cstdint>
#include <optional>

namespace chiron::promql {

/// The value of a number token: decimal, hexadecimal, octal with a leading zero, Inf, NaN; underscores
/// between digits. Reports one too large for a float.
double number_value(TokenStream& tokens, const Token& token);
/// The seconds of a duration token; reports and returns 1 when it is none after all.
double duration_value(TokenStream& tokens, const Token& token);

/// Inside brackets: durations and numbers of seconds with arithmetic, in milliseconds, more than 0.
std::optional<std::int64_t> parse_range_duration(TokenStream& tokens);
/// After `offset`: one signed duration, number of seconds, or arithmetic in parentheses, in milliseconds.
std::optional<std::int64_t> parse_offset(TokenStream& tokens);
/// After `@`: a signed number of seconds since the epoch, start() or end().
bool parse_at(TokenStream& tokens, Modifiers& modifiers);

}  // namespace chiron::promql
