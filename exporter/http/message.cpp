#include "exporter/base/parse.h"
#include "exporter/http/multipart.h"
#include "exporter/http/server.h"
#include "exporter/http/url.h"

#include <algorithm>
#include <iterator>

namespace chiron::http {
namespace {

void collect_params(std::string_view text, std::vector<std::pair<std::string, std::string>>& out) {
  std::string_view pair;
  while (next_field(text, '&', pair)) {
    const std::size_t equals = pair.find('=');
    auto key = decode_percent(pair.substr(0, equals), Plus::is_blank);
    auto value = decode_percent(
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), Plus::is_blank);
    if (key && value) out.emplace_back(*std::move(key), *std::move(value));
  }
}

/// Media types do not know upper from lower case (RFC 9110, 8.3.1); parameters may follow.
bool is_form(std::string_view content_type) {
  constexpr std::string_view kForm = "application/x-www-form-urlencoded";
  const std::string_view type = trim(content_type.substr(0, content_type.find(';')));
  return to_lower(type) == kForm;
}

}  // namespace

std::string Request::header(std::string_view lower_name) const {
  const auto it =
      std::find_if(headers.begin(), headers.end(), [&](const auto& h) { return h.first == lower_name; });
  return it == headers.end() ? std::string() : it->second;
}

std::string Request::header_list(std::string_view lower_name) const {
  std::string list;
  for (const auto& [name, value] : headers) {
    if (name == lower_name) list += (list.empty() ? "" : ",") + value;
  }
  return list;
}

std::vector<std::pair<std::string, std::string>> Request::all_params() const {
  std::vector<std::pair<std::string, std::string>> all;
  const std::string type = header("content-type");
  if (is_form(type)) collect_params(trim(body), all);
  collect_params(query, all);
  // Go's net/http, whose clients these are, puts them in this order (ParseMultipartForm).
  if (auto fields = parse_multipart(type, body)) {
    all.insert(all.end(), std::move_iterator(fields->begin()), std::move_iterator(fields->end()));
  }
  return all;
}

std::vector<std::string> Request::params(std::string_view name) const {
  std::vector<std::string> values;
  for (auto& [key, value] : all_params()) {
    if (key == name) values.push_back(std::move(value));
  }
  return values;
}

std::string Request::param(std::string_view name) const {
  std::vector<std::string> values = params(name);
  return values.empty() ? std::string() : std::move(values.front());
}

}  // namespace chiron::http
