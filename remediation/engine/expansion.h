#pragma once

#include "exporter/base/result.h"
#include "rules/engine/template.h"

#include <optional>
#include <string>

namespace chiron::remediation {

/// The templates of an expression, expanded. What labels and the target fill in may be any text, but stays
/// what it was written as: a name, or the contents of a string. invalid_argument when it would end its string
/// and add to the expression, or widen a regular expression.
Result<std::string> expand_expression(const rules::Template& expression, const rules::TemplateData& data);

/// Why what labels fill into a glob or a key pattern makes it match more than it was written for: a wildcard,
/// or nothing at all. `target_too`: the target comes from labels as well.
std::optional<std::string> widens_pattern(const rules::Template& pattern, const rules::TemplateData& data,
                                          bool target_too);

/// Why what labels fill into a URL could make it another than was written: a character that ends a host, a
/// path or a query, or nothing at all.
std::optional<std::string> alters_url(const rules::Template& url, const rules::TemplateData& data,
                                      bool target_too);

}  // namespace chiron::remediation
