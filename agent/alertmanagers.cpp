#include "agent/alertmanagers.h"

#include "exporter/base/url.h"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

namespace chiron::agent {
namespace {

using alerting::AlertmanagerSpec;

/// A file that holds a secret is named by its absolute path: the agent has no directory of its own.
std::string path_of(yaml::Reader& reader, std::string_view key) {
  const std::string path = reader.string(key).value_or("");
  if (!path.empty() && path.front() != '/') {
    reader.fail(key, "bad-value", "'" + path + "' is not an absolute path");
  } else if (!path.empty() && ::access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    // Whoever checks may see less than the agent, and a file that is not there yet may come: it is read each
    // time.
    Diagnostic absent;
    absent.severity = Severity::warning;
    absent.code = "no-such-file";
    absent.message = std::string(key) + ": there is no file '" + path + "'";
    absent.hint = "until it is there, nothing reaches this Alertmanager";
    absent.path = reader.path();
    absent.file = reader.node(key).file();
    absent.where = reader.node(key).where();
    reader.sink().add(std::move(absent));
  }
  return path;
}

void refuse_secret(yaml::Reader& reader, std::string_view key, const std::string& instead) {
  if (!reader.has(key)) return;
  reader.fail(key, "not-supported", "a secret does not belong into this file",
              "put it into a file of its own and name that: " + instead);
}

void read_access(yaml::Reader& reader, AlertmanagerSpec& spec) {
  if (reader.has("basic_auth")) {
    yaml::Reader basic = reader.mapping("basic_auth");
    refuse_secret(basic, "password", "password_file");
    basic.require({"username"});
    spec.username = basic.string("username").value_or("");
    spec.password_file = path_of(basic, "password_file");
    if (spec.username.find(':') != std::string::npos) {
      basic.fail("username", "bad-value", "a user name for basic auth cannot hold a colon");
    }
    basic.finish();
  }
  if (reader.has("authorization")) {
    yaml::Reader authorization = reader.mapping("authorization");
    refuse_secret(authorization, "credentials", "credentials_file");
    authorization.require({"credentials_file"});
    spec.credentials_type = authorization.string("type").value_or(spec.credentials_type);
    spec.credentials_file = path_of(authorization, "credentials_file");
    if (spec.credentials_type.find_first_of(" \r\n\t") != std::string::npos) {
      authorization.fail("type", "bad-value", "'" + spec.credentials_type + "' is not one word");
    }
    authorization.finish();
    if (!spec.username.empty()) {
      reader.fail("authorization", "conflict", "both basic_auth and authorization are given; one will do");
    }
  }
  if (reader.has("tls_config")) {
    yaml::Reader tls = reader.mapping("tls_config");
    spec.ca_file = path_of(tls, "ca_file");
    spec.insecure_skip_verify = tls.boolean("insecure_skip_verify").value_or(false);
    tls.not_supported({"cert_file", "key_file", "server_name", "min_version"});
    tls.finish();
  }
}

/// Where they are, as http[s]://HOST:PORT.
std::vector<std::string> read_targets(yaml::Reader& reader) {
  std::vector<std::string> bases;
  const std::string scheme = reader.one_of("scheme", {"http", "https"}).value_or("http");
  if (const auto url = reader.string("url")) bases.push_back(*url);
  std::size_t number = 0;
  for (const yaml::Node& node : reader.list("static_configs")) {
    yaml::Reader group = reader.child(node, "static config " + std::to_string(++number));
    group.require({"targets"});
    for (const std::string& target : group.strings("targets").value_or(std::vector<std::string>{})) {
      bases.push_back(scheme + "://" + target);
    }
    group.not_supported({"labels"});
    group.finish();
  }
  if (reader.has("url") == reader.has("static_configs")) {
    reader.fail_at(reader.self(), "alertmanager-target", "an Alertmanager has either a url or static_configs",
                   "for example  - {url: 'http://127.0.0.1:9093'}");
  }
  return bases;
}

std::string prefix_of(yaml::Reader& reader) {
  std::string prefix = reader.string("path_prefix").value_or("");
  if (!prefix.empty() && prefix.front() != '/') prefix.insert(prefix.begin(), '/');
  return prefix;
}

void read_one(yaml::Reader& reader, std::vector<AlertmanagerSpec>& specs) {
  AlertmanagerSpec spec;
  spec.timeout = reader.duration("timeout").value_or(spec.timeout);
  if (spec.timeout <= Duration::zero()) reader.fail("timeout", "bad-value", "needs a timeout above zero");
  reader.one_of("api_version", {"v2"});
  read_access(reader, spec);
  const std::string prefix = prefix_of(reader);
  for (std::string base : read_targets(reader)) {
    while (base.ends_with('/')) base.pop_back();
    spec.url = base + prefix;
    while (spec.url.ends_with('/')) spec.url.pop_back();
    const Result<Url> url = parse_url(spec.url);
    const bool has_query = spec.url.find_first_of("?#") != std::string::npos;
    if (!url.ok() || url->scheme == "unix" || has_query) {
      std::string why = "'" + spec.url + "' is not an http or https address";
      if (has_query)
        why = "'" + spec.url + "' has a query or a fragment, and the path of the API goes behind it";
      reader.fail_at(reader.self(), "bad-value", url.ok() ? why : url.error().to_string());
      continue;
    }
    const bool twice =
        std::ranges::any_of(specs, [&](const AlertmanagerSpec& other) { return other.url == spec.url; });
    if (twice) {
      reader.fail_at(reader.self(), "duplicate", "the Alertmanager '" + spec.url + "' is there twice");
    }
    specs.push_back(spec);
  }
  reader.not_supported({"relabel_configs", "alert_relabel_configs", "proxy_url", "oauth2", "sigv4"});
  reader.finish();
}

}  // namespace

std::vector<AlertmanagerSpec> read_alertmanagers(yaml::Reader& root) {
  std::vector<AlertmanagerSpec> specs;
  std::size_t number = 0;
  for (const yaml::Node& node : root.list("alertmanagers")) {
    yaml::Reader reader = root.child(node, "alertmanager " + std::to_string(++number));
    if (node.is_mapping()) read_one(reader, specs);  // of another kind: the reader has said so
  }
  return specs;
}

}  // namespace chiron::agent
