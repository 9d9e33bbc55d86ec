#include "remediation/actions/http_call.h"

#include "exporter/base/url.h"
#include "remediation/actions/request_policy.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

/// Shorter ones stand in any text by chance, and hide nothing that could not be guessed.
constexpr std::size_t kShortestSecret = 4;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

void replace_all(std::string& text, std::string_view secret) {
  if (secret.size() < kShortestSecret) return;
  constexpr std::string_view kShown = "(secret)";
  for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += kShown.size()) {
    text.replace(at, secret.size(), kShown);
  }
}

}  // namespace

std::string without_secrets(std::string text, const HttpCall& call) {
  for (const auto& [name, value] : call.secret_headers) {
    replace_all(text, value);
    // What a scheme of authorization stands before.
    if (const std::size_t blank = value.find(' '); blank != std::string::npos)
      replace_all(text, std::string_view(value).substr(blank + 1));
  }
  replace_all(text, call.secret_path);
  return text;
}

Result<HttpResponse> make_call(const HttpCall& call, const ActionContext& context) {
  HttpRequest request = call.request;
  request.cancel = context.cancel;
  request.max_redirects = 0;
  const bool may_follow = request.method == "GET" || request.method == "HEAD";
  const auto told = [&call](Error error) {
    return Error(error.code(), without_secrets(error.to_string(), call));
  };
  // The allow-list is about what was named; the secret part lies below it.
  if (Status good = check_request_allowed(context, request.url); !good) return std::move(good).error();
  request.url += call.secret_path;
  Result<Url> url = parse_url(request.url);
  if (!url) return told(std::move(url).error());
  const Url first = *url;
  for (int redirects = 0;; ++redirects) {
    request.timeout = std::max(Duration::zero(), context.remaining());
    request.headers = call.request.headers;
    if (url->scheme == first.scheme && url->authority == first.authority) {
      request.headers.insert(request.headers.end(), call.secret_headers.begin(), call.secret_headers.end());
    }
    Result<HttpResponse> answer = http_request(request);
    if (!answer) return told(std::move(answer).error());
    answer->redirects = redirects;
    const std::string location = answer->header("location");
    if (!is_redirect(answer->status) || location.empty() || !may_follow || redirects >= call.max_redirects ||
        url->scheme == "unix") {
      return answer;
    }
    url = resolve_reference(*url, location);
    if (!url) return told(std::move(url).error().wrap("the redirect"));
    if (url->scheme == "unix") {
      return Error(ErrorCode::permission_denied, "the redirect leads to a unix: URL");
    }
    request.url = fmt::format("{}://{}{}", url->scheme, url->authority, url->target);
    if (Status good = check_request_allowed(context, request.url); !good)
      return told(std::move(good).error().wrap("the redirect"));
  }
}

}  // namespace chiron::remediation
