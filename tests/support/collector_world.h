#pragma once

#include "exporter/collectors/collector.h"
#include "tests/support/fake_clock.h"
#include "tests/support/recording_log.h"

namespace chiron::testing {

/// What the collectors of a made-up host are made with, beside its roots. A base for fixtures.
class CollectorWorld {
 protected:
  /// With the collector's default options; no bus, no watched services, no probes.
  CollectorContext default_context(const HostPaths& paths, const CollectorInfo& info) {
    return {.paths = paths,
            .clock = clock_,
            .catalogue = catalogue_,
            .log = log_,
            .files = files_,
            .options = default_options(info.options),
            .bus = {},
            .watched_services = {},
            .probes = {}};
  }

  FakeClock clock_;
  PassFiles files_{clock_};
  RecordingLog log_;
  Catalogue catalogue_{{}, clock_};
};

}  // namespace chiron::testing
