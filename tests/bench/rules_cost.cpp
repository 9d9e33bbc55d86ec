// What the rules of a file and range queries cost over recorded samples, for compare_promql.py.
//   chiron_rules_cost rules SAMPLES RULES FROM_MS    "EVALUATIONS CPU_SECONDS RECORDED", of single rules
//   chiron_rules_cost range SAMPLES START END STEP EXPR...    "CPU_SECONDS SERIES POINTS" for each, in ms
#include "rules/engine/engine.h"
#include "rules/promql/json.h"
#include "tests/support/recorded_samples.h"

#include <ctime>
#include <sstream>

namespace {

using namespace chiron;
using chiron::testing::RecordedSamples;

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::string contents(const char* path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Passes 5 s apart over samples that are all there already.
int rules_cost(RecordedSamples& samples, const char* file, TimestampMs from) {
  constexpr int kWarmUp = 2, kFewest = 3, kMost = 30;
  constexpr TimestampMs kInterval = 5000;
  DiagnosticSink sink;
  std::vector<rules::GroupSpec> groups = rules::parse_rule_file(file, contents(file), sink);
  if (!sink.ok()) RecordedSamples::refuse("rules", to_text(sink.all().front()));
  std::size_t rules = 0;
  for (const rules::GroupSpec& group : groups) rules += group.rules.size();
  rules::Engine::Options options;
  options.interval = std::chrono::minutes(1);
  rules::Engine engine(samples.store(), samples.catalogue(), system_clock(), null_log(), options);
  engine.load(std::move(groups));

  const BootTime now = system_clock().boot();
  double began = 0;
  int passes = 0;
  for (; passes < kMost; ++passes) {
    if (passes == kWarmUp) began = cpu_seconds();
    if (passes >= kWarmUp + kFewest && cpu_seconds() - began > 1) break;
    const TimestampMs t = from + passes * kInterval;
    engine.evaluate(t, now + std::chrono::milliseconds(passes * kInterval));
  }
  const double used = cpu_seconds() - began;
  for (const rules::RuleHealth& rule : engine.health()) {
    if (!rule.last_error.empty()) RecordedSamples::refuse(rule.name, rule.last_error);
  }
  std::vector<SeriesId> recorded;
  const auto by_rule = Matcher::make(MatchOp::regex, std::string(kMetricName), "job:.*");
  samples.catalogue().select(std::span(&*by_rule, 1), recorded);
  std::printf("%zu %.6f %zu\n", rules * static_cast<std::size_t>(passes - kWarmUp), used, recorded.size());
  return 0;
}

void range_cost(RecordedSamples& samples, TimestampMs start, TimestampMs end, TimestampMs step,
                const char* expr) {
  const double began = cpu_seconds();
  const promql::Parsed parsed = promql::parse(expr);
  if (!parsed.ok()) RecordedSamples::refuse(expr, parsed.errors.front().message);
  promql::Query query(parsed.expr, samples.store());
  const Result<promql::Value> value = query.range(start, end, std::chrono::milliseconds(step));
  if (!value.ok()) RecordedSamples::refuse(expr, value.error().message());
  std::string json;
  promql::append_json(json, *value);
  const double used = cpu_seconds() - began;
  std::size_t points = 0;
  const auto& matrix = std::get<promql::Matrix>(*value);
  for (const promql::MatrixSeries& series : matrix) points += series.samples.size();
  std::printf("%.6f %zu %zu\n", used, matrix.size(), points);
}

TimestampMs number(const char* text) { return parse_int<TimestampMs>(text).value_or(0); }

}  // namespace

int main(int count, char** arguments) {
  const std::string_view what = count > 1 ? arguments[1] : "";
  if (what == "rules" && count == 5) {
    RecordedSamples samples(arguments[2]);
    return rules_cost(samples, arguments[3], number(arguments[4]));
  }
  if (what != "range" || count < 7)
    RecordedSamples::refuse("usage", "chiron_rules_cost rules|range SAMPLES ...");
  RecordedSamples samples(arguments[2]);
  for (int i = 6; i < count; ++i)
    range_cost(samples, number(arguments[3]), number(arguments[4]), number(arguments[5]), arguments[i]);
  return 0;
}
