#include "exporter/collectors/mdstat.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"

#include <optional>

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

bool has(std::string_view text, std::string_view what) { return text.find(what) != std::string_view::npos; }

/// "md0 : active raid1 sdb1[1] sda1[0](F)"
bool parse_head(std::string_view line, MdArray& array) {
  array.failed = count(line, "(F)");
  array.spare = count(line, "(S)");
  std::string_view colon, state;
  if (!next_word(line, array.name) || !next_word(line, colon) || colon != ":" || !next_word(line, state))
    return false;
  if (state == "active") array.state = MdArray::State::active;
  if (state == "inactive") array.state = MdArray::State::inactive;
  return true;
}

/// "      248896 blocks super 1.2 [2/2] [UU]"
bool parse_status(std::string_view head, std::string_view line, MdArray& array) {
  std::string_view rest = line;
  const std::optional<std::uint64_t> blocks = next_number(rest);
  if (!blocks) return false;
  array.blocks = array.synced = *blocks;
  if (has(head, "raid0") || has(head, "linear")) {
    array.required = array.active = count(head, "[");
    return true;
  }
  if (array.state == MdArray::State::inactive) return true;
  const auto disks = ratio(line, '[', ']');
  if (!disks) return false;
  array.required = disks->first;
  array.active = disks->second;
  return true;
}

/// "      [=>...]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec", "resync=DELAYED"
bool parse_sync(std::string_view line, MdArray& array) {
  using State = MdArray::State;
  if (has(line, "recovery")) {
    array.state = State::recovering;
  } else if (has(line, "reshape")) {
    array.state = State::other;
  } else if (has(line, "resync")) {
    array.state = State::resync;
  } else if (has(line, "check")) {
    array.state = State::check;
  } else {
    return true;
  }
  if (has(line, "PENDING") || has(line, "DELAYED")) {
    array.synced = 0;
    return true;
  }
  const auto done = ratio(line, '(', ')');
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
    bool good = parse_head(head, array);
    bool has_status = false;
    for (; more && line.starts_with(' ') && !trim(line).empty(); more = lines.next(line)) {
      good = good && (has_status ? parse_sync(line, array) : parse_status(head, line, array));
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
