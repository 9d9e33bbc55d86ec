#include "rules/engine/engine.h"

#include "tests/rules/engine/engine_bench.h"

#include <atomic>
#include <thread>

#include <fmt/format.h>

namespace chiron::rules {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::EngineBench;
using ::testing::IsEmpty;

constexpr std::string_view kDown = R"(
groups:
  - name: g
    rules:
      - alert: Down
        expr: up_now == 0
        for: 30s
        labels: {severity: critical, who: '{{ $labels.name }}!'}
        annotations: {summary: '{{ $labels.name }} is at {{ $value }}'}
)";

std::string expanded(std::string_view text, const TemplateData& data) {
  return Template::compile(text)->expand(data).value_or("failed");
}

TEST(Engine, GoesFromPendingToFiringToResolved) {
  EngineBench bench(kDown);
  bench.set("up_now", {{"name", "a"}}, 1);
  bench.set("up_now", {{"name", "b"}}, 0);
  EXPECT_THAT(bench.tick(0s), ElementsAre("Down{b} inactive>pending"));
  EXPECT_THAT(bench.run(25s), IsEmpty());
  EXPECT_THAT(bench.tick(5s), ElementsAre("Down{b} pending>firing"));
  const std::vector<Alert> alerts = bench.engine->alerts();
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].labels,
            Labels({{"alertname", "Down"}, {"name", "b"}, {"severity", "critical"}, {"who", "b!"}}));
  EXPECT_THAT(alerts[0].annotations, ElementsAre(std::pair("summary", "b is at 0")));
  EXPECT_EQ(alerts[0].fired_at - alerts[0].active_at, 30s);
  EXPECT_EQ(alerts[0].group, "g");
  EXPECT_EQ(alerts[0].fingerprint, fingerprint_of(alerts[0].labels));
  bench.set("up_now", {{"name", "b"}}, 1);
  EXPECT_THAT(bench.tick(5s), ElementsAre("Down{b} firing>inactive"));
  EXPECT_THAT(bench.engine->alerts(), IsEmpty());
}

TEST(Engine, ForgetsAPendingAlertThatWasFalseOnce) {
  EngineBench bench(kDown);
  bench.set("up_now", {{"name", "a"}}, 0);
  bench.tick(0s);
  bench.run(25s);
  bench.set("up_now", {{"name", "a"}}, 1);
  EXPECT_THAT(bench.tick(5s), ElementsAre("Down{a} pending>inactive"));
  bench.set("up_now", {{"name", "a"}}, 0);
  EXPECT_THAT(bench.tick(5s), ElementsAre("Down{a} inactive>pending"));
  EXPECT_THAT(bench.run(25s), IsEmpty());
  EXPECT_THAT(bench.tick(5s), ElementsAre("Down{a} pending>firing"));
}

TEST(Engine, WithoutForItFiresAtOnce) {
  EngineBench bench("groups: [{name: g, rules: [{alert: A, expr: x > 1}]}]");
  bench.set("x", {}, 2);
  EXPECT_THAT(bench.tick(0s), ElementsAre("A{} inactive>firing"));
}

TEST(Engine, KeepsFiringFor) {
  EngineBench bench("groups: [{name: g, rules: [{alert: A, expr: x > 1, keep_firing_for: 20s}]}]");
  bench.set("x", {}, 2);
  bench.tick(0s);
  bench.set("x", {}, 0);
  EXPECT_THAT(bench.run(20s), IsEmpty());
  bench.set("x", {}, 2);
  EXPECT_THAT(bench.tick(5s), IsEmpty());
  bench.set("x", {}, 0);
  EXPECT_THAT(bench.run(20s), IsEmpty());
  EXPECT_THAT(bench.tick(5s), ElementsAre("A{} firing>inactive"));
}

TEST(Engine, TheWallClockNeitherHastensNorHoldsUpAnAlert) {
  for (const auto jump : {1h, -1h}) {
    EngineBench bench(kDown);
    bench.set("up_now", {{"name", "a"}}, 0);
    bench.tick(0s);
    bench.clock.jump_wall(jump);
    EXPECT_THAT(bench.run(25s), IsEmpty()) << jump.count();
    EXPECT_THAT(bench.tick(5s), ElementsAre("Down{a} pending>firing")) << jump.count();
  }
}

