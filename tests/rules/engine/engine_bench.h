#pragma once

#include "exporter/series/store.h"
#include "rules/engine/alerting_rule.h"
#include "rules/engine/engine.h"
#include "tests/support/fake_clock.h"
#include "tests/support/recording_log.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace chiron::testing {

/// An engine over a store that the test fills: set() what the frames hold, tick() to let time pass, take a
/// frame and evaluate. Changes come back as "NAME{label name} FROM>TO".
class EngineBench {
 public:
  explicit EngineBench(std::string_view rules) { restart_with(rules); }

  void restart_with(std::string_view rules, std::string_view state = {}) {
    engine = std::make_unique<rules::Engine>(*store, *catalogue, clock, log, options);
    if (!state.empty()) {
      EXPECT_TRUE(engine->restore_state(state).ok());
    }
    load(rules);
  }
  void load(std::string_view rules) {
    DiagnosticSink sink;
    std::vector<rules::GroupSpec> groups = rules::parse_rule_file("r.yml", std::string(rules), sink);
    for (const Diagnostic& one : sink.all()) ADD_FAILURE() << to_text(one);
    if (sink.ok()) engine->load(std::move(groups));
  }
  void forget_history() {
    engine.reset();
    store.reset();
    catalogue = std::make_unique<Catalogue>();
    store = std::make_unique<Store>(*catalogue, Store::Options());
    stream = store->add_stream();
  }

  void set(std::string_view name, Labels labels, double value) {
    labels.set(kMetricName, name);
    values[labels] = value;
  }
  void unset(std::string_view name, Labels labels) {
    labels.set(kMetricName, name);
    values.erase(labels);
  }
  void clear() { values.clear(); }

  /// Time passes and a frame is taken; nothing is evaluated.
  void frame(Duration by) {
    clock.advance(by);
    now = std::max(now + 1, to_ms(clock.wall()));
    std::vector<FrameEntry> entries;
    for (const auto& [labels, value] : values) entries.push_back({catalogue->unpublished(labels), value});
    store->append(stream, now, entries);
  }
  std::vector<std::string> evaluate_again() {
    std::vector<std::string> out;
    for (const rules::AlertChange& change : engine->evaluate(now, clock.boot()))
      out.push_back(change.alert.name + "{" + std::string(change.alert.labels.get("name")) + "} " +
                    std::string(rules::to_string(change.from)) + ">" +
                    std::string(rules::to_string(change.to)));
    return out;
  }
  std::vector<std::string> tick(Duration by) {
    frame(by);
    return evaluate_again();
  }
  /// Ticks of 5 s.
  std::vector<std::string> run(Duration length) {
    std::vector<std::string> out;
    for (Duration done{}; done < length; done += std::chrono::seconds(5))
      for (std::string& change : tick(std::chrono::seconds(5))) out.push_back(std::move(change));
    return out;
  }

  /// "labels value", one a line.
  std::string query(std::string_view text) {
    promql::Query query(promql::parse(text).expr, *store);
    const Result<promql::Value> value = query.instant(now);
    if (!value) return value.error().to_string();
    std::string out;
    for (const promql::VectorSample& one : std::get<promql::Vector>(*value))
      out += (out.empty() ? "" : "\n") + one.labels.to_string() + " " + promql::format_value(one.v);
    return out;
  }

  FakeClock clock;
  RecordingLog log;
  std::unique_ptr<Catalogue> catalogue = std::make_unique<Catalogue>();
  std::unique_ptr<Store> store = std::make_unique<Store>(*catalogue, Store::Options());
  StreamId stream = store->add_stream();
  rules::Engine::Options options;
  std::unique_ptr<rules::Engine> engine;
  std::map<Labels, double> values;
  TimestampMs now = 0;
};

}  // namespace chiron::testing
