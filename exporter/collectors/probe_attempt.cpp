#include "exporter/collectors/probe_attempt.h"

#include "exporter/base/http_client.h"
#include "exporter/base/parse.h"
#include "exporter/base/redis_client.h"
#include "exporter/base/stream_socket.h"
#include "exporter/base/url.h"

#include <fmt/format.h>

namespace chiron {
namespace {

constexpr int kMaxRedirects = 10;

Status judge_http(const PreparedProbe& probe, const HttpResponse& response, ProbeOutcome& outcome) {
  outcome.status_code = response.status;
  outcome.redirects = response.redirects;
  outcome.content_length = parse_double(response.header("content-length"));
  const std::vector<int>& valid = probe.spec.valid_status;
  const bool good = valid.empty() ? response.status / 100 == 2
                                  : std::find(valid.begin(), valid.end(), response.status) != valid.end();
  if (!good)
    return Error(ErrorCode::failed_precondition,
                 fmt::format("the server answered with status {}", response.status));
  if (!probe.body) return {};
  outcome.failed_by_regex = !probe.body->search(response.body);
  if (*outcome.failed_by_regex) {
    return Error(ErrorCode::failed_precondition, "the body does not match " + probe.body->expression());
  }
  return {};
}

Status attempt_http(const PreparedProbe& probe, ProbeOutcome& outcome) {
  const Result<HttpResponse> response = http_request({.url = probe.spec.target,
                                                      .headers = {{"User-Agent", "chiron"}},
                                                      .timeout = probe.spec.timeout,
                                                      .max_redirects = kMaxRedirects});
  if (!response.ok()) return response.error();
  return judge_http(probe, *response, outcome);
}

Status attempt_connect(const PreparedProbe& probe) {
  const Result<StreamAddress> address = parse_stream_address(probe.spec.target);
  if (!address.ok()) return address.error();
  const Result<FileDescriptor> fd = connect_stream(*address, SocketWait::within(probe.spec.timeout));
  return fd.ok() ? Status() : Status(fd.error());
}

/// INFO's line of a database reads "db0:keys=12,expires=3,avg_ttl=0". An empty database has none; db0 is
/// reported all the same, so that a cache without keys is a zero and not a gap.
void read_key_counts(std::string_view info, ProbeOutcome& outcome) {
  outcome.redis_keys = {{"db0", 0}};
  std::string_view line;
  while (next_line(info, line)) {
    const std::size_t colon = line.find(":keys=");
    if (!line.starts_with("db") || colon == line.npos) continue;
    std::string_view rest = line.substr(colon + 6);
    std::string_view keys;
    if (!next_field(rest, ',', keys)) continue;
    const auto count = parse_int<std::uint64_t>(keys);
    const std::string_view name = line.substr(0, colon);
    if (!count || !parse_int<unsigned>(name.substr(2))) continue;
    if (name == "db0") {
      outcome.redis_keys.front().second = static_cast<double>(*count);
    } else {
      outcome.redis_keys.emplace_back(name, static_cast<double>(*count));
    }
  }
}

Status attempt_redis(const PreparedProbe& probe, ProbeOutcome& outcome) {
  const BootTime end = system_clock().boot() + probe.spec.timeout;
  // Read each time: the file may be written anew with another password.
  const Result<std::string> password = read_redis_password(probe.spec.password_file);
  if (!password.ok()) return password.error();
  Result<RedisClient> client = RedisClient::connect(
      {.server = probe.spec.target, .password = *password, .timeout = probe.spec.timeout});
  if (!client.ok()) return client.error();
  std::string info;
  for (const char* section : {"memory", "keyspace"}) {
    const Result<RedisReply> reply = client->command({"INFO", section}, end - system_clock().boot());
    if (!reply.ok()) return reply.error();
    info += reply->text;
    info += "\r\n";
  }
  const auto used = parse_int<std::uint64_t>(redis_info_field(info, "used_memory"));
  if (!used) return Error(ErrorCode::corrupt, "redis " + probe.spec.target + ": INFO tells no used_memory");
  outcome.redis_memory_used = static_cast<double>(*used);
  const auto most = parse_int<std::uint64_t>(redis_info_field(info, "maxmemory"));
  if (most) outcome.redis_memory_max = static_cast<double>(*most);
  read_key_counts(info, outcome);
  return {};
}

Status attempt(const PreparedProbe& probe, ProbeOutcome& outcome) {
  switch (probe.spec.module) {
    case ProbeModule::http:
      return attempt_http(probe, outcome);
    case ProbeModule::tcp:
    case ProbeModule::unix_socket:
      return attempt_connect(probe);
    case ProbeModule::redis:
      return attempt_redis(probe, outcome);
  }
  return Error(ErrorCode::internal, "no such module");
}

}  // namespace

Status check_probe_target(const ProbeSpec& spec) {
  if (spec.module == ProbeModule::http) {
    if (!spec.target.starts_with("http://") && !spec.target.starts_with("https://")) {
      return Error(ErrorCode::invalid_argument,
                   "the target of an http probe begins with http:// or https://");
    }
    const Result<Url> url = parse_url(spec.target);
    return url ? Status() : Status(url.error());
  }
  const Result<StreamAddress> address = parse_stream_address(spec.target);
  if (!address.ok()) return address.error();
  if (spec.module == ProbeModule::tcp && address->is_unix) {
    return Error(ErrorCode::invalid_argument,
                 "the target of a tcp probe is HOST:PORT; for a path use the module unix");
  }
  if (spec.module == ProbeModule::unix_socket && !address->is_unix) {
    return Error(ErrorCode::invalid_argument, "the target of a unix probe is the absolute path of a socket");
  }
  return {};
}

std::string_view to_string(ProbeModule module) {
  switch (module) {
    case ProbeModule::http:
      return "http";
    case ProbeModule::tcp:
      return "tcp";
    case ProbeModule::unix_socket:
      return "unix";
    case ProbeModule::redis:
      return "redis";
  }
  return "";
}

Result<PreparedProbe> prepare_probe(const ProbeSpec& spec) {
  const std::string where = "probe " + spec.name;
  if (Status target = check_probe_target(spec); !target.ok()) return Error(target.error()).wrap(where);
  for (const Duration time : {spec.interval, spec.timeout}) {
    if (time <= Duration::zero() || time > kLongestWait) {
      return Error(ErrorCode::invalid_argument,
                   where + ": interval and timeout are above zero, a year at most");
    }
  }
  PreparedProbe probe{spec, std::nullopt};
  if (!spec.body_regex.empty()) {
    Result<Pattern> pattern = Pattern::make(spec.body_regex);
    if (!pattern.ok()) return std::move(pattern).error().wrap(where + ": body_regex");
    probe.body = std::move(*pattern);
  }
  return probe;
}

ProbeOutcome attempt_probe(const PreparedProbe& probe) {
  ProbeOutcome outcome;
  const BootTime start = system_clock().boot();
  const Status status = attempt(probe, outcome);
  outcome.took = system_clock().boot() - start;
  outcome.success = status.ok();
  if (!status.ok()) outcome.error = status.error().to_string();
  return outcome;
}

}  // namespace chiron
