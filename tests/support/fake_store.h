#pragma once

#include "tests/support/engine_server.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace chiron::testing {

/// What a container engine stores, answering as Docker 20.10 does, with its refusals.
class FakeStore {
 public:
  struct Image {
    std::vector<std::string> tags = {};
    std::int64_t created = 1'600'000'000;
    std::uint64_t size = 100, shared = 0;
    std::string parent = "", labels = "{}", last_tag = "0001-01-01T00:00:00Z";
    std::vector<std::string> digests = {};
  };
  struct Container {
    std::string name = "", image = "", state = "running", finished = "2020-01-01T00:00:00Z", volume = "",
                network = "";
  };
  struct Volume {
    std::string created = "2020-01-01T00:00:00Z";
    std::uint64_t size = 10;
  };
  struct Record {
    std::string used = "2020-01-01T00:00:00Z", parent = "";
    bool in_use = false;
    std::uint64_t size = 5;
  };
  std::map<std::string, Image> images;          // by id
  std::map<std::string, Container> containers;  // by id
  std::map<std::string, Volume> volumes;        // by name
  std::map<std::string, std::string> networks;  // id to name
  std::map<std::string, Record> records;        // by id
  std::string root = "/nowhere", driver_status = "[]";
  std::vector<std::string> deeds;
  /// Called with every request line before it is answered, with the mutex held; what it returns is the
  /// answer, unless it is empty.
  std::function<std::string(std::string_view)> interfere;
  std::mutex mutex;

  std::string operator()(std::string_view request) {
    const std::lock_guard lock(mutex);
    const std::string line(request.substr(0, request.find(" HTTP/")));
    if (!line.starts_with("GET ")) deeds.push_back(line);
    if (interfere) {
      if (std::string answer = interfere(line); !answer.empty()) return answer;
    }
    return answer(line);
  }

