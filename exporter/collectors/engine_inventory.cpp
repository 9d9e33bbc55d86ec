#include "exporter/collectors/engine_inventory.h"

#include "exporter/collectors/engine_json.h"

#include <algorithm>

namespace chiron {

using namespace engine_json;  // NOLINT(google-build-using-namespace): the decoders' vocabulary

namespace {

constexpr double kMostBytes = 9e18;

std::uint64_t bytes_of(const Json& value) {
  return static_cast<std::uint64_t>(std::min(amount(value), kMostBytes));
}

std::vector<std::string> texts(const Json& list) {
  std::vector<std::string> found;
  if (!list.is_array()) return found;
  for (const Json& each : list) {
    std::string one = text(each);
    // What an image without a tag or digest is listed with.
    if (!one.empty() && !one.starts_with("<none>")) found.push_back(std::move(one));
  }
  return found;
}

std::vector<std::pair<std::string, std::string>> labels_of(const Json& labels) {
  std::vector<std::pair<std::string, std::string>> found;
  if (!labels.is_object()) return found;
  for (const auto& [name, value] : labels.items()) found.emplace_back(name, text(value));
  return found;
}

EngineObject image_of(const Json& row, const Json& labels) {
  return {.id = text(member(row, "Id")),
          .names = texts(member(row, "RepoTags")),
          .digests = texts(member(row, "RepoDigests")),
          .image = {},
          .state = {},
          .parents = {},
          .labels = labels_of(labels)};
}

EngineObject listed_image(const Json& row) {
  EngineObject image = image_of(row, member(row, "Labels"));
  image.since = static_cast<double>(integer(member(row, "Created")));
  // -1 stands for not known, which leaves it to the question that is asked before the image goes.
  image.in_use = integer(member(row, "Containers")) > 0;
  if (std::string parent = text(member(row, "ParentId")); !parent.empty())
    image.parents = {std::move(parent)};
  return image;
}

EngineObject container_of(const Json& row) {
  EngineObject container{.id = text(member(row, "Id")),
                         .names = texts(member(row, "Names")),
                         .digests = {},
                         .image = text(member(row, "Image")),
                         .state = text(member(row, "State")),
                         .parents = {},
                         .since = static_cast<double>(integer(member(row, "Created"))),
                         .bytes = bytes_of(member(row, "SizeRw")),
                         .labels = labels_of(member(row, "Labels"))};
  for (std::string& name : container.names) {
    if (name.starts_with('/')) name.erase(0, 1);
  }
  container.in_use = container.state != "exited" && container.state != "created" && container.state != "dead";
  return container;
}

/// A name of 64 hexadecimal digits is one that an engine chose.
bool is_chosen_by_engine(std::string_view name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == name.npos;
}

EngineObject volume_of(const Json& row) {
  std::string name = text(member(row, "Name"));
  const Json& usage = member(row, "UsageData");
  return {.id = name,
          .names = {name},
          .digests = {},
          .image = {},
          .state = {},
          .parents = {},
          .since = time(member(row, "CreatedAt")),
          .bytes = bytes_of(member(usage, "Size")),
          .in_use = integer(member(usage, "RefCount")) > 0,
          .anonymous = is_chosen_by_engine(name),
          .labels = labels_of(member(row, "Labels"))};
}

EngineObject record_of(const Json& row) {
  const double used = time(member(row, "LastUsedAt"));
  std::vector<std::string> parents = texts(member(row, "Parents"));
  // API 1.41 has one.
  if (std::string parent = text(member(row, "Parent")); !parent.empty()) parents.push_back(std::move(parent));
  return {.id = text(member(row, "ID")),
          .names = {text(member(row, "Description"))},
          .digests = {},
          .image = {},
          .state = {},
          .parents = std::move(parents),
          .since = std::max(used, time(member(row, "CreatedAt"))),
          .bytes = bytes_of(member(row, "Size")),
          // What images share with the cache is theirs: it frees nothing.
          .in_use = is_true(member(row, "InUse")) || is_true(member(row, "Shared")),
          .labels = {}};
}

EngineObject network_of(const Json& row) {
  EngineObject network{.id = text(member(row, "Id")),
                       .names = {text(member(row, "Name"))},
                       .digests = {},
                       .image = {},
                       .state = {},
                       .parents = {},
                       .since = time(member(row, "Created")),
                       .labels = labels_of(member(row, "Labels"))};
  const Json& containers = member(row, "Containers");
  network.in_use = containers.is_object() && !containers.empty();
  return network;
}

/// Those that every engine comes with, and those of a swarm, are not this host's to remove.
bool is_made_here(const Json& row) {
  constexpr std::string_view kBuiltIn[] = {"bridge", "host", "none", "podman", "ingress"};
  const std::string name = text(member(row, "Name"));
  const std::string scope = text(member(row, "Scope"));
  return std::ranges::find(kBuiltIn, name) == std::end(kBuiltIn) && (scope.empty() || scope == "local") &&
         !is_true(member(row, "Ingress"));
}

/// A list whose rows all have an id; an absent one is empty.
template <class Decode>
Status add_rows(const Json& rows, const char* what, Decode decode, std::vector<EngineObject>& into) {
  if (rows.is_null()) return {};
  if (!rows.is_array()) return corrupt(std::string(what) + " are no array");
  into.reserve(rows.size());
  for (const Json& row : rows) {
    EngineObject object = decode(row);
    if (object.id.empty()) return corrupt(std::string(what) + " have a row without an id");
    into.push_back(std::move(object));
  }
  return {};
}

Result<EngineObject> one(std::string_view json, const char* what, EngineObject (*decode)(const Json&)) {
  const Result<Json> parsed = parse(json);
  if (!parsed) return parsed.error();
  EngineObject object = decode(*parsed);
  if (object.id.empty()) return corrupt(std::string("the description of ") + what + " has no id");
  return object;
}

}  // namespace

Result<EngineInventory> decode_engine_inventory(std::string_view json) {
  const Result<Json> parsed = parse(json);
  if (!parsed) return parsed.error();
  // API 1.52 answers in another shape, which must not be taken for an engine that stores nothing.
  if (!parsed->is_object() || !parsed->contains("Images"))
    return corrupt("the account of the disk has no Images");
  EngineInventory found;
  const Json& images = member(*parsed, "Images");
  if (Status good = add_rows(images, "the images", listed_image, found.images); !good) return good.error();
  for (std::size_t i = 0; i < found.images.size(); ++i) {
    const double alone = amount(member(images[i], "Size")) - amount(member(images[i], "SharedSize"));
    found.images[i].bytes = static_cast<std::uint64_t>(std::clamp(alone, 0.0, kMostBytes));
  }
  if (Status good = add_rows(member(*parsed, "Containers"), "the containers", container_of, found.containers);
      !good) {
    return good.error();
  }
  if (Status good = add_rows(member(*parsed, "Volumes"), "the volumes", volume_of, found.volumes); !good) {
    return good.error();
  }
  if (Status good = add_rows(member(*parsed, "BuildCache"), "the build cache", record_of, found.build_cache);
      !good) {
    return good.error();
  }
  found.layer_bytes = bytes_of(member(*parsed, "LayersSize"));
  return found;
}

Result<std::vector<EngineObject>> decode_images(std::string_view json) {
  const Result<Json> parsed = parse(json);
  if (!parsed) return parsed.error();
  std::vector<EngineObject> images;
  if (parsed->is_null()) return corrupt("the list of images is null");
  if (Status good = add_rows(*parsed, "the images", listed_image, images); !good) return good.error();
  return images;
}

Result<EngineObject> decode_image(std::string_view json) {
  return one(json, "an image", [](const Json& parsed) {
    EngineObject image = image_of(parsed, member(member(parsed, "Config"), "Labels"));
    image.since =
        std::max(time(member(parsed, "Created")), time(member(member(parsed, "Metadata"), "LastTagTime")));
    return image;
  });
}

Result<EngineObject> decode_volume(std::string_view json) { return one(json, "a volume", volume_of); }

Result<std::vector<EngineObject>> decode_networks(std::string_view json) {
  const Result<Json> parsed = parse(json);
  if (!parsed) return parsed.error();
  if (!parsed->is_array()) return corrupt("the list of networks is no array");
  std::vector<EngineObject> networks;
  for (const Json& row : *parsed) {
    if (!is_made_here(row)) continue;
    EngineObject network = network_of(row);
    if (network.id.empty()) return corrupt("the list of networks has a row without an id");
    networks.push_back(std::move(network));
  }
  return networks;
}

Result<EngineObject> decode_network(std::string_view json) { return one(json, "a network", network_of); }

Result<EngineStorage> decode_engine_storage(std::string_view json) {
  const Result<Json> parsed = parse(json);
  if (!parsed) return parsed.error();
  EngineStorage storage{.root = text(member(*parsed, "DockerRootDir")),
                        .driver = text(member(*parsed, "Driver"))};
  if (storage.root.empty()) return corrupt("the engine's description has no DockerRootDir");
  const Json& status = member(*parsed, "DriverStatus");
  if (!status.is_array()) return storage;
  for (const Json& pair : status) {
    if (!pair.is_array() || pair.size() != 2) continue;
    storage.in_containerd |= text(pair[1]) == "io.containerd.snapshotter.v1";
  }
  return storage;
}

Result<BuildPruned> decode_build_pruned(std::string_view json) {
  const Result<Json> parsed = parse(json);
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return corrupt("the answer to a prune is no object");
  return BuildPruned{.ids = texts(member(*parsed, "CachesDeleted")),
                     .bytes = bytes_of(member(*parsed, "SpaceReclaimed"))};
}

}  // namespace chiron
