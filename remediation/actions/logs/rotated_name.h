#pragma once

#include "exporter/base/clock.h"

#include <optional>
#include <string>
#include <string_view>

namespace chiron::remediation {

struct RotatedName {
  std::string log;  ///< the name of the log of which this is an older part
  bool compressed = false;
};

/// What a file's name says it is, in the ways of logrotate (x.log.1, x.log.2.gz, x.log-20260131.gz), of
/// savelog(8) and others (x.log.old), of programs that date their logs themselves (x-2026-01-31.log) and of
/// rotated_as(). Nothing for a log itself.
std::optional<RotatedName> parse_rotated_name(std::string_view name);

/// The name for what was written to a log until `now`: x.log-20260131T053500Z. Names with the time of their
/// making never change again, so that a rotation is one rename(2), whole or not there.
std::string rotated_as(std::string_view log, WallTime now);

}  // namespace chiron::remediation
