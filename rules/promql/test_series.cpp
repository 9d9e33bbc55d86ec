#include "rules/promql/test_series.h"

#include "exporter/base/parse.h"
#include "rules/promql/selector_parser.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

// More repetitions than any test wants; a typing error must not fill the memory.
constexpr std::size_t kMostValues = 1'000'000;

Error bad(std::string_view item, std::string_view why) {
  return Error(ErrorCode::invalid_argument, fmt::format("bad value \"{}\": {}", item, why));
}

// Where the series' name and labels end and its values begin.
std::size_t labels_end(std::string_view text) {
  std::size_t i = text.find_first_of("{ \t");
  if (i == std::string_view::npos || text[i] != '{') return std::min(i, text.size());
  char quote = '\0';
  for (; i < text.size(); ++i) {
    if (quote != '\0') {
      if (text[i] == '\\' && quote != '`')
        ++i;
      else if (text[i] == quote)
        quote = '\0';
    } else if (text[i] == '"' || text[i] == '\'' || text[i] == '`') {
      quote = text[i];
    } else if (text[i] == '}') {
      return i + 1;
    }
  }
  return text.size();
}

Result<Labels> parse_labels(std::string_view text) {
  TokenStream tokens(text);
  if (!is_word(tokens.peek()) && !tokens.at(Tok::metric_identifier) && !tokens.at(Tok::left_brace))
    tokens.unexpected();
  std::optional<VectorSelector> selector;
  if (!tokens.failed()) selector = parse_vector_selector(tokens);
  if (selector && !tokens.at(Tok::end)) tokens.unexpected();
  if (!tokens.errors().empty()) return Error(ErrorCode::invalid_argument, tokens.errors().front().message);
  Labels labels;
  for (const Matcher& matcher : selector->matchers) {
    if (matcher.op() != MatchOp::equal) {
      return Error(ErrorCode::invalid_argument,
                   fmt::format("a series has no matcher like {}", matcher.to_string()));
    }
    labels.set(matcher.name(), matcher.value());
  }
  return labels;
}

struct Number {
  double value;
  std::size_t size;
};
std::optional<Number> number_at(std::string_view text) {
  std::size_t size = text.find_first_of("+-x", 1);
  // The sign of an exponent belongs to the number.
  if (size != std::string_view::npos && text[size] != 'x' &&
      (text[size - 1] == 'e' || text[size - 1] == 'E')) {
    size = text.find_first_of("+-x", size + 1);
  }
  size = std::min(size, text.size());
  std::string_view digits = text.substr(0, size);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  const std::optional<double> value = parse_double(digits);
  if (!value) return std::nullopt;
  return Number{*value, size};
}

Result<std::size_t> repetitions(std::string_view item, std::string_view text) {
  const auto count = parse_int<std::size_t>(text);
  if (!count || *count > kMostValues) return bad(item, "a number of repetitions belongs after x");
  return *count;
}

// Start timestamps must not overflow; 30,000 years.
constexpr TimestampMs kFurthest = 1'000'000'000'000'000;

// A signed duration that `text` begins with, which is taken off. No unit has an x, which stands before the
// number of repetitions.
std::optional<TimestampMs> take_duration(std::string_view& text) {
  const bool minus = text.starts_with('-');
  if (minus || text.starts_with('+')) text.remove_prefix(1);
  const std::size_t size = std::min(text.find_first_of("+-x"), text.size());
  const Result<Duration> duration = parse_duration(text.substr(0, size));
  if (!duration) return std::nullopt;
  text.remove_prefix(size);
  const TimestampMs ms = std::chrono::duration_cast<std::chrono::milliseconds>(*duration).count();
  return minus ? -ms : ms;
}

// How often what stands before `rest` comes beyond once: nothing, or xK.
Result<std::size_t> times_more(std::string_view item, std::string_view rest) {
  if (rest.empty()) return std::size_t{0};
  if (rest[0] != 'x') return bad(item, "expected x and a number of repetitions");
  return repetitions(item, rest.substr(1));
}