TEST(Engine, RecordsAndLaterRulesSeeItAtOnce) {
  EngineBench bench(R"(
groups:
  - name: g
    rules:
      - {record: 'job:x:sum', expr: sum by (job) (x), labels: {origin: here, drop: ''}}
      - {alert: Sum, expr: 'job:x:sum > 3'}
)");
  bench.set("x", {{"job", "j"}, {"i", "1"}}, 1);
  bench.set("x", {{"job", "j"}, {"i", "2"}}, 3);
  EXPECT_THAT(bench.tick(0s), ElementsAre("Sum{} inactive>firing"));
  EXPECT_EQ(bench.query("job:x:sum"), "job:x:sum{job=\"j\", origin=\"here\"} 4");
  bench.clear();
  bench.tick(5s);
  EXPECT_EQ(bench.query("job:x:sum"), "");
}

TEST(Engine, AlertsAreSeries) {
  EngineBench bench(kDown);
  bench.set("up_now", {{"name", "a"}}, 0);
  bench.tick(0s);
  const std::string rest =
      "alertname=\"Down\", alertstate=\"{}\", name=\"a\", severity=\"critical\", who=\"a!\"";
  EXPECT_EQ(bench.query("ALERTS"), "ALERTS{" + fmt::format(fmt::runtime(rest), "pending") + "} 1");
  const std::string since = bench.query("ALERTS_FOR_STATE");
  EXPECT_EQ(since,
            "ALERTS_FOR_STATE{alertname=\"Down\", name=\"a\", severity=\"critical\", who=\"a!\"} 1700000000");
  bench.run(30s);
  EXPECT_EQ(bench.query("ALERTS"), "ALERTS{" + fmt::format(fmt::runtime(rest), "firing") + "} 1");
  EXPECT_EQ(bench.query("ALERTS_FOR_STATE"), since);
  bench.set("up_now", {{"name", "a"}}, 1);
  bench.tick(5s);
  EXPECT_EQ(bench.query("{__name__=~\"ALERTS.*\"}"), "");
}

TEST(Engine, EvaluatesAGroupAtItsInterval) {
  EngineBench bench(R"(
groups:
  - {name: slow, interval: 15s, rules: [{record: slow, expr: x}]}
  - {name: fast, rules: [{record: fast, expr: x}]}
)");
  std::string slow, fast;
  for (int i = 0; i < 7; ++i) {
    bench.set("x", {}, i);
    // The loop is late and early by a little, and comes by in between for a scrape.
    bench.tick(i == 0 ? 0ms : i % 2 == 1 ? 4980ms : 5020ms);
    slow += bench.query("slow").substr(5) + " ";
    fast += bench.query("fast").substr(5) + " ";
    bench.evaluate_again();
  }
  EXPECT_EQ(slow, "0 0 0 3 3 3 6 ");
  EXPECT_EQ(fast, "0 1 2 3 4 5 6 ");
}

TEST(Engine, ReportsDuplicatesAndKeepsItsState) {
  EngineBench bench(R"(
groups:
  - name: g
    rules:
      - {alert: A, expr: x > 0, labels: {i: same}}
      - {record: r, expr: x, labels: {i: same}}
)");
  bench.set("x", {{"i", "1"}}, 1);
  EXPECT_THAT(bench.tick(0s), ElementsAre("A{} inactive>firing"));
  bench.set("x", {{"i", "2"}}, 1);
  EXPECT_THAT(bench.tick(5s), IsEmpty());
  EXPECT_EQ(bench.engine->alerts().size(), 1U);
  const std::vector<RuleHealth> health = bench.engine->health();
  ASSERT_EQ(health.size(), 2U);
  EXPECT_EQ(health[0].last_error,
            "vector contains metrics with the same labelset after applying alert labels");
  EXPECT_EQ(health[1].last_error,
            "vector contains metrics with the same labelset after applying rule labels");
  EXPECT_EQ(bench.log.count("rule failed"), 2U);
  bench.tick(5s);
  EXPECT_EQ(bench.log.count("rule failed"), 2U);
  bench.clear();
  bench.set("x", {{"i", "2"}}, 1);
  EXPECT_THAT(bench.tick(5s), IsEmpty());
  EXPECT_EQ(bench.engine->health()[0].last_error, "");
  EXPECT_EQ(bench.log.count("rule recovered"), 2U);
}

