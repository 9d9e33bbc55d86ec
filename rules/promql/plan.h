#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/clock.h"
#include "exporter/series/reader.h"
#include "rules/promql/duration_expr.h"
#include "rules/promql/label_sets.h"
#include "rules/promql/promql.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace chiron::promql {

using Elements = std::vector<Element>;

/// A range vector. The samples are the node's until it is evaluated again, or the evaluation is over: they
/// may be in borrowed memory.
struct Windows {
  struct Series {
    SetId labels;
    std::span<const Sample> samples;  ///< never empty
    bool drop_name = false;           ///< as an Element's
    SeriesId source = kNoSeries;      ///< what they are the samples of, unless they were computed
  };
  std::vector<Series> series;
  TimestampMs after = 0, until = 0;  ///< the window is (after, until]; anchored and smoothed ones have more
};

/// What a node holds in memory, as counted by its evaluation.
struct Charge {
  std::uint64_t evaluation = 0;
  std::size_t samples = 0;
};

/// The state of one evaluation, and what outlives it: the label sets. A failure stays until begin(); nodes
/// may go on with what they have after one, but loops should look at failed().
class Context {
 public:
  Context(const SeriesReader& source, const Limits& bounds) : reader(source), limits(bounds) {}

  /// `step_ms` is 0 for an instant.
  void begin(TimestampMs first, TimestampMs last, std::int64_t step_ms, const CancelToken* cancel);

  /// After an evaluation, to look at the selectors: whatever it ended with is forgotten, and its result
  /// stays.
  void look_on();

  bool failed() const { return error_.has_value(); }
  void fail(ErrorCode code, std::string message);
  Error take_error() { return *std::move(error_); }

  /// Called in every loop: looks at the deadline and the cancel token now and then, which no more than
  /// kLookEvery times `work` may lie between. One is what takes a microsecond at the most: a sample, a label
  /// set. False when failed.
  bool tick(std::size_t work = 1) {
    work_ += work;
    if (work_ >= kLookEvery) look_up();
    return !failed();
  }
  /// Says that a node's buffers hold `samples` now. False when that is too much for the query, with the label
  /// sets it holds.
  bool hold(Charge& charge, std::size_t samples);
  /// The label set as a number; fails as hold() does when the sets are too much.
  SetId intern(const Labels& labels) {
    const SetId id = sets.intern(labels);
    fits();
    return id;
  }

  /// Says that a node shows `queryable` samples at this step, `read` of them for the first time.
  void count(std::size_t queryable, std::size_t read) {
    if (subqueries_ == 0) counts_.queryable += queryable;
    counts_.read += read;
  }
  const SampleCounts& counts() const { return counts_; }
  /// While there is one, what is evaluated is the inside of a subquery, whose results alone are queryable.
  class InSubquery {
   public:
    explicit InSubquery(Context& context) : context_(context) { ++context_.subqueries_; }
    ~InSubquery() { --context_.subqueries_; }
    InSubquery(const InSubquery&) = delete;
    InSubquery& operator=(const InSubquery&) = delete;

   private:
    Context& context_;
  };

  /// Fails as hold() does. False.
  bool too_many_samples();
  /// Moves with begin().
  std::uint64_t evaluation() const { return evaluation_; }

  /// Fails when two elements have the same labels. With delayed name removal that is seen at the end only.
  void check_unique(const Elements& elements) {
    if (!limits.delayed_name_removal) check_distinct(elements);
  }
  void check_distinct(const Elements& elements);

  /// An element that an operation gave another meaning, so that the name of the metric goes.
  Element unnamed(SetId labels, double v) {
    return limits.delayed_name_removal ? Element(labels, v, true) : Element(without_name(labels), v);
  }
  /// The labels as the result has them.
  SetId final_labels(SetId labels, bool drop_name) { return drop_name ? without_name(labels) : labels; }
  /// Gives back the memory of the label sets: numbers given out before mean nothing any more.
  void forget_sets();

