#include "agent/promapi/api.h"
#include "agent/promapi/selection.h"
#include "agent/time_text.h"
#include "exporter/base/utf8.h"
#include "rules/promql/json.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::agent::promapi {
namespace {

struct Asked {
  Selection selection;
  std::size_t limit;  ///< of the answer's elements; 0: none
};

/// What the parameters ask for. `name_match` puts the parameter's name before what is wrong with match[].
Result<Asked> read(const Params& params, const Store& store, bool name_match = false) {
  const auto limit = params.limit("limit");
  if (!limit.ok()) return limit.error();
  const auto start = params.time_or("start", kEarliest), end = params.time_or("end", kLatest);
  if (!start.ok()) return start.error();
  if (!end.ok()) return end.error();
  auto selectors = params.narrow_selectors();
  if (!selectors.ok()) {
    return name_match ? invalid_parameter("match[]", selectors.error().message()) : selectors.error();
  }
  return Asked{Selection{store, *std::move(selectors), *start, *end}, *limit};
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
  const auto asked = read(params, sources_.store);
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
    const auto asked = read(Params(request.all_params()), sources_.store);
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
  const auto asked = read(params, sources_.store, true);
  if (!asked.ok()) return asked.error();
  std::vector<const Labels*> sets;
  for (const SeriesId id : asked->selection.series()) sets.push_back(&sources_.store.labels(id));
  std::sort(sets.begin(), sets.end(), [](const Labels* a, const Labels* b) { return *a < *b; });
  cut(sets, asked->limit, notes);
  append_list(data, sets, [&](const Labels* labels) { promql::append_json_labels(data, *labels); });
  return {};
}

}  // namespace chiron::agent::promapi
