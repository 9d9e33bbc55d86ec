#include "exporter/collectors/container_answers.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/engine_json.h"

namespace chiron {

using namespace engine_json;  // NOLINT(google-build-using-namespace): the decoders' vocabulary

bool is_container_id(std::string_view id) {
  return id.size() >= 12 && id.size() <= 64 && id.find_first_not_of("0123456789abcdef") == id.npos;
}

Result<std::vector<std::string>> decode_container_list(std::string_view json) {
  const Result<Json> parsed = parse(json);
  if (!parsed) return parsed.error();
  if (!parsed->is_array()) return corrupt("the list of containers is no array");
  std::vector<std::string> ids;
  ids.reserve(parsed->size());
  for (const Json& row : *parsed) {
    std::string id = text(member(row, "Id"));
    if (!is_container_id(id)) return corrupt("the list of containers has a row without a valid Id");
    ids.push_back(std::move(id));
  }
  return ids;
}

namespace {

void decode_state(const Json& state, ContainerDetail& detail) {
  detail.state = text(member(state, "Status"));
  detail.pid = integer(member(state, "Pid"));
  detail.exit_code = integer(member(state, "ExitCode"));
  detail.oom_killed = is_true(member(state, "OOMKilled"));
  detail.started_at = time(member(state, "StartedAt"));
  detail.finished_at = time(member(state, "FinishedAt"));
  detail.error = text(member(state, "Error"));
  // Podman before 4.4 calls it Healthcheck.
  const Json& health =
      member(state, "Health").is_object() ? member(state, "Health") : member(state, "Healthcheck");
  detail.health = text(member(health, "Status"));
  if (detail.health == "none") detail.health.clear();
}

}  // namespace

Result<ContainerDetail> decode_container_detail(std::string_view json) {
  const Result<Json> parsed = parse(json);
  if (!parsed) return parsed.error();
  ContainerDetail detail;
  detail.id = text(member(*parsed, "Id"));
  if (!is_container_id(detail.id)) return corrupt("the description of a container has no valid Id");
  const Json& state = member(*parsed, "State");
  if (!state.is_object()) return corrupt("the description of a container has no State");
  decode_state(state, detail);
  detail.name = text(member(*parsed, "Name"));
  if (detail.name.starts_with('/')) detail.name.erase(0, 1);
  const Json& config = member(*parsed, "Config");
  detail.image = text(member(config, "Image"));
  detail.restarts = integer(member(*parsed, "RestartCount"));
  const Json& host = member(*parsed, "HostConfig");
  detail.restart_policy = text(member(member(host, "RestartPolicy"), "Name"));
  detail.cgroup_parent = text(member(host, "CgroupParent"));
  detail.network_mode = text(member(host, "NetworkMode"));
  detail.auto_remove = is_true(member(host, "AutoRemove"));
  if (const Json& labels = member(config, "Labels"); labels.is_object()) {
    for (const auto& [name, value] : labels.items()) detail.labels.emplace_back(name, text(value));
  }
  return detail;
}

Result<bool> decode_uses_systemd_cgroups(std::string_view json) {
  const Result<Json> parsed = parse(json);
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return corrupt("the engine's description is no object");
  return text(member(*parsed, "CgroupDriver")) == "systemd";
}

Result<ContainerEvent> decode_container_event(std::string_view json) {
  const Result<Json> parsed = parse(json);
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return corrupt("an event is no object");
  ContainerEvent event;
  if (text(member(*parsed, "Type")) != "container") return event;
  event.action = text(member(*parsed, "Action"));
  const Json& actor = member(*parsed, "Actor");
  event.id = text(member(actor, "ID"));
  if (!is_container_id(event.id)) return corrupt("an event of a container has no valid ID");
  event.signal = text(member(member(actor, "Attributes"), "signal"));
  event.time = amount(member(*parsed, "time"));
  return event;
}

Result<std::vector<ContainerEvent>> decode_container_events(std::string_view lines) {
  std::vector<ContainerEvent> events;
  for (std::string_view line; next_line(lines, line);) {
    if (trim(line).empty()) continue;
    Result<ContainerEvent> event = decode_container_event(line);
    if (!event) return std::move(event).error();
    if (!event->id.empty()) events.push_back(*std::move(event));
  }
  return events;
}

namespace {

/// Adds up a list of what is stored: `in_use` says of a row whether something uses it.
template <class InUse>
EngineStore add_up(const Json& rows, const char* size, InUse in_use) {
  EngineStore store;
  if (!rows.is_array()) return store;
  for (const Json& row : rows) {
    const double bytes = amount(member(row, size));
    ++store.objects;
    store.bytes += bytes;
    if (!in_use(row)) store.reclaimable_bytes += bytes;
  }
  return store;
}

EngineStore add_up_images(const Json& disk) {
  EngineStore store;
  store.bytes = amount(member(disk, "LayersSize"));
  const Json& images = member(disk, "Images");
  if (!images.is_array()) return store;
  for (const Json& image : images) {
    ++store.objects;
    if (integer(member(image, "Containers")) > 0) continue;
    store.reclaimable_bytes +=
        std::max(0.0, amount(member(image, "Size")) - amount(member(image, "SharedSize")));
  }
  return store;
}

EngineStore add_up_volumes(const Json& rows) {
  EngineStore store;
  if (!rows.is_array()) return store;
  for (const Json& row : rows) {
    const Json& usage = member(row, "UsageData");
    const double bytes = amount(member(usage, "Size"));
    ++store.objects;
    store.bytes += bytes;
    if (integer(member(usage, "RefCount")) == 0) store.reclaimable_bytes += bytes;
  }
  return store;
}

}  // namespace

Result<EngineDisk> decode_engine_disk(std::string_view json) {
  const Result<Json> parsed = parse(json);
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return corrupt("the account of the disk is no object");
  EngineDisk disk;
  disk.images = add_up_images(*parsed);
  disk.containers = add_up(member(*parsed, "Containers"), "SizeRw", [](const Json& row) {
    const std::string state = text(member(row, "State"));
    return state == "running" || state == "paused" || state == "restarting";
  });
  disk.volumes = add_up_volumes(member(*parsed, "Volumes"));
  disk.build_cache = add_up(member(*parsed, "BuildCache"), "Size",
                            [](const Json& row) { return is_true(member(row, "InUse")); });
  return disk;
}

std::string decode_message(std::string_view json) {
  const Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  return text(member(parsed, "message"));
}

}  // namespace chiron
