#pragma once

#include "exporter/base/diagnostics.h"
#include "exporter/base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace chiron::agent {

/// What was found, file by file in the order the files were read, each from top to bottom; the same thing
/// once.
std::vector<Diagnostic> in_order(const DiagnosticSink& sink);
/// The errors as text, one after the other.
std::string errors_text(const DiagnosticSink& sink);
/// "1 error", "2 errors"
std::string counted(std::size_t number, std::string_view noun);

/// A file that could not be read, code "unreadable"; the name is said once.
Diagnostic unreadable(const std::string& file, const Error& error, std::string hint = {});

/// Warns of variables CHIRON_... that are close to a setting's name but none: a mistyped one would do
/// nothing. Others are left alone (Kubernetes makes CHIRON_PORT of a service called chiron).
void check_environment(const std::vector<std::string>& names, DiagnosticSink& sink);
/// Names of all variables, from environ(7).
std::vector<std::string> process_environment_names();

}  // namespace chiron::agent
