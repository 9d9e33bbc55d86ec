#include "exporter/series/self_metrics.h"

#include "exporter/base/thread_annotations.h"

#include <limits>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace chiron {
namespace {

std::map<std::string, std::string> to_map(const Labels& labels) {
  std::map<std::string, std::string> map;
  for (const Label& label : labels) map.emplace(label.name, label.value);
  return map;
}

std::string bound_text(double bound) {
  return bound == std::numeric_limits<double>::infinity() ? "+Inf" : fmt::format("{}", bound);
}

class CounterCell final : public SelfMetrics::Counter {
 public:
  CounterCell(prometheus::Counter& counter, SeriesId series) : id(series), counter_(counter) {}
  void increment(double by) override { counter_.Increment(by); }
  double value() const override { return counter_.Value(); }
  const SeriesId id;

 private:
  prometheus::Counter& counter_;
};

class GaugeCell final : public SelfMetrics::Gauge {
 public:
  GaugeCell(prometheus::Gauge& gauge, SeriesId series) : id(series), gauge_(gauge) {}
  void set(double value) override { gauge_.Set(value); }
  double value() const override { return gauge_.Value(); }
  const SeriesId id;

 private:
  prometheus::Gauge& gauge_;
};

class HistogramCell final : public SelfMetrics::Histogram {
 public:
  HistogramCell(prometheus::Histogram& histogram, std::vector<SeriesId> buckets, SeriesId sum, SeriesId count)
      : histogram_(histogram), buckets_(std::move(buckets)), sum_(sum), count_(count) {}
  void observe(double value) override { histogram_.Observe(value); }

  void collect(Frame& frame) const {
    const prometheus::ClientMetric metric = histogram_.Collect();
    const auto& bucket = metric.histogram.bucket;
    for (std::size_t i = 0; i < buckets_.size() && i < bucket.size(); ++i) {
      frame.add(buckets_[i], static_cast<double>(bucket[i].cumulative_count));
    }
    frame.add(sum_, metric.histogram.sample_sum);
    frame.add(count_, static_cast<double>(metric.histogram.sample_count));
  }

 private:
  prometheus::Histogram& histogram_;
  const std::vector<SeriesId> buckets_;
  const SeriesId sum_, count_;
};

}  // namespace

struct SelfMetrics::Impl {
  explicit Impl(Catalogue& c) : catalogue(c) {}

  Catalogue& catalogue;
  prometheus::Registry registry;
  Mutex mutex;
  // The cells themselves are thread-safe and never move.
  std::map<std::string, std::unique_ptr<CounterCell>> counters CHIRON_GUARDED_BY(mutex);
  std::map<std::string, std::unique_ptr<GaugeCell>> gauges CHIRON_GUARDED_BY(mutex);
  std::map<std::string, std::unique_ptr<HistogramCell>> histograms CHIRON_GUARDED_BY(mutex);
};

SelfMetrics::SelfMetrics(Catalogue& catalogue) : impl_(std::make_unique<Impl>(catalogue)) {}
SelfMetrics::~SelfMetrics() = default;

SelfMetrics::Counter& SelfMetrics::counter(std::string_view name, std::string_view help,
                                           const Labels& labels) {
  const MutexLock lock(impl_->mutex);
  auto& cell = impl_->counters[std::string(name) + labels.to_string()];
  if (!cell) {
    auto& family =
        prometheus::BuildCounter().Name(std::string(name)).Help(std::string(help)).Register(impl_->registry);
    const FamilyId id = impl_->catalogue.declare(name, help, MetricType::counter);
    cell = std::make_unique<CounterCell>(family.Add(to_map(labels)), impl_->catalogue.series(id, labels));
  }
  return *cell;
}

SelfMetrics::Gauge& SelfMetrics::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  const MutexLock lock(impl_->mutex);
  auto& cell = impl_->gauges[std::string(name) + labels.to_string()];
  if (!cell) {
    auto& family =
        prometheus::BuildGauge().Name(std::string(name)).Help(std::string(help)).Register(impl_->registry);
    const FamilyId id = impl_->catalogue.declare(name, help, MetricType::gauge);
    cell = std::make_unique<GaugeCell>(family.Add(to_map(labels)), impl_->catalogue.series(id, labels));
  }
  return *cell;
}

SelfMetrics::Histogram& SelfMetrics::histogram(std::string_view name, std::string_view help,
                                               std::vector<double> buckets, const Labels& labels) {
  const MutexLock lock(impl_->mutex);
  auto& cell = impl_->histograms[std::string(name) + labels.to_string()];
  if (!cell) {
    auto& family = prometheus::BuildHistogram()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(impl_->registry);
    Catalogue& catalogue = impl_->catalogue;
    const FamilyId id = catalogue.declare(name, help, MetricType::histogram);
    std::vector<SeriesId> ids;
    const auto add_bucket = [&](double bound) {
      Labels with_bound = labels;
      with_bound.set("le", bound_text(bound));
      ids.push_back(catalogue.series(id, with_bound, "_bucket"));
    };
    for (const double bound : buckets) add_bucket(bound);
    add_bucket(std::numeric_limits<double>::infinity());
    cell = std::make_unique<HistogramCell>(family.Add(to_map(labels), buckets), std::move(ids),
                                           catalogue.series(id, labels, "_sum"),
                                           catalogue.series(id, labels, "_count"));
  }
  return *cell;
}

void SelfMetrics::collect(Frame& frame) {
  const MutexLock lock(impl_->mutex);
  for (const auto& [key, cell] : impl_->counters) frame.add(cell->id, cell->value());
  for (const auto& [key, cell] : impl_->gauges) frame.add(cell->id, cell->value());
  for (const auto& [key, cell] : impl_->histograms) cell->collect(frame);
}

}  // namespace chiron