  /// Prometheus' annotations; once each, at the place that said it last.
  void warn(TextPosition where, std::string message) {
    annotate(Annotation::Kind::warning, where, std::move(message), nullptr);
  }
  void inform(TextPosition where, std::string message) {
    annotate(Annotation::Kind::info, where, std::move(message), nullptr);
  }
  /// What histogram_quantile() put right.
  struct Forced {
    TimestampMs first = 0, last = 0;
    double least_bound = 0, greatest_bound = 0, difference = 0;
    std::size_t more = 0;  ///< samples beyond the first
  };
  void inform_forced(TextPosition where, std::string message, const Forced& forced) {
    annotate(Annotation::Kind::info, where, std::move(message), &forced);
  }
  /// A warning that tells how often it was given.
  void warn_counting(TextPosition where, std::string message);
  std::vector<Annotation> annotations() const;
  /// Whether annotations are wanted; composing one costs.
  bool annotates() const { return limits.annotations; }

  QuerySpan span() const {
    return {start == end ? 0 : static_cast<double>(step) / 1000, static_cast<double>(end - start) / 1000};
  }

  const SeriesReader& reader;
  const Limits limits;
  LabelSets sets;
  TimestampMs start = 0, end = 0;  ///< of the whole query, for @ start() and @ end()
  std::int64_t step = 0;           ///< milliseconds

 private:
  static constexpr std::size_t kLookEvery = 4096;
  struct Said {
    Annotation::Kind kind;
    TextPosition where;
    std::string message;
    std::optional<Forced> forced;
    std::size_t times = 0;  // 0: not told
  };

  void look_up();
  SetId without_name(SetId labels) {
    const SetId id = sets.without_name(labels);
    fits();
    return id;
  }
  bool fits() {
    const std::size_t holds = held_ + sets.bytes() / sizeof(Sample);
    counts_.peak = std::max(counts_.peak, holds);
    return holds <= limits.max_samples || too_many_samples();
  }
  void annotate(Annotation::Kind kind, TextPosition where, std::string message, const Forced* forced);
  const Clock& clock() const { return limits.clock != nullptr ? *limits.clock : system_clock(); }

  std::optional<Error> error_;
  const CancelToken* cancel_ = nullptr;
  BootTime deadline_{};
  std::size_t work_ = 0;
  std::uint64_t evaluation_ = 0;
  std::size_t held_ = 0;
  std::size_t set_bytes_ = 0;  // label sets that take more are forgotten; 0: to be found
  SampleCounts counts_;
  std::size_t subqueries_ = 0;
  Slots unique_;
  std::vector<Said> said_;
};

/// Sorts stably, and looks at the deadline at every comparison; left half sorted when that fails, as then
/// nothing is less than anything. A few are sorted without the memory that std::stable_sort() takes.
template <class Items, class Less>
void sort_in_pieces(Context& context, Items& items, Less less) {
  constexpr std::ptrdiff_t kFew = 16;
  const auto checked = [&](const auto& a, const auto& b) { return context.tick() && less(a, b); };
  if (items.end() - items.begin() > kFew) return std::stable_sort(items.begin(), items.end(), checked);
  for (auto it = items.begin(); it != items.end(); ++it)
    std::rotate(std::upper_bound(items.begin(), it, *it, checked), it, it + 1);
}

// An expression compiled for evaluation: nodes by the type they yield. Results live in the node until it is
// evaluated again (see Windows for the samples), so that a steady query allocates nothing.
class ScalarNode {
 public:
  virtual ~ScalarNode() = default;
  virtual double eval(Context& context, TimestampMs t) = 0;
};
class VectorNode {
 public:
  virtual ~VectorNode() = default;
  virtual const Elements& eval(Context& context, TimestampMs t) = 0;
};
class MatrixNode {
 public:
  virtual ~MatrixNode() = default;
  virtual const Windows& eval(Context& context, TimestampMs t) = 0;
};
using ScalarPtr = std::unique_ptr<ScalarNode>;
using VectorPtr = std::unique_ptr<VectorNode>;
using MatrixPtr = std::unique_ptr<MatrixNode>;

}  // namespace chiron::promql