TEST(Engine, HoldsItsLimit) {
  EngineBench bench("groups: [{name: g, limit: 1, rules: [{alert: A, expr: x > 0}, {record: r, expr: x}]}]");
  bench.set("x", {{"name", "1"}}, 1);
  bench.tick(0s);
  bench.set("x", {{"name", "2"}}, 1);
  // The one that was new in the same evaluation was never told of.
  EXPECT_THAT(bench.tick(5s), ElementsAre("A{1} firing>inactive"));
  EXPECT_EQ(bench.engine->health()[0].last_error, "exceeded limit of 1 with 2 alerts");
  EXPECT_EQ(bench.engine->health()[1].last_error, "exceeded limit of 1 with 2 series");
  EXPECT_THAT(bench.engine->alerts(), IsEmpty());
}

TEST(Engine, AValueInALabelMakesAnotherAlert) {
  EngineBench bench("groups: [{name: g, rules: [{alert: A, expr: x > 0, labels: {v: '{{ $value }}'}}]}]");
  bench.set("x", {}, 1);
  EXPECT_THAT(bench.tick(0s), ElementsAre("A{} inactive>firing"));
  bench.set("x", {}, 2);
  EXPECT_THAT(bench.tick(5s), ElementsAre("A{} firing>inactive", "A{} inactive>firing"));
  ASSERT_EQ(bench.engine->alerts().size(), 1U);
  EXPECT_EQ(bench.engine->alerts()[0].labels.get("v"), "2");
  EXPECT_TRUE(bench.engine->still_holds(bench.engine->alerts()[0]).value_or(false));
}

TEST(Engine, AnnotationsFollowTheValue) {
  EngineBench bench(kDown);
  bench.options.external_labels = Labels({{"site", "paris"}});
  bench.restart_with(R"(
groups: [{name: g, rules: [{alert: A, expr: x > 0, annotations: {s: '{{ $value }} {{ $externalLabels.site }} {{ "a" | humanize }}'}}]}]
)");
  bench.set("x", {}, 1);
  bench.tick(0s);
  const auto annotation = [&] { return bench.engine->alerts().at(0).annotations.at(0).second; };
  EXPECT_EQ(
      annotation(),
      "<error expanding template: error executing template __alert_A: template: __alert_A:1:161: executing "
      "\"__alert_A\" at <humanize>: error calling humanize: strconv.ParseFloat: parsing \"a\": invalid "
      "syntax>");
  bench.load(
      "groups: [{name: g, rules: [{alert: A, expr: x > 0, annotations: {s: '{{ $value }} "
      "{{ $externalLabels.site }}'}}]}]");
  EXPECT_EQ(annotation(), "1 paris");
  bench.set("x", {}, 7);
  bench.tick(5s);
  EXPECT_EQ(annotation(), "7 paris");
  EXPECT_FALSE(bench.engine->alerts()[0].labels.has("site"));
}

