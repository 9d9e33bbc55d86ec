#include "exporter/collectors/mdstat.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"

#include <optional>
#include <utility>

namespace chiron {
namespace {

std::uint64_t count(std::string_view text, std::string_view what) {
  std::uint64_t found = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string_view::npos; at += what.size()) ++found;
  return found;
}

/// "NUMBER/NUMBER" between the first such pair of brackets.
std::optional<std::pair<std::uint64_t, std::uint64_t>> ratio(std::string_view text, char open, char close) {
  for (std::size_t at = 0; (at = text.find(open, at)) != std::string_view::npos;) {
    std::string_view inside = text.substr(++at);
    inside = inside.substr(0, inside.find(close));
    const std::size_t slash = inside.find('/');
    if (slash == std::string_view::npos) continue;
    const auto first = parse_int<std::uint64_t>(inside.substr(0, slash));
    const auto second = parse_int<std::uint64_t>(inside.substr(slash + 1));
    if (first && second) return std::pair(*first, *second);
  }
  return std::nullopt;
}

/// "md0 : active (auto-read-only) raid1 sdb1[1] sda1[0](F)". `level` stays empty for an array that does not
/// run.
bool parse_head(std::string_view line, MdArray& array, std::string_view& level, std::string_view& disks) {
  std::string_view colon, state;
  if (!next_word(line, array.name) || !next_word(line, colon) || colon != ":" || !next_word(line, state))
    return false;
  if (state == "active") array.state = MdArray::State::active;
  if (state == "inactive") array.state = MdArray::State::inactive;
  if (array.state != MdArray::State::inactive) {
    while (next_word(line, level) && level.starts_with('(')) {
    }
  }
  disks = line;
  array.failed = count(disks, "(F)");
  array.spare = count(disks, "(S)");
  return true;
}

/// "      248896 blocks super 1.2 [2/2] [UU]"
bool parse_status(std::string_view line, std::string_view level, std::string_view disks, MdArray& array) {
  std::string_view rest = line;
  const std::optional<std::uint64_t> blocks = next_number(rest);
  if (!blocks) return false;
  array.blocks = array.synced = *blocks;
  // Their status functions count no disks: raid0.c, md-linear.c, md-faulty.c.
  if (level == "raid0" || level == "linear" || level == "faulty") {
    array.required = array.active = count(disks, "[");
    return true;
  }
  if (array.state == MdArray::State::inactive) return true;
  const auto counted = ratio(line, '[', ']');
  if (!counted) return false;
  array.required = counted->first;
  array.active = counted->second;
  return true;
}

std::optional<MdArray::State> state_of(std::string_view synchronisation) {
  using State = MdArray::State;
  constexpr std::pair<std::string_view, State> kNames[] = {{"recovery", State::recovering},
                                                           {"recover", State::recovering},
                                                           {"reshape", State::other},
                                                           {"resync", State::resync},
                                                           {"check", State::check}};
  for (const auto& [name, state] : kNames) {
    if (name == synchronisation) return state;
  }
  return std::nullopt;
}

/// "      [=>...]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec"; or
/// "resync=DELAYED", "resync=PENDING", and of another node of a cluster "recover=REMOTE": how far that is, is
/// not known here. Other lines, of the bitmap above all, whose file may have any name, are good too.
bool parse_sync(std::string_view line, MdArray& array) {
  std::string_view rest = line, word, name;
  if (!next_word(rest, word) || (word.starts_with('[') && !next_word(rest, word))) return true;
  next_field(word, '=', name);
  const std::optional<MdArray::State> state = state_of(name);
  if (!state) return true;
  array.state = *state;
  if (!word.empty()) {
    array.synced = 0;
    return true;
  }
  const auto done = ratio(rest, '(', ')');
  if (done) array.synced = done->first;
  return done.has_value();
}

}  // namespace

void parse_mdstat(std::string_view text, std::string_view file, std::vector<MdArray>& arrays,
                  Problems& problems) {
  KernelLines lines(text, file, problems);
  std::string_view line, head;
  bool more = lines.next(line);
  while (more) {
    head = line;
    more = lines.next(line);
    const std::string_view words = trim(head);
    if (words.empty() || head.starts_with(' ') || head.starts_with("Personalities") ||
        head.starts_with("unused"))
      continue;
    MdArray array;
    std::string_view level, disks;
    bool good = parse_head(head, array, level, disks);
    bool has_status = false;
    for (; more && line.starts_with(' ') && !trim(line).empty(); more = lines.next(line)) {
      good = good && (has_status ? parse_sync(line, array) : parse_status(line, level, disks, array));
      has_status = true;
    }
    if (good && has_status) {
      arrays.push_back(array);
    } else {
      problems.corrupt(file, 0, "expected an array, its blocks and its disks", head);
    }
  }
}

}  // namespace chiron
