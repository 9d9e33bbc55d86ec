#include "rules/promql/regex_expand.h"

#include "exporter/base/parse.h"

namespace chiron::promql {
namespace {

std::size_t name_size(std::string_view text) {
  static const RE2 kName(R"([\pL\p{Nd}_]+)");
  re2::StringPiece name;
  const re2::StringPiece piece(text.data(), text.size());
  return kName.Match(piece, 0, piece.size(), RE2::ANCHOR_START, &name, 1) ? name.size() : 0;
}

std::string_view group(const RE2& regex, std::span<const re2::StringPiece> groups, std::string_view name) {
  std::size_t index = groups.size();
  const bool leading_zero = name.size() > 1 && name.front() == '0';  // no number in Go, but a name
  if (name.find_first_not_of("0123456789") == std::string_view::npos && !leading_zero) {
    index = parse_int<std::size_t>(name).value_or(index);
  } else if (const auto named = regex.NamedCapturingGroups().find(std::string(name));
             named != regex.NamedCapturingGroups().end()) {
    index = static_cast<std::size_t>(named->second);
  }
  if (index >= groups.size() || groups[index].data() == nullptr) return {};
  return {groups[index].data(), groups[index].size()};
}

}  // namespace

std::string expand_groups(const RE2& regex, std::span<const re2::StringPiece> groups,
                          std::string_view replacement, std::size_t most) {
  std::string out;
  for (std::size_t i = 0; i < replacement.size() && out.size() <= most;) {
    if (replacement[i] != '$' || i + 1 >= replacement.size()) {
      out.push_back(replacement[i++]);
      continue;
    }
    if (replacement[i + 1] == '$') {
      out.push_back('$');
      i += 2;
      continue;
    }
    const bool braced = replacement[i + 1] == '{';
    const std::size_t begin = i + (braced ? 2 : 1);
    const std::size_t end = begin + name_size(replacement.substr(begin));
    if (end == begin || (braced && (end >= replacement.size() || replacement[end] != '}'))) {
      out.push_back(replacement[i++]);
      continue;
    }
    out += group(regex, groups, replacement.substr(begin, end - begin));
    i = braced ? end + 1 : end;
  }
  return out;
}

}  // namespace chiron::promql