TEST(Engine, TemplatesAskTheStore) {
  EngineBench bench("groups: []");
  bench.options.external_url = "http://host:9101";
  bench.restart_with(R"yaml(
groups:
  - name: g
    query_offset: 10s
    rules:
      - alert: A
        expr: x > 0
        labels: {worst: '{{ with query "topk(1, load)" }}{{ . | first | label "name" }}{{ end }}'}
        annotations:
          all: '{{ range query "load" | sortByLabel "name" }}{{ .Labels.name }}={{ .Value }} {{ end }}'
          when: '{{ now }} {{ $externalURL }}'
          broken: '{{ query "load +" }}'
)yaml");
  bench.set("x", {{"name", "n"}}, 1);
  bench.set("load", {{"name", "a"}}, 1);
  bench.set("load", {{"name", "b"}}, 2);
  bench.run(30s);
  const auto annotations = [&] { return bench.engine->alerts().at(0).annotations; };
  ASSERT_EQ(bench.engine->alerts().size(), 1U);
  EXPECT_EQ(bench.engine->alerts()[0].labels.get("worst"), "b");
  EXPECT_EQ(annotations()[0].second, "a=1 b=2 ") << "at the time of the evaluation, without the offset";
  EXPECT_EQ(annotations()[1].second, expanded("{{ now }} http://host:9101", {.now = bench.now}))
      << "now is not earlier, either";
  EXPECT_EQ(
      annotations()[2].second,
      "<error expanding template: error executing template __alert_A: template: __alert_A:1:115: executing "
      "\"__alert_A\" at <query \"load +\">: error calling query: 1:7: parse error: unexpected end of input>");
  bench.set("load", {{"name", "b"}}, 3);
  bench.tick(5s);
  EXPECT_EQ(annotations()[0].second, "a=1 b=3 ") << "though neither value nor labels changed";
  const Alert alert = bench.engine->alerts()[0];
  EXPECT_TRUE(bench.engine->still_holds(alert).value_or(false));
  bench.set("load", {{"name", "c"}}, 4);
  EXPECT_THAT(bench.tick(5s), ElementsAre("A{n} firing>inactive", "A{n} inactive>firing"));
  EXPECT_TRUE(bench.engine->still_holds(alert).value_or(false)) << "whatever the query gives now";
}

TEST(Engine, StillHoldsAsksTheNewestFrame) {
  EngineBench bench(kDown);
  bench.set("up_now", {{"name", "a"}}, 0);
  bench.set("up_now", {{"name", "b"}}, 0);
  bench.run(30s);
  const std::vector<Alert> alerts = bench.engine->alerts();
  ASSERT_EQ(alerts.size(), 2U);
  bench.set("up_now", {{"name", "a"}}, 1);
  bench.frame(1s);
  EXPECT_FALSE(bench.engine->still_holds(alerts[0]).value_or(true));
  EXPECT_TRUE(bench.engine->still_holds(alerts[1]).value_or(false));
  bench.load("groups: []");
  EXPECT_EQ(bench.engine->still_holds(alerts[1]).error().code(), ErrorCode::not_found);
}

TEST(Engine, AReloadKeepsAlertsOfRulesThatStay) {
  EngineBench bench(kDown);
  bench.set("up_now", {{"name", "a"}}, 0);
  bench.tick(0s);
  bench.run(25s);
  bench.load(std::string(kDown) + "      - {alert: Other, expr: up_now == 0}\n");
  EXPECT_THAT(bench.tick(5s), ElementsAre("Down{a} pending>firing", "Other{a} inactive>firing"));
  bench.load(kDown);
  EXPECT_THAT(bench.tick(5s), ElementsAre("Other{a} firing>inactive"));
  EXPECT_EQ(bench.query("count(ALERTS)"), "{} 1");
  EXPECT_EQ(bench.engine->alerts().at(0).fired_at - bench.engine->alerts()[0].active_at, 30s);
  EXPECT_EQ(bench.engine->groups().size(), 1U);
  EXPECT_EQ(bench.engine->groups()[0].rules.size(), 1U);
}

TEST(Engine, AReloadWithOtherLabelsOfTheGroupMakesOtherAlerts) {
  const auto rules = [](std::string_view group_labels, std::string_view labels) {
    return fmt::format(
        "groups: [{{name: g, labels: {}, rules: [{{alert: A, expr: x > 0, for: 10s, labels: {}}}]}}]",
        group_labels, labels);
  };
  EngineBench bench(rules("{team: web}", "{a: '1', b: '2'}"));
  bench.set("x", {}, 1);
  bench.tick(0s);
  bench.run(5s);
  bench.load(rules("{team: web}", "{b: '2', a: '1'}"));
  EXPECT_THAT(bench.tick(5s), ElementsAre("A{} pending>firing"))
      << "the order they are written in is nothing";
  bench.load(rules("{team: db}", "{a: '1', b: '2'}"));
  EXPECT_THAT(bench.tick(5s), ElementsAre("A{} firing>inactive", "A{} inactive>pending"));
  EXPECT_EQ(bench.engine->alerts().at(0).labels.get("team"), "db");
}

