#include "exporter/collectors/name_filter.h"

#include <spdlog/fmt/fmt.h>

namespace chiron {
namespace {

Result<std::optional<Pattern>> compile(std::string_view option, std::string_view expression) {
  if (expression.empty()) return std::optional<Pattern>();
  Result<Pattern> pattern = Pattern::make(expression);
  if (!pattern) return std::move(pattern).error().wrap(fmt::format("option {}", option));
  return std::optional<Pattern>(std::move(*pattern));
}

}  // namespace

Result<NameFilter> NameFilter::make(const CollectorOptions& options, std::string_view include_option,
                                    std::string_view exclude_option, std::string_view default_exclude) {
  const std::string_view include = options.get(include_option);
  std::string_view exclude = options.get(exclude_option);
  if (contradict(include, exclude, default_exclude)) {
    return Error(ErrorCode::invalid_argument,
                 fmt::format("options {} and {} exclude each other; give one of them", include_option,
                             exclude_option));
  }
  if (!include.empty()) exclude = {};
  NameFilter filter;
  auto compiled = compile(include_option, include);
  if (!compiled) return std::move(compiled).error();
  filter.include_ = std::move(*compiled);
  compiled = compile(exclude_option, exclude);
  if (!compiled) return std::move(compiled).error();
  filter.exclude_ = std::move(*compiled);
  return filter;
}

bool NameFilter::contradict(std::string_view include, std::string_view exclude,
                            std::string_view default_exclude) {
  return !include.empty() && !exclude.empty() && exclude != default_exclude;
}

bool NameFilter::accepts(std::string_view name) const {
  if (include_ && !include_->search(name)) return false;
  return !exclude_ || !exclude_->search(name);
}

}  // namespace chiron
