#pragma once

#include "exporter/series/catalogue.h"
#include "exporter/series/frame.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// The agent's own counters, gauges and histograms, kept in a prometheus-cpp registry and bridged into the
/// same frames as everything else. Instruments are made once, live as long as this object, and may be used on
/// any thread. The same name and labels give the same instrument again.
class SelfMetrics {
 public:
  class Counter {
   public:
    virtual ~Counter() = default;
    virtual void increment(double by = 1) = 0;
    virtual double value() const = 0;
  };
  class Gauge {
   public:
    virtual ~Gauge() = default;
    virtual void set(double value) = 0;
    virtual double value() const = 0;
  };
  class Histogram {
   public:
    virtual ~Histogram() = default;
    virtual void observe(double value) = 0;
  };

  explicit SelfMetrics(Catalogue& catalogue);
  ~SelfMetrics();

  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, std::vector<double> buckets,
                       const Labels& labels = {});

  /// Appends every instrument's present value. Sampling thread.
  void collect(Frame& frame);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chiron
