#pragma once

#include "agent/json_views.h"

#include <string>
#include <string_view>

namespace chiron::agent {

// What the commands print, for cli*.cpp only.

/// To standard output. Names, labels and paths come from strangers: what would steer the terminal is shown as
/// '?'; UTF-8, newlines and tabs stay.
void print(std::string_view text);
/// What is printable already, and may hold escape sequences of ours.
void print_drawing(std::string_view text);
void print_json(const Json& json);
/// `json` indented, or its text: the two forms every answer has.
void print_answer(const Json& answer, bool as_json, std::string (*text)(const Json&));
/// "chiron: MESSAGE" to standard error; returns kExitFailed.
int fail(std::string_view message);
/// The same for a mistake on the command line; returns kExitUsage.
int fail_usage(std::string_view message, std::string_view hint);

/// `code`, or kExitFailed when standard output did not take everything (a full disk, a closed descriptor).
int finish_output(int code);

/// See print().
std::string printable(std::string_view text);

}  // namespace chiron::agent