TEST(Engine, ARuleThatTakesTooLongIsGivenUp) {
  EngineBench bench(R"(
groups: [{name: g, rules: [{record: r, expr: 'count_over_time(up_now[10y:1ms])'}, {alert: A, expr: up_now == 0}]}]
)");
  bench.set("up_now", {{"name", "a"}}, 0);
  bench.frame(0s);
  bench.clock.slow_down(100ms);
  const BootTime before = bench.clock.boot();
  EXPECT_THAT(bench.evaluate_again(), ElementsAre("A{a} inactive>firing"));
  EXPECT_LT(bench.clock.boot() - before, 5s) << "half an interval, and what is around it";
  EXPECT_EQ(bench.engine->health().at(0).last_error,
            "query timed out in expression evaluation; it is tried again in 10s");
}

TEST(Engine, ARuleThatIsNoVectorSaysSo) {
  EngineBench bench("groups: [{name: g, rules: [{record: r, expr: 1 + 1}, {alert: A, expr: 5}]}]");
  EXPECT_THAT(bench.tick(0s), ElementsAre("A{} inactive>firing"));
  EXPECT_EQ(bench.query("r"), "r 2");
}

TEST(Engine, IsReadAndReloadedWhileItEvaluates) {
  EngineBench bench(kDown);
  bench.set("up_now", {{"name", "a"}}, 0);
  bench.tick(0s);
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    while (!stop) {
      for (const Alert& alert : bench.engine->alerts()) EXPECT_EQ(alert.name, "Down");
      EXPECT_EQ(bench.engine->health().size(), 1U);
      EXPECT_EQ(bench.engine->groups().size(), 1U);
      EXPECT_FALSE(bench.engine->save_state().empty());
      for (const Alert& alert : bench.engine->alerts()) EXPECT_TRUE(bench.engine->still_holds(alert).ok());
    }
  });
  std::thread loader([&] {
    while (!stop) bench.load(kDown);
  });
  std::size_t changes = 0;
  for (int i = 0; i < 200; ++i) {
    bench.set("up_now", {{"name", "a"}}, i % 20 == 19 ? 1 : 0);
    changes += bench.tick(5s).size();
  }
  stop = true;
  reader.join();
  loader.join();
  // Each 100 s: resolved, pending, firing.
  EXPECT_EQ(changes, 29U);
}

TEST(Fingerprint, IsPrometheusOwn) {
  // FNV-1a of nothing, and of a<ff>b<ff>.
  EXPECT_EQ(fingerprint_of(Labels()), 14695981039346656037U);
  EXPECT_NE(fingerprint_of({{"ab", "c"}}), fingerprint_of({{"a", "bc"}}));
}

TEST(Engine, RulesThatGoAstrayLeaveTimeForTheOthers) {
  std::string rules = "groups: [{name: g, rules: [";
  for (int i = 0; i < 10; ++i)
    rules += fmt::format("{{record: 'r{}', expr: 'count_over_time(vector(time())[1000d:1s]) + {}'}}, ", i, i);
  EngineBench bench(rules + "{alert: A, expr: x > 1}]}]");
  bench.set("x", {}, 2);
  bench.clock.slow_down(50ms);
  bench.frame(5s);
  const BootTime before = bench.clock.boot();
  EXPECT_THAT(bench.evaluate_again(), IsEmpty());
  EXPECT_LT(bench.clock.boot() - before, 10s);
  EXPECT_THAT(bench.engine->health()[0].last_error, ::testing::HasSubstr("tried again in 10s"));
  EXPECT_THAT(bench.engine->health()[10].last_error, ::testing::HasSubstr("not evaluated"));
  // All that go astray had their turn at the latest after as many passes, and pause.
  std::vector<std::string> changes;
  for (int i = 0; i < 12 && changes.empty(); ++i) changes = bench.tick(1s);
  EXPECT_THAT(changes, ElementsAre("A{} inactive>firing"));
  EXPECT_EQ(bench.engine->health()[10].last_error, "");
}

}  // namespace
}  // namespace chiron::rules
