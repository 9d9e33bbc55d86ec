#pragma once

#include "remediation/actions/action.h"

#include <string_view>

namespace chiron::remediation {

/// Whether a text can stand in requests.allow: an http:, https: or unix: URL without a query. A host may
/// begin with "*." for every name below it.
Status check_allowed_url(std::string_view text);

/// Whether a URL is one of those allowed, or lies below one: same scheme, host and port, and a path that
/// begins with its path, whole segments only. A path that leads upwards, however it is written, lies below
/// none. permission_denied tells which list refused; no list refuses nothing.
Status check_request_allowed(const RequestPolicy& policy, std::string_view url);
/// By the policy of a step; one without a policy refuses nothing.
Status check_request_allowed(const ActionContext& context, std::string_view url);

}  // namespace chiron::remediation
