#include "rules/promql/build.h"
#include "rules/promql/nodes.h"
#include "rules/promql/promql.h"
#include "rules/promql/range_functions.h"
#include "rules/promql/sample_buffers.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

using std::chrono::milliseconds;

// How far before the evaluation time an expression reads, in ms.
struct Reach {
  std::int64_t lookback;

  std::int64_t operator()(const NumberLiteral&) const { return 0; }
  std::int64_t operator()(const StringLiteral&) const { return 0; }
  std::int64_t operator()(const VectorSelector& s) const { return from(s.modifiers, lookback); }
  std::int64_t operator()(const MatrixSelector& m) const {
    const bool plain = m.selector.extended == Extended::none;
    return from(m.selector.modifiers, m.range_ms + (plain ? 0 : lookback));
  }
  std::int64_t operator()(const Subquery& s) const { return from(s.modifiers, s.range_ms + of(s.inner)); }
  std::int64_t operator()(const Paren& p) const { return of(p.inner); }
  std::int64_t operator()(const Unary& u) const { return of(u.operand); }
  std::int64_t operator()(const Binary& b) const { return std::max(of(b.lhs), of(b.rhs)); }
  std::int64_t operator()(const Aggregate& a) const {
    return std::max(of(a.operand), a.parameter ? of(a.parameter) : 0);
  }
  std::int64_t operator()(const Call& c) const {
    std::int64_t most = 0;
    for (const ExprPtr& argument : c.arguments) most = std::max(most, of(argument));
    return most;
  }

  std::int64_t of(const ExprPtr& expr) const { return std::visit(*this, expr->node); }
  static std::int64_t from(const Modifiers& modifiers, std::int64_t length) {
    return modifiers.at == Modifiers::At::none ? std::max<std::int64_t>(0, length + modifiers.offset_ms) : 0;
  }
};

// What a result takes.
struct Held {
  std::size_t samples = 0;
  std::size_t label_bytes = 0;
  std::size_t all() const { return samples + label_bytes / sizeof(Sample); }
};

/// Takes the buffers back at the end of an evaluation.
class Borrowing {
 public:
  explicit Borrowing(const Context& context) : buffers_(context.limits.buffers) {}
  ~Borrowing() {
    if (buffers_ != nullptr) buffers_->reclaim();
  }
  Borrowing(const Borrowing&) = delete;
  Borrowing& operator=(const Borrowing&) = delete;

 private:
  SampleBuffers* const buffers_;
};

}  // namespace

struct Query::Impl {
  Impl(ExprPtr checked, const SeriesReader& reader, const Limits& limits)
      : expr(std::move(checked)), context(reader, limits) {}

  // Compiled for instants or for ranges when first asked for; sort() differs.
  Status compile(bool for_range) {
    if (compiled && range_query == for_range) return {};
    give_back();
    Status status = build(*expr, for_range, plan);
    compiled = status.ok();
    range_query = for_range;
    return status;
  }

  Result<Value> instant(TimestampMs t, const CancelToken* cancel) {
    if (Status status = compile(false); !status) return std::move(status).error();
    context.begin(t, t, 0, cancel);
    const Borrowing borrowing(context);
    if (const auto* text = std::get_if<StringLiteral>(&without_parens(*expr).node))
      return Value(String{t, text->value});
    Value value;
    if (plan.scalar) {
      value = Scalar{t, plan.scalar->eval(context, t)};
    } else if (plan.matrix) {
      value = matrix(plan.matrix->eval(context, t));
    } else {
      const Elements& elements = finished(plan.vector->eval(context, t));
      context.check_distinct(elements);
      value = vector(elements, t);
    }
    if (context.failed()) return failure();
    return value;
  }

  // What a query that was too large has taken is given back: a rule keeps its own.
  Error failure() {
    Error error = context.take_error();
    if (error.code() == ErrorCode::exhausted) give_back();
    return error;
  }
  void give_back() {
    // Before the nodes go that have borrowed.
    if (context.limits.buffers != nullptr) context.limits.buffers->release();
    plan = Plan();
    compiled = false;
    named = {};
    slots = {};
    context.forget_sets();
  }

