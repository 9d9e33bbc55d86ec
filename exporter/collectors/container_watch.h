#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/clock.h"
#include "exporter/base/isolation.h"
#include "exporter/base/result.h"
#include "exporter/collectors/container_answers.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chiron {

/// What is known of a container; a change makes another one.
struct ContainerRecord {
  ContainerDetail detail;
  std::uint64_t ooms = 0;  ///< "oom" events since the watch began
};

/// What is known of an engine. Immutable once published.
struct EngineView {
  /// By id, sorted.
  std::vector<std::shared_ptr<const ContainerRecord>> containers;
  bool known = false;          ///< the containers were listed at least once
  bool up = false;             ///< it answers, and its events arrive
  std::optional<Error> error;  ///< why not; or what could not be learnt of one container
  BootTime up_until{};         ///< when it was last known to be up
  bool systemd_cgroups = false;
};

struct EngineDiskView {
  EngineDisk disk;
  BootTime taken{};
};

/// Knows the containers of an engine without asking for them: a worker lists and inspects them once, then
/// follows the engine's events and inspects a container when something happened to it. What happens between
/// the list and the events is not lost: the events are asked for first, from a moment before. When the stream
/// breaks it connects and lists again. A silent stream looks the same as that of an engine that hangs, so the
/// engine is asked for a sign of life when it was silent for a while; one that gives none is down, and its
/// stream is kept for when it wakes up. Sizes on the disk come from a worker of their own, seldom.
/// Thread-safe. The destructor waits for nothing.
class ContainerWatch {
 public:
  struct Options {
    Duration timeout = std::chrono::seconds(5);  ///< of an answer
    /// How long a stream may be silent before the engine is asked for a sign of life, and how long that may
    /// take. With a sampling interval of 5 s, an engine that hangs is seen down within two.
    Duration sign_of_life = std::chrono::seconds(3);
    Duration life_timeout = std::chrono::seconds(2);
    Duration reconnect = std::chrono::seconds(2);       ///< after a failure
    Duration disk_interval = std::chrono::minutes(30);  ///< zero: never
    Duration disk_timeout = std::chrono::minutes(3);
  };
  ContainerWatch(std::string socket, Options options);
  ~ContainerWatch();
  ContainerWatch(const ContainerWatch&) = delete;
  ContainerWatch& operator=(const ContainerWatch&) = delete;

  /// Starts workers that are due; what is known now. The first time it waits for the first answer or failure,
  /// at most until `deadline`.
  std::shared_ptr<const EngineView> look(BootTime deadline);
  /// Null before the first answer. An engine that fails to answer leaves the last one, with its age.
  std::shared_ptr<const EngineDiskView> disk() const;
  /// Why the last attempt to learn the sizes failed.
  std::optional<Error> disk_error() const;
  /// How often the engine was asked about a container; tells steady state.
  std::uint64_t inspections() const;

 private:
  struct Shared;
  class Follower;
  static void account(Shared& shared);

  const std::string socket_;
  const Options options_;
  CancelToken stop_;
  const std::shared_ptr<Shared> shared_;
  Isolation isolation_;
};

}  // namespace chiron
