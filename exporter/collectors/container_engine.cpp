#include "exporter/collectors/container_engine.h"

#include "exporter/base/http_client.h"
#include "exporter/base/parse.h"

#include <ctime>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chiron {
namespace {

using Json = nlohmann::json;

/// Label values come from these; longer ones are no names that an engine gives.
constexpr std::size_t kLongestText = 512;

Error corrupt(std::string what) { return {ErrorCode::corrupt, std::move(what)}; }

Result<Json> parse(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return corrupt("the answer is not JSON");
  return json;
}

/// The member, or null when `object` is no object or has none.
const Json& member(const Json& object, const char* name) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto found = object.find(name);
  return found == object.end() ? null : *found;
}

std::string text(const Json& value) {
  if (!value.is_string()) return {};
  return value.get_ref<const std::string&>().substr(0, kLongestText);
}

std::int64_t integer(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    return number > INT64_MAX ? 0 : static_cast<std::int64_t>(number);
  }
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

bool is_container_id(std::string_view id) {
  return id.size() >= 12 && id.size() <= 64 && id.find_first_not_of("0123456789abcdef") == id.npos;
}

/// Of several names (links make more, with a second slash) the container's own.
std::string own_name(const Json& names) {
  std::string first;
  if (!names.is_array()) return first;
  for (const Json& each : names) {
    std::string name = text(each);
    if (name.starts_with('/')) name.erase(0, 1);
    if (name.empty()) continue;
    if (name.find('/') == name.npos) return name;
    if (first.empty()) first = std::move(name);
  }
  return first;
}

/// RFC 3339 as the engines write it, with up to nine decimals and any offset; 0 for the year 1, which stands
/// for never.
double parse_time(std::string_view text) {
  const auto digits = [&](std::size_t at, std::size_t count) {
    return at + count <= text.size() ? parse_int<int>(text.substr(at, count)).value_or(-1) : -1;
  };
  tm parts{};
  parts.tm_year = digits(0, 4) - 1900;
  parts.tm_mon = digits(5, 2) - 1;
  parts.tm_mday = digits(8, 2);
  parts.tm_hour = digits(11, 2);
  parts.tm_min = digits(14, 2);
  parts.tm_sec = digits(17, 2);
  if (parts.tm_year < 70 || parts.tm_mon < 0 || parts.tm_mday < 1 || parts.tm_hour < 0 || parts.tm_min < 0 ||
      parts.tm_sec < 0) {
    return 0;
  }
  double seconds = static_cast<double>(::timegm(&parts));
  std::size_t at = 19;
  if (at < text.size() && text[at] == '.') {
    const std::size_t end = std::min(text.find_first_not_of("0123456789", at + 1), text.size());
    seconds += parse_double(fmt::format("0{}", text.substr(at, end - at))).value_or(0);
    at = end;
  }
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    const int offset = digits(at + 1, 2) * 3600 + digits(at + 4, 2) * 60;
    seconds -= text[at] == '+' ? offset : -offset;
  }
  return seconds;
}

}  // namespace

Result<std::vector<ContainerSummary>> decode_container_list(std::string_view json) {
  const Result<Json> parsed = parse(json);
  if (!parsed.ok()) return parsed.error();
  if (!parsed->is_array()) return corrupt("the list of containers is no array");
  std::vector<ContainerSummary> containers;
  containers.reserve(parsed->size());
  for (const Json& row : *parsed) {
    ContainerSummary container;
    container.id = text(member(row, "Id"));
    if (!is_container_id(container.id)) return corrupt("the list of containers has a row without a valid Id");
    container.name = own_name(member(row, "Names"));
    container.image = text(member(row, "Image"));
    container.state = text(member(row, "State"));
    container.status = text(member(row, "Status"));
    containers.push_back(std::move(container));
  }
  return containers;
}

Result<ContainerDetail> decode_container_detail(std::string_view json) {
  const Result<Json> parsed = parse(json);
  if (!parsed.ok()) return parsed.error();
  const Json& state = member(*parsed, "State");
  if (!state.is_object()) return corrupt("the description of a container has no State");
  ContainerDetail detail;
  detail.pid = integer(member(state, "Pid"));
  detail.exit_code = integer(member(state, "ExitCode"));
  detail.started_at = parse_time(text(member(state, "StartedAt")));
  // Podman before 4.4 calls it Healthcheck.
  const Json& health =
      member(state, "Health").is_object() ? member(state, "Health") : member(state, "Healthcheck");
  detail.health = text(member(health, "Status"));
  if (detail.health == "none") detail.health.clear();
  detail.restarts = integer(member(*parsed, "RestartCount"));
  detail.cgroup_parent = text(member(member(*parsed, "HostConfig"), "CgroupParent"));
  return detail;
}

Result<bool> decode_uses_systemd_cgroups(std::string_view json) {
  const Result<Json> parsed = parse(json);
  if (!parsed.ok()) return parsed.error();
  if (!parsed->is_object()) return corrupt("the engine's description is no object");
  return text(member(*parsed, "CgroupDriver")) == "systemd";
}

Result<std::string> ContainerEngine::get(const std::string& target, Duration timeout) const {
  const auto fail = [&](Error error) { return std::move(error).wrap("container engine " + socket_); };
  if (timeout <= Duration::zero()) return fail(Error(ErrorCode::timed_out, "no time left for GET " + target));
  Result<HttpResponse> response = http_request(
      {.url = "unix://" + socket_, .target = target, .headers = {{"Host", "localhost"}}, .timeout = timeout});
  if (!response.ok()) return fail(std::move(response).error().wrap("GET " + target));
  if (response->status == 200) return std::move(response->body);
  const Json body = Json::parse(response->body, nullptr, false);
  const ErrorCode code = response->status == 404 ? ErrorCode::not_found : ErrorCode::unavailable;
  return fail(Error(
      code, fmt::format("GET {}: status {}: {}", target, response->status, text(member(body, "message")))));
}

namespace {

template <class T>
Result<T> named(Result<T> decoded, const std::string& socket) {
  if (decoded.ok()) return decoded;
  return std::move(decoded).error().wrap("container engine " + socket);
}

}  // namespace

Result<std::vector<ContainerSummary>> ContainerEngine::list(Duration timeout) const {
  const Result<std::string> body = get("/containers/json?all=true", timeout);
  if (!body.ok()) return body.error();
  return named(decode_container_list(*body), socket_);
}

Result<ContainerDetail> ContainerEngine::inspect(const std::string& id, Duration timeout) const {
  const Result<std::string> body = get("/containers/" + id + "/json", timeout);
  if (!body.ok()) return body.error();
  return named(decode_container_detail(*body), socket_);
}

Result<bool> ContainerEngine::uses_systemd_cgroups(Duration timeout) const {
  const Result<std::string> body = get("/info", timeout);
  if (!body.ok()) return body.error();
  return named(decode_uses_systemd_cgroups(*body), socket_);
}

}  // namespace chiron
