#pragma once

#include "exporter/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What an engine stores, object by object, decoded from its answers (Docker Engine API 1.41; Podman's
// compatible API leaves fields out). The decoders give ErrorCode::corrupt for what is no JSON or not of this
// shape.

namespace chiron {

/// An image, container, network, volume or record of the build cache.
struct EngineObject {
  std::string id;                    ///< what the engine addresses it by; of a volume its name
  std::vector<std::string> names;    ///< tags of an image, the name of the others; what a build step did
  std::vector<std::string> digests;  ///< of an image: NAME@sha256:...
  std::string image;                 ///< of a container: as it was asked for
  std::string state;                 ///< of a container
  std::vector<std::string> parents;  ///< of an image or a record of the build cache: what it was made from
  double since = 0;  ///< made, or of the build cache last used, in seconds since the epoch; 0: not known
  std::uint64_t bytes = 0;  ///< that surely come free with it; of an image, its layers that no other one has
  bool in_use = false;      ///< as far as the same answer tells
  bool anonymous = false;   ///< a volume that got its name from the engine
  std::vector<std::pair<std::string, std::string>> labels;
};

/// GET /system/df
struct EngineInventory {
  std::vector<EngineObject> containers, images, volumes, build_cache;
  std::uint64_t layer_bytes = 0;  ///< of all images; layers that several share count once
};
Result<EngineInventory> decode_engine_inventory(std::string_view json);

/// GET /images/json, without the bytes.
Result<std::vector<EngineObject>> decode_images(std::string_view json);
/// GET /images/ID/json. `since` is the later of when it was made and when it was last tagged here.
Result<EngineObject> decode_image(std::string_view json);
/// GET /volumes/NAME
Result<EngineObject> decode_volume(std::string_view json);
/// GET /networks: those of this host alone that somebody made.
Result<std::vector<EngineObject>> decode_networks(std::string_view json);
/// GET /networks/ID
Result<EngineObject> decode_network(std::string_view json);

/// GET /info: where the engine keeps what it stores, as its own mounts have it.
struct EngineStorage {
  std::string root;            ///< DockerRootDir
  std::string driver;          ///< overlay2, vfs, overlay, ...
  bool in_containerd = false;  ///< the images are containerd's, elsewhere
};
Result<EngineStorage> decode_engine_storage(std::string_view json);

/// POST /build/prune
struct BuildPruned {
  std::vector<std::string> ids;
  std::uint64_t bytes = 0;
};
Result<BuildPruned> decode_build_pruned(std::string_view json);

}  // namespace chiron