  Result<std::span<const Element>> elements(TimestampMs t, const CancelToken* cancel) {
    if (expr->type != ValueType::scalar && expr->type != ValueType::vector)
      return Error(ErrorCode::invalid_argument, "the result is neither a vector nor a scalar");
    if (Status status = compile(false); !status) return std::move(status).error();
    context.begin(t, t, 0, cancel);
    const Borrowing borrowing(context);
    std::span<const Element> found;
    if (plan.scalar) {
      scalar = {context.intern(Labels()), plan.scalar->eval(context, t)};
      found = std::span(&scalar, 1);
    } else {
      const Elements& elements = finished(plan.vector->eval(context, t));
      context.check_distinct(elements);
      found = elements;
    }
    if (context.failed()) return failure();
    return found;
  }

  Result<Value> range(TimestampMs start, TimestampMs end, std::int64_t step, const CancelToken* cancel) {
    if (expr->type != ValueType::scalar && expr->type != ValueType::vector) {
      return Error(
          ErrorCode::invalid_argument,
          fmt::format("invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                      to_string(expr->type)));
    }
    if (step <= 0)
      return Error(ErrorCode::invalid_argument,
                   "zero or negative query resolution step widths are not accepted");
    if (Status status = compile(true); !status) return std::move(status).error();
    context.begin(start, end, step, cancel);
    const Borrowing borrowing(context);
    Matrix out;
    slots.start(context.sets);
    Charge charge;
    Held held;
    const SetId nameless = context.intern(Labels());
    Elements one;
    for (TimestampMs t = start; t <= end && context.tick(); t += step) {
      const Elements* elements = &one;
      if (plan.scalar) {
        one = {{nameless, plan.scalar->eval(context, t)}};
      } else {
        elements = &finished(plan.vector->eval(context, t));
        context.check_distinct(*elements);
      }
      held.samples += elements->size();
      if (context.failed() || !context.hold(charge, held.all())) break;
      for (const Element& e : *elements) {
        if (!context.tick()) break;
        std::uint32_t& slot = slots[e.labels];
        if (slot == Slots::kEmpty) {
          slot = static_cast<std::uint32_t>(out.size());
          held.label_bytes += bytes_of(context.sets[e.labels]);
          if (!context.hold(charge, held.all())) break;
          out.push_back({context.sets[e.labels], {}});
        }
        out[slot].samples.push_back({t, e.v});
      }
    }
    sort_by_labels(out);
    if (context.failed()) return failure();
    return Value(std::move(out));
  }

  // Drops the names that operations on the way have left for the end.
  const Elements& finished(const Elements& elements) {
    const auto drops = [](const Element& e) { return e.drop_name; };
    if (std::none_of(elements.begin(), elements.end(), drops)) return elements;
    named = elements;
    for (Element& e : named) e = {context.final_labels(e.labels, e.drop_name), e.v};
    return named;
  }

  void sort_by_labels(Matrix& matrix) {
    sort_in_pieces(context, matrix,
                   [](const MatrixSeries& a, const MatrixSeries& b) { return a.labels < b.labels; });
  }

  Vector vector(const Elements& elements, TimestampMs t) {
    Vector out;
    if (context.failed()) return out;
    out.reserve(elements.size());
    Charge charge;
    Held held{.samples = elements.size()};
    for (const Element& e : elements) {
      held.label_bytes += bytes_of(context.sets[e.labels]);
      if (!context.tick() || !context.hold(charge, held.all())) break;
      out.push_back({context.sets[e.labels], t, e.v});
    }
    return out;
  }

  Matrix matrix(const Windows& windows) {
    const auto* selector = std::get_if<MatrixSelector>(&without_parens(*expr).node);
    const Extended extended = selector != nullptr ? selector->selector.extended : Extended::none;
    Charge charge;
    Held held;
    Matrix out;
    out.reserve(windows.series.size());
    for (const Windows::Series& series : windows.series) {
      const std::span<const Sample> samples = series.samples;
      const SetId labels = context.final_labels(series.labels, series.drop_name);
      held.samples += samples.size();
      held.label_bytes += bytes_of(context.sets[labels]);
      if (!context.tick(1 + samples.size()) || !context.hold(charge, held.all())) break;
      MatrixSeries made{context.sets[labels], {}};
      if (extended == Extended::none) {
        made.samples.assign(samples.begin(), samples.end());
      } else {
        extend_to_bounds(samples, windows.after, windows.until, extended == Extended::smoothed, made.samples);
      }
      if (!made.samples.empty()) out.push_back(std::move(made));
    }
    sort_by_labels(out);
    merge_equal(out);
    return out;
  }

  // Series that are the same without their names: one, if they have no timestamp in common.
  void merge_equal(Matrix& sorted) {
    for (std::size_t i = 1; i < sorted.size(); ++i) {
      if (sorted[i].labels != sorted[i - 1].labels) continue;
      std::vector<Sample>& into = sorted[i - 1].samples;
      into.insert(into.end(), sorted[i].samples.begin(), sorted[i].samples.end());
      std::sort(into.begin(), into.end(), [](const Sample& a, const Sample& b) { return a.t < b.t; });
      const auto twice = std::adjacent_find(into.begin(), into.end(),
                                            [](const Sample& a, const Sample& b) { return a.t == b.t; });
      if (twice != into.end()) {
        context.fail(ErrorCode::failed_precondition, "vector cannot contain metrics with the same labelset");
      }
      sorted.erase(sorted.begin() + static_cast<std::ptrdiff_t>(i--));
    }
  }

  ExprPtr expr;
  Context context;
  Plan plan;
  Elements named;
  Slots slots;  // the results of a range, by their labels
  Element scalar{};
  bool compiled = false;
  bool range_query = false;
};

Query::Query(ExprPtr expr, const SeriesReader& reader, Limits limits)
    : impl_(std::make_unique<Impl>(std::move(expr), reader, limits)) {}
Query::~Query() = default;
Query::Query(Query&&) noexcept = default;
Query& Query::operator=(Query&&) noexcept = default;

Result<Value> Query::instant(TimestampMs t, const CancelToken* cancel) { return impl_->instant(t, cancel); }

Result<Value> Query::range(TimestampMs start, TimestampMs end, Duration step, const CancelToken* cancel) {
  return impl_->range(start, end, std::chrono::duration_cast<milliseconds>(step).count(), cancel);
}

std::vector<Annotation> Query::annotations() const { return impl_->context.annotations(); }
SampleCounts Query::sample_counts() const { return impl_->context.counts(); }
Result<std::span<const Element>> Query::elements(TimestampMs t, const CancelToken* cancel) {
  return impl_->elements(t, cancel);
}

const LabelSets& Query::label_sets() const { return impl_->context.sets; }

const Expr& Query::expr() const { return *impl_->expr; }

std::vector<SeriesId> Query::sources() {
  std::vector<SeriesId> ids;
  if (!impl_->compile(impl_->range_query)) return ids;
  impl_->context.look_on();
  for (ResolvedSelector& selector : impl_->plan.selectors) {
    for (const ResolvedSelector::Series& series : selector.series(impl_->context)) ids.push_back(series.id);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

std::vector<std::string> Query::unmatched_selectors() {
  std::vector<std::string> texts;
  if (!impl_->compile(impl_->range_query)) return texts;
  impl_->context.look_on();
  for (ResolvedSelector& selector : impl_->plan.selectors) {
    if (!selector.series(impl_->context).empty()) continue;
    Expr bare;
    bare.node = selector.ast();
    std::get<VectorSelector>(bare.node).modifiers = {};
    texts.push_back(to_string(bare));
  }
  return texts;
}

Duration Query::reach() const {
  const auto lookback = std::chrono::duration_cast<milliseconds>(impl_->context.limits.lookback).count();
  return milliseconds(std::visit(Reach{lookback}, impl_->expr->node));
}

}  // namespace chiron::promql
