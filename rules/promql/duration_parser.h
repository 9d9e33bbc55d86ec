#pragma once

#include "rules/promql/duration_expr.h"
#include "rules/promql/token_stream.h"

#include <cstdint>
#include <optional>

namespace chiron::promql {

/// The value of a number token: decimal, hexadecimal, octal with a leading zero, Inf, NaN; underscores
/// between digits. Reports one too large for a float.
double number_value(TokenStream& tokens, const Token& token);
/// The seconds of a duration token; reports and returns 1 when it is none after all.
double duration_value(TokenStream& tokens, const Token& token);

/// A duration in milliseconds, and how it was computed unless it is a plain one.
struct ParsedDuration {
  std::int64_t ms = 0;
  DurationPtr expr;
};
/// Inside brackets: durations and numbers of seconds with arithmetic. A plain one is more than 0.
std::optional<ParsedDuration> parse_range_duration(TokenStream& tokens);
/// After `offset`: one signed duration, number of seconds or function, or arithmetic in parentheses.
std::optional<ParsedDuration> parse_offset(TokenStream& tokens);
/// After `@`: a signed number of seconds since the epoch, start() or end(). `of` is what it modifies.
bool parse_at(TokenStream& tokens, Modifiers& modifiers, Range of);

}  // namespace chiron::promql