// One item of a line of start timestamps: D, DxK, D+ExK, D-ExK, _, _xK, *, *xK.
Status append_offsets(std::string_view item, std::vector<std::optional<TimestampMs>>& out) {
  std::string_view rest = item;
  if (item[0] == '_') {
    const Result<std::size_t> more = times_more(item, item.substr(1));
    if (!more) return more.error();
    out.resize(out.size() + std::max<std::size_t>(1, *more));
    return {};
  }
  if (item[0] == '*') {
    const Result<std::size_t> more = times_more(item, item.substr(1));
    if (!more) return more.error();
    const auto last = std::find_if(out.rbegin(), out.rend(), [](const auto& o) { return o.has_value(); });
    const TimestampMs before = last == out.rend() ? 0 : **last;
    out.resize(out.size() + 1 + *more, before);
    return {};
  }
  std::optional<TimestampMs> offset = take_duration(rest);
  if (!offset) return bad(item, "expected a duration, _ or *");
  TimestampMs increment = 0;
  if (rest.starts_with('+') || rest.starts_with('-')) {
    const std::optional<TimestampMs> by = take_duration(rest);
    if (!by || rest.empty()) return bad(item, "a series is written A+BxN");
    increment = *by;
  }
  const Result<std::size_t> more = times_more(item, rest);
  if (!more) return more.error();
  if (std::abs(*offset) > kFurthest ||
      std::abs(increment) > kFurthest / (1 + static_cast<TimestampMs>(*more)))
    return bad(item, "that is beyond the calendar");
  for (std::size_t i = 0; i <= *more; ++i, *offset += increment) out.push_back(offset);
  return {};
}

// The next item of a series; a native histogram goes on to its }}, blanks and all, and {{...}}+{{...}}x3 is
// one.
bool next_item(std::string_view& text, std::string_view& item) {
  text = trim(text);
  std::size_t end = 0;
  while (text.substr(end).starts_with("{{")) {
    const std::size_t closed = text.find("}}", end);
    end = closed == std::string_view::npos ? text.size() : closed + 2;
    const std::string_view rest = text.substr(end);
    if (rest.starts_with("+{{") || rest.starts_with("-{{")) ++end;
  }
  end = std::min(text.find_first_of(" \t", end), text.size());
  item = text.substr(0, end);
  text.remove_prefix(end);
  return !item.empty();
}

// One item: N, NxK, A+BxK, A-BxK, _, _xK, stale, {{...}}, {{...}}xK, {{...}}+{{...}}xK.
Status append_item(std::string_view item, std::vector<std::optional<double>>& out) {
  if (item == "stale") {
    out.push_back(stale_marker());
    return {};
  }
  if (item.starts_with("{{")) {
    const std::size_t closed = item.rfind("}}");
    if (closed == std::string_view::npos) return bad(item, "a native histogram ends with }}");
    const Result<std::size_t> more = times_more(item, item.substr(closed + 2));
    if (!more) return more.error();
    out.resize(out.size() + 1 + *more);
    return {};
  }
  if (item[0] == '_') {
    std::size_t count = 1;
    if (item.size() > 1) {
      if (item[1] != 'x') return bad(item, "_ or _xN is a gap");
      Result<std::size_t> parsed = repetitions(item, item.substr(2));
      if (!parsed) return std::move(parsed).error();
      count = *parsed;
    }
    out.resize(out.size() + count);
    return {};
  }
  const std::optional<Number> first = number_at(item);
  if (!first) return bad(item, "expected a number, _, or stale");
  std::string_view rest = item.substr(first->size);
  double increment = 0;
  if (rest.starts_with('+') || rest.starts_with('-')) {
    const std::optional<Number> by = number_at(rest);
    if (!by || by->size >= rest.size()) return bad(item, "a series is written A+BxN");
    increment = by->value;
    rest.remove_prefix(by->size);
  }
  std::size_t count = 0;
  if (!rest.empty()) {
    Result<std::size_t> parsed = repetitions(item, rest.substr(1));
    if (!parsed) return std::move(parsed).error();
    count = *parsed;
  }
  double value = first->value;
  for (std::size_t i = 0; i <= count; ++i, value += increment) out.push_back(value);
  return {};
}

}  // namespace

bool is_starts_line(std::string_view text) {
  const std::size_t end = labels_end(text);
  const std::string_view rest = text.substr(end);
  if (rest.starts_with("@st")) return rest.size() > 3 && (rest[3] == ' ' || rest[3] == '\t');
  return text.substr(0, end).ends_with("@st");
}

