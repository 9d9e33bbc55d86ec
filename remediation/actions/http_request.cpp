#include "remediation/actions/http_request.h"

#include "exporter/base/http_credentials.h"
#include "exporter/base/parse.h"
#include "exporter/base/url.h"
#include "exporter/base/utf8.h"
#include "exporter/series/labels.h"
#include "remediation/actions/request_policy.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chiron::remediation {
namespace {

constexpr std::size_t kShown = 300;      // of an answer, in an error
constexpr std::size_t kRecorded = 4096;  // of an answer, in the ledger
constexpr std::uint64_t kLongestAnswer = 64 << 20;
constexpr std::int64_t kMostRedirects = 10;

Error refusal(std::string message) { return {ErrorCode::invalid_argument, std::move(message)}; }

bool has_header(const std::vector<std::pair<std::string, std::string>>& headers, std::string_view lower) {
  return std::ranges::any_of(headers, [lower](const auto& pair) { return to_lower(pair.first) == lower; });
}

/// RFC 9110, section 5.6.2.
bool is_token(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

/// "204", or "2xx" for a whole class.
bool is_status(std::string_view text) {
  if (text.size() != 3 || text[0] < '1' || text[0] > '5') return false;
  return text.substr(1) == "xx" || parse_int<int>(text).has_value();
}

std::string beginning(std::string_view answer, std::size_t most) {
  answer = trim(answer);
  std::string text = replace_invalid_utf8(answer.substr(0, most));
  return answer.size() > most ? text + "..." : text;
}

}  // namespace

void HttpRequestAction::declare(Arguments& arguments) {
  arguments.add("url", &url_, Need::required,
                "http://, https:// or unix:///SOCKET; without user and password");
  arguments.add("path", &path_, Need::optional, "with unix:, what is asked for");
  arguments.mark_url("url");
  arguments.mark_url("path");
  arguments.add("method", &method_, Need::optional, "the method",
                {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"});
  arguments.add("headers", &headers_, Need::optional, "headers; their values are not recorded");
  arguments.add("body", &body_, Need::optional, "what is sent, as text");
  arguments.add("json", &json_, Need::optional,
                "what is sent, as an object of texts in JSON: whatever labels fill in stays a text");
  arguments.add("username", &username_, Need::optional, "basic auth, with the password in credentials_file");
  arguments.add("credentials_file", &credentials_file_, Need::optional,
                "file with what follows the type in the header Authorization, or with the password");
  arguments.add("credentials_type", &credentials_type_, Need::optional,
                "type of authorization, without username");
  arguments.add("header_files", &header_files_, Need::optional,
                "headers whose values stand in files: {X-Token: /etc/chiron/token}");
  arguments.add("secret_path_file", &secret_path_file_, Need::optional,
                "file with the rest of the URL, where a server takes a secret as a part of it");
  arguments.add("ca_file", &ca_file_, Need::optional, "authorities in PEM, instead of the system's");
  arguments.add("insecure_skip_verify", &insecure_skip_verify_, Need::optional,
                "whether any certificate is taken");
  arguments.add("expect_status", &expect_status_, Need::optional,
                "statuses that mean success, such as 204, or 2xx for a whole class");
  arguments.add("expect_body", &expect_body_, Need::optional,
                "regular expression (RE2) that the answer has to contain a match of");
  arguments.add("redirects", &redirects_, Need::optional,
                "so many redirects of a GET or HEAD are followed, at most 10");
  arguments.add("max_answer", &max_answer_, Need::optional, "a longer answer is a failure");
  arguments.add("record_answer", &record_answer_, Need::optional,
                "whether the beginning of the answer is kept in the ledger");
}

Status HttpRequestAction::check_message() const {
  for (const auto& [name, value] : headers_) {
    if (!is_token(name))
      return refusal(fmt::format("headers: {} is not the name of a header", chiron::quoted(name)));
  }
  for (const std::string_view own : {"connection", "content-length", "transfer-encoding"}) {
    if (has_header(headers_, own)) return refusal(fmt::format("headers: {} is set by itself", own));
  }
  if (has_header(headers_, "authorization")) {
    return refusal("headers: a secret does not belong into a remedy; name a file: credentials_file");
  }
  for (const auto& [name, file] : header_files_) {
    if (!is_token(name))
      return refusal(fmt::format("header_files: {} is not the name of a header", chiron::quoted(name)));
    if (!file.starts_with('/'))
      return refusal(fmt::format("header_files: {} is not an absolute path", chiron::quoted(file)));
  }
  for (const auto& [name, file] :
       {std::pair("credentials_file", &credentials_file_), std::pair("secret_path_file", &secret_path_file_),
        std::pair("ca_file", &ca_file_)}) {
    if (!file->empty() && !file->starts_with('/'))
      return refusal(fmt::format("{}: {} is not an absolute path", name, chiron::quoted(*file)));
  }
  if (!is_token(credentials_type_)) return refusal("credentials_type: is not one word");
  if (username_.find(':') != std::string::npos) return refusal("username: cannot hold a colon");
  if (!username_.empty() && credentials_file_.empty())
    return refusal("username: needs credentials_file, with the password");
  if (!body_.empty() && !json_.empty()) return refusal("both body and json are given; one will do");
  if ((!body_.empty() || !json_.empty()) && (method_ == "GET" || method_ == "HEAD"))
    return refusal(fmt::format("a {} sends nothing; give method: POST with a body", method_));
  return {};
}

Status HttpRequestAction::check_expectations() const {
  if (expect_status_.empty()) return refusal("expect_status: names none; 2xx is every success");
  for (const std::string& text : expect_status_) {
    if (!is_status(text))
      return refusal(fmt::format("expect_status: {} is no HTTP status", chiron::quoted(text)));
  }
  if (const Result<Pattern> pattern = Pattern::make(expect_body_); !pattern)
    return Error(pattern.error()).wrap("expect_body");
  if (redirects_ < 0 || redirects_ > kMostRedirects)
    return refusal(fmt::format("redirects: from 0 to {}", kMostRedirects));
  if (redirects_ > 0 && method_ != "GET" && method_ != "HEAD")
    return refusal(fmt::format("redirects: a {} is not sent again elsewhere", method_));
  const Result<std::uint64_t> limit = parse_bytes(max_answer_);
  if (!limit) return Error(limit.error()).wrap("max_answer");
  if (*limit == 0 || *limit > kLongestAnswer)
    return refusal(fmt::format("max_answer: more than 0 and at most {}", format_bytes(kLongestAnswer)));
  return {};
}

Status HttpRequestAction::validate() const {
  const Result<Url> url = parse_url(url_);
  if (!url) return Error(url.error()).wrap("url");
  const bool is_unix = url->scheme == "unix";
  if (!path_.starts_with('/')) return refusal("path: begins with a slash");
  if (!is_unix && path_ != "/") return refusal("path: is for unix: URLs; put it into the URL");
  if (is_unix && !secret_path_file_.empty()) return refusal("secret_path_file: is not for unix: URLs");
  if (Status good = check_message(); !good) return good;
  return check_expectations();
}

/// Reads the secrets.
Result<HttpCall> HttpRequestAction::call() const {
  HttpCall call;
  call.request = {.method = method_,
                  .url = url_,
                  .target = url_.starts_with("unix:") ? path_ : "",
                  .headers = headers_,
                  .body = body_,
                  .body_limit = static_cast<std::size_t>(parse_bytes(max_answer_).value_or(0)),
                  .verify_tls = !insecure_skip_verify_,
                  .ca_file = ca_file_};
  if (!json_.empty()) {
    nlohmann::json object = nlohmann::json::object();
    for (const auto& [name, text] : json_) object[name] = text;
    call.request.body = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  if (!call.request.body.empty() && !has_header(headers_, "content-type")) {
    call.request.headers.emplace_back("Content-Type",
                                      json_.empty() ? "text/plain; charset=utf-8" : "application/json");
  }
  HttpCredentials credentials{.username = username_, .type = credentials_type_};
  (username_.empty() ? credentials.file : credentials.password_file) = credentials_file_;
  Result<std::string> authorization = authorization_of(credentials);
  if (!authorization) return std::move(authorization).error().wrap("credentials_file");
  if (!authorization->empty()) call.secret_headers.emplace_back("Authorization", *std::move(authorization));
  for (const auto& [name, file] : header_files_) {
    Result<std::string> value = read_secret(file);
    if (!value) return std::move(value).error().wrap("header_files");
    call.secret_headers.emplace_back(name, *std::move(value));
  }
  if (!secret_path_file_.empty()) {
    Result<std::string> rest = read_secret(secret_path_file_);
    if (!rest) return std::move(rest).error().wrap("secret_path_file");
    // Anything else could make another host of the one that was written.
    const bool ends_host = url_.find('/', url_.find("://") + 3) != std::string::npos;
    call.secret_path = (ends_host || rest->starts_with('/') ? "" : "/") + *rest;
  }
  call.max_redirects = redirects_;
  return call;
}

bool HttpRequestAction::expects(int status) const {
  const std::string text = std::to_string(status);
  return std::ranges::any_of(expect_status_, [&text](const std::string& one) {
    return one == text || (one.ends_with("xx") && one[0] == text[0]);
  });
}

/// The request in a person's words; no secret is in it.
std::string HttpRequestAction::shown() const {
  return fmt::format("{} {}{}{}", method_, url_, path_ == "/" ? "" : " " + path_,
                     secret_path_file_.empty() ? "" : "(secret)");
}

Result<Plan> HttpRequestAction::plan(ActionContext& context) {
  const Result<HttpCall> call = this->call();
  if (!call) return call.error();
  if (Status good = check_request_allowed(context, url_); !good) return std::move(good).error();
  std::string with;
  const auto add = [&with](const std::string& part) { with += (with.empty() ? "" : ", ") + part; };
  if (!call->request.body.empty()) add(fmt::format("a body of {} bytes", call->request.body.size()));
  for (const auto& [name, value] : call->request.headers) add(name);
  for (const auto& [name, value] : call->secret_headers) add(name + " (secret)");
  Plan plan;
  plan.summary = fmt::format("{}{}{}, expecting {}", shown(), with.empty() ? "" : " with ", with,
                             fmt::join(expect_status_, " or "));
  plan.items.push_back({.what = shown(), .bytes = 0, .objects = 1, .note = "not sent by planning"});
  plan.objects = 1;
  return plan;
}

Status HttpRequestAction::run(ActionContext& context, Report& report) {
  const Result<HttpCall> call = this->call();
  if (!call) return call.error();
  const BootTime started = context.clock.boot();
  const Result<HttpResponse> answer = make_call(*call, context);
  const double took = std::chrono::duration<double>(context.clock.boot() - started).count();
  report.facts.emplace_back("took", fmt::format("{:.3f}s", took));
  if (!answer) return Error(answer.error()).wrap(shown());
  report.facts.emplace_back("status", std::to_string(answer->status));
  report.facts.emplace_back("answer_bytes", std::to_string(answer->body.size()));
  if (answer->redirects > 0) report.facts.emplace_back("redirects", std::to_string(answer->redirects));
  const std::string body = without_secrets(answer->body, *call);
  if (record_answer_ && !body.empty()) report.facts.emplace_back("answer", beginning(body, kRecorded));
  report.summary = fmt::format("{} answered {}", shown(), answer->status);
  const std::string why = record_answer_ && !trim(body).empty() ? ": " + beginning(body, kShown) : "";
  if (!expects(answer->status)) {
    return Error(ErrorCode::failed_precondition,
                 fmt::format("{} answered {}, expected {}{}", shown(), answer->status,
                             fmt::join(expect_status_, " or "), why));
  }
  if (expect_body_.empty() || Pattern::make(expect_body_)->search(answer->body)) return {};
  return Error(ErrorCode::failed_precondition,
               fmt::format("{} answered {}, but nothing in it matches {}{}", shown(), answer->status,
                           chiron::quoted(expect_body_), why));
}

}  // namespace chiron::remediation
