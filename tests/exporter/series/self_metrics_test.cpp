#include "exporter/series/self_metrics.h"

namespace chiron {
namespace {

TEST(SelfMetrics, BridgesCountersGaugesAndHistograms) {
  Catalogue catalogue;
  SelfMetrics metrics(catalogue);
  metrics.counter("c_total", "C.", {{"a", "1"}}).increment(2);
  EXPECT_EQ(&metrics.counter("c_total", "C.", {{"a", "1"}}), &metrics.counter("c_total", "C.", {{"a", "1"}}));
  metrics.gauge("g", "G.").set(-1.5);
  metrics.histogram("h_seconds", "H.", {0.1, 1}, {{"x", "y"}}).observe(0.5);

  Frame frame;
  metrics.collect(frame);
  std::map<std::string, double> values;
  for (const FrameEntry& entry : frame.entries())
    values[std::string(catalogue.prefix(entry.id))] = entry.value;
  EXPECT_EQ(values, (std::map<std::string, double>{{"c_total{a=\"1\"} ", 2},
                                                   {"g ", -1.5},
                                                   {"h_seconds_bucket{le=\"0.1\",x=\"y\"} ", 0},
                                                   {"h_seconds_bucket{le=\"1\",x=\"y\"} ", 1},
                                                   {"h_seconds_bucket{le=\"+Inf\",x=\"y\"} ", 1},
                                                   {"h_seconds_sum{x=\"y\"} ", 0.5},
                                                   {"h_seconds_count{x=\"y\"} ", 1}}));
}

}  // namespace
}  // namespace chiron
