#pragma once

#include "exporter/base/http_client.h"
#include "remediation/actions/action.h"

#include <string>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// A request with what is secret in it kept apart.
struct HttpCall {
  HttpRequest request;
  std::vector<std::pair<std::string, std::string>> secret_headers = {};
  std::string secret_path = {};  ///< follows the URL
  std::int64_t max_redirects = 0;
};

/// Makes it within the step's time. Redirects are followed for GET and HEAD only, and each is held against
/// `context.requests` like the first URL; a redirect to another server gets none of the secrets. Errors name
/// no secret.
Result<HttpResponse> make_call(const HttpCall& call, const ActionContext& context);

/// The text with each of the call's secrets replaced.
std::string without_secrets(std::string text, const HttpCall& call);

}  // namespace chiron::remediation
