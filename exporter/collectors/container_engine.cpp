#include "exporter/collectors/container_engine.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/stat.h>

namespace chiron {
namespace {

/// The list of a thousand containers has 2 MB, the account of the disk more.
constexpr std::size_t kLongestAnswer = 64 << 20;

ErrorCode code_of(int status) {
  if (status == 404) return ErrorCode::not_found;
  if (status == 400) return ErrorCode::invalid_argument;
  if (status == 403) return ErrorCode::permission_denied;
  if (status == 409) return ErrorCode::failed_precondition;
  return ErrorCode::unavailable;
}

}  // namespace

std::vector<std::string> find_engine_sockets(const HostPaths& paths, std::vector<std::string> given) {
  if (given.empty()) {
    given = {"/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock"};
    if (const char* user = std::getenv("XDG_RUNTIME_DIR"); user != nullptr && *user == '/') {
      given.push_back(std::string(user) + "/podman/podman.sock");
    }
  }
  std::vector<std::string> sockets;
  std::vector<std::pair<dev_t, ino_t>> seen;
  for (const std::string& each : given) {
    std::string path = paths.root(each);
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0 || !S_ISSOCK(facts.st_mode)) continue;
    // /var/run is a link to /run on most hosts.
    const std::pair identity(facts.st_dev, facts.st_ino);
    if (std::ranges::find(seen, identity) != seen.end()) continue;
    seen.push_back(identity);
    sockets.push_back(std::move(path));
  }
  return sockets;
}

Error ContainerEngine::failure(Error error) const {
  return std::move(error).wrap("container engine " + socket_);
}

Result<std::string> ContainerEngine::request(const HttpStream::Request& request,
                                             const SocketWait& wait) const {
  const auto fail = [&](Error error) {
    return failure(std::move(error).wrap(request.method + " " + request.target));
  };
  Result<HttpStream> stream = HttpStream::open(socket_, request, wait);
  if (!stream) return fail(std::move(stream).error());
  Result<std::string> body = stream->read_all(kLongestAnswer, wait);
  if (!body) return fail(std::move(body).error());
  const int status = stream->status();
  // 304: it already is as it was to become.
  if ((status >= 200 && status < 300) || status == 304) return body;
  return fail(Error(code_of(status), fmt::format("status {}: {}", status, decode_message(*body))));
}

template <class T>
Result<T> ContainerEngine::get(const std::string& target, const SocketWait& wait,
                               Result<T> (*decode)(std::string_view)) const {
  const Result<std::string> body = request({.target = target}, wait);
  if (!body) return body.error();
  Result<T> decoded = decode(*body);
  if (decoded) return decoded;
  return failure(std::move(decoded).error().wrap("GET " + target));
}

Result<std::vector<std::string>> ContainerEngine::list(const SocketWait& wait) const {
  return get("/containers/json?all=true", wait, decode_container_list);
}

Result<ContainerDetail> ContainerEngine::inspect(const std::string& id, const SocketWait& wait) const {
  return get("/containers/" + id + "/json", wait, decode_container_detail);
}

Result<bool> ContainerEngine::uses_systemd_cgroups(const SocketWait& wait) const {
  return get("/info", wait, decode_uses_systemd_cgroups);
}

Result<EngineDisk> ContainerEngine::disk_usage(const SocketWait& wait) const {
  return get("/system/df", wait, decode_engine_disk);
}

Status ContainerEngine::ping(const SocketWait& wait) const {
  const Result<std::string> answer = request({.target = "/_ping"}, wait);
  return answer ? Status() : Status(answer.error());
}

Result<HttpStream> ContainerEngine::events(std::int64_t since, const SocketWait& wait) const {
  // filters={"type":["container"]}
  const std::string target =
      fmt::format("/events?since={}&filters=%7B%22type%22%3A%5B%22container%22%5D%7D", since);
  Result<HttpStream> stream = HttpStream::open(socket_, {.target = target}, wait);
  if (!stream) return failure(std::move(stream).error().wrap("GET /events"));
  return stream;
}

Result<std::vector<ContainerEvent>> ContainerEngine::past_events(const std::string& id, std::int64_t since,
                                                                 WallTime until,
                                                                 const SocketWait& wait) const {
  // With an end that has passed the engines answer what they remember and close; whole seconds would leave
  // out the present one. filters={"type":["container"],"container":["ID"]}
  const std::int64_t end = to_ms(until);
  return get(fmt::format("/events?since={}&until={}.{:03}&filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22"
                         "container%22%3A%5B%22{}%22%5D%7D",
                         since, end / 1000, end % 1000, id),
             wait, decode_container_events);
}

}  // namespace chiron
