#pragma once

#include "exporter/base/cancel.h"
#include "exporter/base/result.h"
#include "exporter/series/reader.h"
#include "rules/promql/ast.h"
#include "rules/promql/label_sets.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace chiron::promql {

class SampleBuffers;

struct VectorSample {
  Labels labels;
  TimestampMs t = 0;
  double v = 0;
};
struct MatrixSeries {
  Labels labels;
  std::vector<Sample> samples;
};
/// One element of an instant vector as evaluation has it; its timestamp is the evaluation's.
struct Element {
  SetId labels;            ///< in the query's label_sets()
  bool drop_name = false;  ///< at the end of the query: only with delayed name removal, and in no result
  double v = 0;

  Element() = default;
  Element(SetId set, double value, bool drop = false) : labels(set), drop_name(drop), v(value) {}
};
struct Scalar {
  TimestampMs t = 0;
  double v = 0;
};
struct String {
  TimestampMs t = 0;
  std::string v;
};
using Vector = std::vector<VectorSample>;
using Matrix = std::vector<MatrixSeries>;
using Value = std::variant<Scalar, Vector, Matrix, String>;

/// A query ends with an error at the latest about 10 ms after its time is up or its token is cancelled.
struct Limits {
  Duration lookback = std::chrono::minutes(5);
  std::size_t max_samples = 50'000'000;  ///< in memory at once, at 16 bytes; what takes more counts as more
  Duration timeout = std::chrono::minutes(2);
  Duration subquery_step = std::chrono::minutes(1);  ///< of subqueries that name none
  const Clock* clock = nullptr;                      ///< what the timeout is measured on; null: the host's
  SampleBuffers* buffers = nullptr;                  ///< outlives the query; null: it keeps its own
  /// Names are dropped from the result, not by each operation on the way: promql-delayed-name-removal.
  bool delayed_name_removal = false;
  bool start_timestamps = false;  ///< rate() and the like look at them: use-start-timestamps
  bool annotations = true;        ///< collect warnings and infos
};

/// Prometheus' experimental features of the language, off until asked for.
struct Features {
  bool experimental_functions = false;    ///< and aggregations: promql-experimental-functions
  bool extended_range_selectors = false;  ///< anchored, smoothed: promql-extended-range-selectors
  bool binop_fill_modifiers = false;      ///< fill, fill_left, fill_right: promql-binop-fill-modifiers
  bool delayed_name_removal = false;      ///< of evaluation, see Limits: promql-delayed-name-removal
  bool start_timestamps = false;          ///< of evaluation, see Limits: use-start-timestamps
  static Features all() { return {true, true, true, true, true}; }
};
/// From names as --enable-feature of Prometheus takes them, several in one separated by commas. Names that
/// Prometheus 3.14 knows and that change nothing here are taken too, as promql-duration-expr.
Result<Features> parse_features(const std::vector<std::string>& names);

/// Parsed and type-checked, or every error that could be found, ordered by position. Never both.
struct Parsed {
  ExprPtr expr;
  ValueType type = ValueType::none;
  std::vector<ParseError> errors;
  bool ok() const { return expr != nullptr; }
};
Parsed parse(std::string_view text, const Features& features = {});

/// What is wrong with literal arguments: a regular expression or a label name of label_replace() and the
/// like. Prometheus tells of these when it evaluates, so that parse() takes them; no evaluation can succeed.
std::vector<ParseError> check_literals(const Expr& expr);

/// What an evaluation has to say beside its result.
struct Annotation {
  enum class Kind { warning, info };
  Kind kind = Kind::warning;
  std::string text;  ///< with the position: PromQL warning: ... (1:7)
};

/// Of one evaluation, as Prometheus' API tells them with `stats`.
struct SampleCounts {
  std::uint64_t queryable = 0;  ///< that selectors, ranges and subqueries show, at each step anew
  std::uint64_t read = 0;       ///< from the reader: a range's at the first step that shows them
  std::size_t peak = 0;         ///< most in memory at once, as max_samples counts
};

/// An expression made ready for one reader: its selectors hold the ids they resolved to, and resolve again
/// only when the reader's generation moved. Not thread-safe: a rule keeps one, a request makes one.
class Query {
 public:
  Query(ExprPtr expr, const SeriesReader& reader, Limits limits = {});
  ~Query();
  Query(Query&&) noexcept;
  Query& operator=(Query&&) noexcept;

  /// The value at one instant. Errors carry Prometheus' message where it has one.
  Result<Value> instant(TimestampMs t, const CancelToken* cancel = nullptr);
  /// The values at start, start + step, ... up to end, as a matrix sorted by labels. Scalars and vectors
  /// only.
  Result<Value> range(TimestampMs start, TimestampMs end, Duration step, const CancelToken* cancel = nullptr);

  /// Of the last evaluation, warnings first. Prometheus' wording.
  std::vector<Annotation> annotations() const;
  SampleCounts sample_counts() const;
  /// instant() without a copy of any label, for scalars (one element without labels) and vectors. They are
  /// valid until the next evaluation; the numbers of label sets until label_sets().epoch() moves.
  Result<std::span<const Element>> elements(TimestampMs t, const CancelToken* cancel = nullptr);
  const LabelSets& label_sets() const;

  const Expr& expr() const;
  /// Ids that the selectors resolve to now, for "is the source of this rule failing", and selectors that
  /// nothing yields (their text).
  std::vector<SeriesId> sources();
  std::vector<std::string> unmatched_selectors();
  /// How far back from the evaluation time samples are read: lookback, ranges and offsets. What `@` pins is
  /// left out.
  Duration reach() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The expression's canonical text.
std::string to_string(const Expr& expr);

/// A row of the signature table, for the type check and the reference page.
struct FunctionInfo {
  std::string_view name;
  std::vector<ValueType> arguments;
  int repeat = 0;  ///< 0: as declared; n: the last argument may come 0 to n times; -1: any number of times
  ValueType result;
  bool experimental = false;
  std::string_view summary;  ///< one sentence
};
std::vector<FunctionInfo> functions();

/// A float as Prometheus prints it in results: shortest form, +Inf, -Inf, NaN.
std::string format_value(double value);
/// The same, appended.
void append_value(std::string& out, double value);
/// The shortest digits that give the value, never with an exponent: as count_values writes label values.
std::string plain_decimal(double value);

}  // namespace chiron::promql