Result<StartsLine> parse_starts_line(std::string_view text) {
  std::size_t end = labels_end(text);
  std::string_view rest = text.substr(end);
  if (rest.starts_with("@st")) {
    rest.remove_prefix(3);
  } else {
    end -= 3;
  }
  StartsLine line;
  if (end > 0) {
    Result<Labels> labels = parse_labels(text.substr(0, end));
    if (!labels) return std::move(labels).error();
    line.labels = *std::move(labels);
  }
  std::string_view item;
  while (next_word(rest, item)) {
    if (Status status = append_offsets(item, line.offsets); !status) return std::move(status).error();
    if (line.offsets.size() > kMostValues) return bad(item, "too many values");
  }
  if (line.offsets.empty()) return bad(text, "start timestamps belong after @st");
  return line;
}

Result<SeriesLine> parse_series_line(std::string_view text) {
  const std::size_t end = labels_end(text);
  Result<Labels> labels = parse_labels(text.substr(0, end));
  if (!labels) return std::move(labels).error();
  SeriesLine line{*std::move(labels), {}, {}};
  text.remove_prefix(end);
  for (std::string_view item; next_item(text, item);) {
    if (Status status = append_item(item, line.values); !status) return std::move(status).error();
    if (line.values.size() > kMostValues) return bad(item, "too many values");
    if (item.starts_with("{{") && !line.unsupported)
      line.unsupported = bad(item, "native histograms are not supported");
  }
  return line;
}

void TestSeries::add(const Labels& labels, Sample sample, TimestampMs start) {
  const auto [at, fresh] = by_labels_.try_emplace(labels, series_.size());
  if (fresh) {
    series_.push_back({labels, {}});
    ++generation_;
  }
  series_[at->second].samples.insert_or_assign(sample.t, Point{sample.v, start});
}

void TestSeries::clear() {
  series_.clear();
  by_labels_.clear();
  ++generation_;
}

void TestSeries::select(std::span<const Matcher> matchers, std::vector<SeriesId>& out) const {
  for (std::size_t i = 0; i < series_.size(); ++i) {
    const bool all = std::all_of(matchers.begin(), matchers.end(),
                                 [&](const Matcher& matcher) { return matcher.matches(series_[i].labels); });
    if (all) out.push_back(static_cast<SeriesId>(i));
  }
}

std::optional<Sample> TestSeries::latest(SeriesId id, TimestampMs after, TimestampMs until) const {
  const auto& samples = series_[static_cast<std::size_t>(id)].samples;
  auto at = samples.upper_bound(until);
  if (at == samples.begin()) return std::nullopt;
  --at;
  if (at->first <= after || is_stale(at->second.v)) return std::nullopt;
  return Sample{at->first, at->second.v};
}

void TestSeries::latest(std::span<const SeriesId> ids, TimestampMs after, TimestampMs until,
                        std::span<Sample> out) const {
  for (std::size_t i = 0; i < ids.size(); ++i)
    out[i] = latest(ids[i], after, until).value_or(Sample{kNever, 0});
}

void TestSeries::range(SeriesId id, TimestampMs after, TimestampMs until, Markers markers,
                       std::vector<Sample>& out) const {
  const auto& samples = series_[static_cast<std::size_t>(id)].samples;
  for (auto at = samples.upper_bound(after); at != samples.end() && at->first <= until; ++at) {
    if (markers == Markers::kept || !is_stale(at->second.v)) out.push_back({at->first, at->second.v});
  }
}

TimestampMs TestSeries::start_of(SeriesId id, TimestampMs t) const {
  const auto& samples = series_[static_cast<std::size_t>(id)].samples;
  const auto at = samples.find(t);
  return at == samples.end() ? 0 : at->second.start;
}

TimestampMs TestSeries::newest() const {
  TimestampMs newest = 0;
  for (const Series& series : series_) newest = std::max(newest, series.samples.rbegin()->first);
  return newest;
}

TimestampMs TestSeries::oldest() const {
  TimestampMs oldest = std::numeric_limits<TimestampMs>::max();
  for (const Series& series : series_) oldest = std::min(oldest, series.samples.begin()->first);
  return series_.empty() ? 0 : oldest;
}

}  // namespace chiron::promql
