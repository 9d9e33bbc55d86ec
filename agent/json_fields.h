#pragma once

#include "agent/json_views.h"

#include <string>

namespace chiron::agent {

// What the agent sent may lack a field when it is older or newer than this program: none of these throws.
/// null when absent.
const Json& field(const Json& json, const char* name);
/// "" when absent.
std::string text_of(const Json& json, const char* name);
/// The same on one line: what may come from labels or from a program must not begin another.
std::string line_of(const Json& json, const char* name);
/// 0 when absent.
double number_of(const Json& json, const char* name);
/// false when absent.
bool flag_of(const Json& json, const char* name);
/// {a="b", c="d"}, with __name__ before it.
std::string labels_text(const Json& labels);
/// A list of texts as one.
std::string join(const Json& texts);
/// "-" when absent.
std::string bytes_of(const Json& json, const char* name);
/// 2026-01-31T23:59:59.123Z as people read it, to the minute; "-" for nothing.
std::string minute_text(const std::string& rfc3339);
/// A remedy's mode, until when it is armed or was, and whether it is paused.
std::string mode_text(const Json& remedy);
/// What a run freed and why it ended as it did, on one line.
std::string run_detail(const Json& run);
/// What a run or step freed and removed; "" for nothing.
std::string freed_text(const Json& json);

}  // namespace chiron::agent