 private:
  static std::string ok(const std::string& body) { return http_answer(200, body); }
  static std::string conflict(const std::string& why) {
    return http_answer(409, R"({"message":")" + why + "\"}");
  }
  static std::string quoted(const std::vector<std::string>& texts) {
    return texts.empty() ? "[]" : fmt::format("[\"{}\"]", fmt::join(texts, "\",\""));
  }
  static std::string after(std::string_view line, std::string_view prefix) {
    line.remove_prefix(prefix.size());
    return std::string(line.substr(0, line.find('?')));
  }

  std::string answer(const std::string& line) {
    if (line == "GET /_ping") return ok("OK");
    if (line == "GET /info") {
      return ok(R"({"DockerRootDir":")" + root + R"(","Driver":"vfs","DriverStatus":)" + driver_status + "}");
    }
    if (line == "GET /system/df") return ok(disk());
    if (line.starts_with("GET /images/json"))
      return ok(rows(images, [this](auto& each) { return image(each); }));
    if (line.starts_with("GET /networks/")) return one(networks, after(line, "GET /networks/"), network);
    if (line == "GET /networks") return ok(rows(networks, network));
    if (line.starts_with("GET /volumes/")) return one(volumes, after(line, "GET /volumes/"), volume);
    if (line.starts_with("GET /containers/json")) return ok(users(line));
    if (line.starts_with("GET /containers/")) return inspect(line);
    if (line.starts_with("GET /images/")) return inspect_image(line.substr(12, line.size() - 12 - 5));
    if (line.starts_with("DELETE /images/")) return remove_image(after(line, "DELETE /images/"));
    if (line.starts_with("DELETE /containers/")) return erase(containers, after(line, "DELETE /containers/"));
    if (line.starts_with("DELETE /volumes/")) return erase(volumes, after(line, "DELETE /volumes/"));
    if (line.starts_with("DELETE /networks/")) return erase(networks, after(line, "DELETE /networks/"));
    if (line.starts_with("POST /build/prune?")) return prune(line);
    return http_answer(404, R"({"message":"page not found"})");
  }

  template <class Map, class Describe>
  static std::string rows(const Map& map, Describe describe) {
    std::vector<std::string> all;
    for (const auto& each : map) all.push_back(describe(each));
    return fmt::format("[{}]", fmt::join(all, ","));
  }
  template <class Map, class Describe>
  static std::string one(const Map& map, const std::string& key, Describe describe) {
    const auto found = map.find(key);
    return found == map.end() ? http_answer(404, R"({"message":"no such thing"})") : ok(describe(*found));
  }
  template <class Map>
  static std::string erase(Map& map, const std::string& key) {
    return map.erase(key) == 0 ? http_answer(404, R"({"message":"no such thing"})") : http_answer(204, "");
  }

  std::string image(const std::pair<const std::string, Image>& each) const {
    const auto& [id, it] = each;
    const auto count = std::ranges::count_if(containers, [&](const auto& c) { return c.second.image == id; });
    return fmt::format(R"({{"Id":"{}","ParentId":"{}","RepoTags":{},"RepoDigests":{},"Created":{},"Size":{},)"
                       R"("SharedSize":{},"Containers":{},"Labels":{}}})",
                       id, it.parent, quoted(it.tags), quoted(it.digests), it.created, it.size, it.shared,
                       count, it.labels);
  }
  static std::string volume(const std::pair<const std::string, Volume>& each) {
    return fmt::format(
        R"({{"Name":"{}","CreatedAt":"{}","Labels":null,"UsageData":{{"Size":{},"RefCount":0}}}})",
        each.first, each.second.created, each.second.size);
  }
  static std::string network(const std::pair<const std::string, std::string>& each) {
    return fmt::format(R"({{"Id":"{}","Name":"{}","Created":"2020-01-01T00:00:00Z","Scope":"local"}})",
                       each.first, each.second);
  }
  static std::string container(const std::pair<const std::string, Container>& each) {
    return fmt::format(
        R"({{"Id":"{}","Names":["/{}"],"Image":"x","ImageID":"{}","State":"{}","Created":1577836800,)"
        R"("SizeRw":7,"Labels":{{}}}})",
        each.first, each.second.name, each.second.image, each.second.state);
  }
  static std::string record(const std::pair<const std::string, Record>& each) {
    return fmt::format(R"({{"ID":"{}","Parent":"{}","Type":"regular","InUse":{},"Shared":false,"Size":{},)"
                       R"("CreatedAt":"2020-01-01T00:00:00Z","LastUsedAt":"{}"}})",
                       each.first, each.second.parent, each.second.in_use, each.second.size,
                       each.second.used);
  }
  std::string disk() const {
    std::uint64_t layers = 0;
    for (const auto& [id, it] : images) layers += it.size - it.shared;
    return fmt::format(R"({{"LayersSize":{},"Images":{},"Containers":{},"Volumes":{},"BuildCache":{}}})",
                       layers, rows(images, [this](auto& each) { return image(each); }),
                       rows(containers, container), rows(volumes, volume), rows(records, record));
  }
  /// filters={"KIND":["VALUE"]}
  std::string users(const std::string& line) const {
    const auto asked = [&](std::string_view kind, const std::string& value) {
      return !value.empty() && line.find(fmt::format("%22{}%22%3A%5B%22{}%22", kind, value)) != line.npos;
    };
    std::vector<std::string> all;
    for (const auto& [id, c] : containers) {
      if (asked("ancestor", c.image) || asked("volume", c.volume) || asked("network", c.network)) {
        all.push_back(R"({"Id":")" + id + "\"}");
      }
    }
    return fmt::format("[{}]", fmt::join(all, ","));
  }
  std::string inspect(const std::string& line) const {
    const std::string id = line.substr(16, line.size() - 16 - 5);
    const auto found = containers.find(id);
    if (found == containers.end()) return http_answer(404, R"({"message":"no such container"})");
    return ok(
        fmt::format(R"({{"Id":"{}","Name":"/{}","State":{{"Status":"{}","StartedAt":"2020-01-01T00:00:00Z",)"
                    R"("FinishedAt":"{}"}},"Config":{{}},"HostConfig":{{}}}})",
                    id, found->second.name, found->second.state, found->second.finished));
  }
  std::map<std::string, Image>::iterator find_image(const std::string& reference) {
    return std::ranges::find_if(images, [&](const auto& each) {
      return each.first == reference || std::ranges::count(each.second.tags, reference) > 0 ||
             std::ranges::count(each.second.digests, reference) > 0;
    });
  }
  std::string inspect_image(const std::string& reference) {
    const auto found = find_image(reference);
    if (found == images.end()) return http_answer(404, R"({"message":"no such image"})");
    return ok(fmt::format(R"({{"Id":"{}","RepoTags":{},"RepoDigests":{},"Created":"2020-01-01T00:00:00Z",)"
                          R"("Config":{{"Labels":{}}},"Metadata":{{"LastTagTime":"{}"}}}})",
                          found->first, quoted(found->second.tags), quoted(found->second.digests),
                          found->second.labels, found->second.last_tag));
  }
  std::string remove_image(const std::string& reference) {
    const auto found = find_image(reference);
    if (found == images.end()) return http_answer(404, R"({"message":"no such image"})");
    auto& [id, it] = *found;
    const std::string key = id;
    if (reference != key && it.tags.size() + it.digests.size() > 1) {
      std::erase(it.tags, reference);
      std::erase(it.digests, reference);
      return ok("[]");
    }
    if (it.tags.size() > 1) return conflict("image is referenced in multiple repositories");
    for (const auto& [other, c] : containers) {
      if (c.image == key) return conflict("image is being used by container");
    }
    for (const auto& [other, child] : images) {
      if (child.parent == key) return conflict("image has dependent child images");
    }
    images.erase(found);
    return ok("[]");
  }
  std::string prune(const std::string& line) {
    for (const auto& [id, it] : records) {
      if (line.find("%22" + id + "%22") == line.npos) continue;
      const std::string key = id;
      const auto is_child = [&](const auto& each) { return each.second.parent == key; };
      if (it.in_use || std::ranges::any_of(records, is_child)) break;
      const std::uint64_t size = it.size;
      records.erase(key);
      return ok(fmt::format(R"({{"CachesDeleted":["{}"],"SpaceReclaimed":{}}})", key, size));
    }
    return ok(R"({"CachesDeleted":null,"SpaceReclaimed":0})");
  }
};

}  // namespace chiron::testing
