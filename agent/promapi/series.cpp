#include "agent/promapi/api.h"
#include "agent/promapi/selection.h"
#include "exporter/base/utf8.h"
#include "rules/promql/json.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace chiron::agent::promapi {
namespace {

constexpr TimestampMs kEver = 9'007'199'254'740'991;  // as far as a double has milliseconds

/// What match[], start and end select, and how much of it is wanted.
struct Wanted {
  Selection selection;
  std::size_t limit;
};

Result<Wanted> wanted(const Params& params, const Store& store) {
  const auto limit = params.limit("limit");
  if (!limit.ok()) return limit.error();
  const auto start = params.time_or("start", -kEver), end = params.time_or("end", kEver);
  if (!start.ok()) return start.error();
  if (!end.ok()) return end.error();
  auto selectors = params.selectors("match[]");
  if (!selectors.ok()) return std::move(selectors).error();
  return Wanted{Selection{store, *std::move(selectors), *start, *end}, *limit};
}

/// True when something was left out of a list that is sorted already.
template <class List>
void cut(List& list, std::size_t limit, Notes& notes) {
  if (limit == 0 || list.size() <= limit) return;
  list.resize(limit);
  notes.warnings.emplace_back("results truncated due to limit");
}

template <class List, class Append>
void append_list(std::string& data, const List& list, Append append) {
  data += '[';
  for (const auto& one : list) {
    if (data.back() != '[') data += ',';
    append(one);
  }
  data += ']';
}

void append_sorted(std::string& data, std::vector<std::string_view> texts, std::size_t limit, Notes& notes) {
  std::sort(texts.begin(), texts.end());
  cut(texts, limit, notes);
  append_list(data, texts, [&](std::string_view text) { promql::append_json_string(data, text); });
}

}  // namespace

Status Api::labels(const Params& params, std::string& data, Notes& notes) const {
  const auto asked = wanted(params, sources_.store);
  if (!asked.ok()) return asked.error();
  std::set<std::string_view> names;
  for (const SeriesId id : asked->selection.series()) {
    for (const Label& label : sources_.store.labels(id)) names.insert(label.name);
  }
  append_sorted(data, {names.begin(), names.end()}, asked->limit, notes);
  return {};
}

http::Response Api::label_values(const http::Request& request) const {
  constexpr std::string_view kBefore = "/api/v1/label/", kAfter = "/values";
  std::string_view name = request.path;
  name.remove_prefix(std::min(name.size(), kBefore.size()));
  if (!name.ends_with(kAfter) ||
      name.substr(0, name.size() - kAfter.size()).find('/') != std::string_view::npos) {
    return {.status = 404, .body = "404 page not found\n"};
  }
  name.remove_suffix(kAfter.size());
  const std::string label = unescape_name(name);
  if (label.empty() || !is_valid_utf8(label)) {
    return refusal(Error(ErrorCode::invalid_argument, fmt::format("invalid label name: {}", quoted(label))));
  }
  return answer(request, [&](std::string& data, Notes& notes) -> Status {
    const auto asked = wanted(Params(request.all_params()), sources_.store);
    if (!asked.ok()) return asked.error();
    std::set<std::string_view> values;
    for (const SeriesId id : asked->selection.series()) {
      if (const std::string_view value = sources_.store.labels(id).get(label); !value.empty())
        values.insert(value);
    }
    append_sorted(data, {values.begin(), values.end()}, asked->limit, notes);
    return {};
  });
}

Status Api::series(const Params& params, std::string& data, Notes& notes) const {
  if (params.all("match[]").empty())
    return Error(ErrorCode::invalid_argument, "no match[] parameter provided");
  const auto asked = wanted(params, sources_.store);
  if (!asked.ok()) return asked.error();
  std::vector<const Labels*> sets;
  for (const SeriesId id : asked->selection.series()) sets.push_back(&sources_.store.labels(id));
  std::sort(sets.begin(), sets.end(), [](const Labels* a, const Labels* b) { return *a < *b; });
  cut(sets, asked->limit, notes);
  append_list(data, sets, [&](const Labels* labels) { promql::append_json_labels(data, *labels); });
  return {};
}

}  // namespace chiron::agent::promapi
