#pragma once

#include "remediation/engine/approvals.h"
#include "remediation/engine/arming_keeper.h"
#include "remediation/engine/dispatcher.h"
#include "remediation/engine/kept_findings.h"
#include "remediation/engine/outcome_metrics.h"
#include "remediation/engine/pause_keeper.h"
#include "remediation/engine/remediator.h"
#include "remediation/engine/run_pool.h"
#include "remediation/engine/start_guard.h"
#include "remediation/engine/step_runner.h"
#include "remediation/engine/verifier.h"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::remediation {

// The inside of the remediator, for remediator*.cpp only.

struct Remediator::Impl {
  Impl(Services s, Options o)
      : services(std::move(s)),
        options(std::move(o)),
        book(services.clock),
        starts({services.ledger, book, services.clock, services.log}),
        metrics(services.metrics),
        armings({services.ledger, book, metrics, services.log}),
        findings(services.metrics, services.ledger, services.log),
        steps({.deletion = options.limits.deletion,
               .bus = options.bus,
               .watched_services = options.watched_services,
               .container_sockets = options.container_sockets,
               .host = options.host,
               .grace = options.grace,
               .requests = options.limits.requests,
               .notifier = services.notifier,
               .findings = &findings},
              services.paths, services.clock, services.log),
        verifier({services.store, services.clock, frames, services.want_frame, services.still_holds}),
        pool({options.workers, [this] { dispatcher.wake(); }},
             {services.ledger, steps, book, metrics, services.clock, services.log}),
        approvals({services.ledger, pool, book, metrics, services.paths, options.container_sockets,
                   services.clock, services.log, services.still_holds, [this] { return list(); },
                   options.boundary}),
        schedules({services.ledger, services.paths, services.clock, services.log, metrics}),
        pauses({services.ledger, book, pool, metrics, services.log, options.pause_file,
                [this] { return list(); }, [this] { dispatcher.wake(); }}),
        dispatcher({services.ledger, pool, approvals, book, metrics, schedules, services.paths,
                    options.container_sockets, services.clock, services.log, services.still_holds,
                    [this] { return list(); }, [this] { keep_house(); }}) {
    book.set_gate(options.limits.gate);
    book.set_host_budget(options.limits.budget);
  }
  // The two threads' owners know each other: both are at rest before either is destroyed.
  ~Impl() { stop(Duration::zero()); }

  void stop(Duration wait) {
    pool.stop(wait);
    dispatcher.stop();
    pool.join();
  }
  RemedyList list() const {
    const std::lock_guard lock(mutex);
    return remedies;
  }
  Result<RemedySpec> find(std::string_view name) const;
  Decision decide(const RemedySpec& remedy, std::string_view target, bool person) const;
  /// Suppression::absent when what the remedy needs is not on this host.
  Decision absence(const RemedySpec& remedy) const;
  void keep_house() {
    pauses.look();
    armings.look();
  }
  Result<std::string> launch(Run::Plan plan, RunRecord record);

  const Services services;
  const Options options;
  PolicyBook book;
  StartGuard starts;
  OutcomeMetrics metrics;
  ArmingKeeper armings;
  KeptFindings findings;
  StepRunner steps;
  FrameGate frames;
  Verifier verifier;
  RunPool pool;
  Approvals approvals;
  Scheduler schedules;
  PauseKeeper pauses;
  Dispatcher dispatcher;
  mutable std::mutex mutex;
  RemedyList remedies = std::make_shared<const std::vector<RemedySpec>>();  // guarded by mutex
};

}  // namespace chiron::remediation
