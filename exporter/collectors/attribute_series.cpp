#include "exporter/collectors/attribute_series.h"

#include "exporter/base/parse.h"

#include <algorithm>
#include <cstdint>

#include <unistd.h>

namespace chiron {
namespace {

/// An attribute is a page at most (Documentation/filesystems/sysfs.rst); pages have up to 64 KiB.
constexpr std::size_t kMostBytes = 64 << 10;
/// What node_exporter reads of a text.
constexpr std::size_t kLongestLabel = 128;

double in_unit(double value, double unit) { return unit < 0 ? value / -unit : value * unit; }

/// The driver has no value, now or ever, or this user may not have it.
bool has_no_value(ErrorCode code) {
  return code == ErrorCode::not_found || code == ErrorCode::permission_denied ||
         code == ErrorCode::invalid_argument || code == ErrorCode::not_supported ||
         code == ErrorCode::no_data;
}

}  // namespace

std::optional<double> parse_attribute(std::string_view text) {
  if (text.starts_with("0x")) {
    const std::optional<std::uint64_t> hex = parse_int<std::uint64_t>(text.substr(2), 16);
    return hex ? std::optional(static_cast<double>(*hex)) : std::nullopt;
  }
  if (text.ends_with(')')) text = text.substr(0, text.find(" ("));
  if (const std::optional<std::int64_t> value = parse_int<std::int64_t>(text))
    return static_cast<double>(*value);
  const std::optional<std::uint64_t> large = parse_int<std::uint64_t>(text);
  return large ? std::optional(static_cast<double>(*large)) : std::nullopt;
}

std::string read_attribute(const std::string& path) {
  const Result<std::string> text = read_file(path, kMostBytes);
  return text ? std::string(attribute_label(*text)) : std::string();
}

std::optional<double> read_number_attribute(const std::string& path, Problems& problems) {
  const Result<std::string> text = read_file(path, kMostBytes);
  if (!text) {
    if (!has_no_value(text.error().code())) problems.add(text.error());
    return std::nullopt;
  }
  const std::optional<double> value = parse_attribute(trim(*text));
  if (!value) problems.corrupt(path, 1, "expected a number", trim(*text));
  return value;
}

std::string_view attribute_label(std::string_view text) { return trim(text.substr(0, kLongestLabel)); }

AttributeFile::AttributeFile(std::string path, bool keep)
    : kept_(std::move(path), KernelFile::Records::one, kMostBytes), keep_(keep) {}

Result<std::string_view> AttributeFile::read() {
  if (keep_) {
    const Result<std::string_view> text = kept_.read();
    if (!text) return text.error();
    return trim(*text);
  }
  Result<std::string> text = read_file(path(), kMostBytes);
  if (!text) return std::move(text).error();
  text_ = std::move(*text);
  return trim(text_);
}

void AttributeSeries::clear() {
  numbers_.clear();
  fields_.clear();
  infos_.clear();
  states_.clear();
  constants_.clear();
  constant_values_.clear();
  kept_ = 0;
  lost_ = false;
}

void AttributeSeries::add_number(const std::string& directory, const NumberAttribute& number, Labels labels) {
  std::string path = directory + '/';
  path += number.file;
  if (!exists(path)) return;
  const FamilyId family = catalogue_.declare(number.family, number.help, number.type);
  numbers_.push_back({AttributeFile(std::move(path), keep_one()),
                      number.unit,
                      number.not_negative,
                      {family, std::move(labels), {}}});
}

void AttributeSeries::add_info(FamilyId family, const std::string& directory,
                               std::span<const TextAttribute> texts, Labels labels) {
  Info info{{}, {family, std::move(labels), {}}};
  for (const TextAttribute& text : texts) {
    std::string path = directory + '/';
    path += text.file;
    if (exists(path))
      info.texts.push_back({AttributeFile(std::move(path), keep_one()), text.label, text.meaning, {}});
  }
  infos_.push_back(std::move(info));
}

void AttributeSeries::add_fields(const std::string& path, std::span<const FieldAttribute> fields,
                                 const Labels& labels) {
  if (!exists(path)) return;
  Fields added{AttributeFile(path, keep_one()), fields, {}};
  for (const FieldAttribute& field : fields) {
    const NumberAttribute& number = field.number;
    added.handles.push_back({catalogue_.declare(number.family, number.help, number.type), labels, {}});
  }
  fields_.push_back(std::move(added));
}

void AttributeSeries::add_states(FamilyId family, const std::string& path, std::string_view label,
                                 std::span<const std::string> states, const Labels& labels) {
  States added{AttributeFile(path, keep_one()), {states.begin(), states.end()}, {}};
  for (const std::string& state : states) {
    Labels with_state = labels;
    if (!label.empty()) with_state.set(label, state);
    added.handles.push_back({family, std::move(with_state), {}});
  }
  states_.push_back(std::move(added));
}

void AttributeSeries::add_constant(FamilyId family, const Labels& labels, double value) {
  constants_.push_back({family, labels, catalogue_.series(family, labels)});
  constant_values_.push_back(value);
}

void AttributeSeries::collect(Frame& frame, Problems& problems) {
  lost_ = false;
  for (Number& number : numbers_) collect_number(number, frame, problems);
  for (Fields& fields : fields_) collect_fields(fields, frame, problems);
  for (Info& info : infos_) collect_info(info, frame, problems);
  for (States& states : states_) collect_states(states, frame, problems);
  for (std::size_t i = 0; i < constants_.size(); ++i) add(constants_[i], constant_values_[i], frame);
}

std::optional<std::string_view> AttributeSeries::read(AttributeFile& file, bool& seen, Problems& problems) {
  const Result<std::string_view> text = file.read();
  if (text) {
    seen = true;
    return *text;
  }
  const ErrorCode code = text.error().code();
  if (code == ErrorCode::not_found && seen) lost_ = true;
  if (unreadable_ == Unreadable::problem && !has_no_value(code)) problems.add(text.error());
  return std::nullopt;
}

void AttributeSeries::collect_number(Number& number, Frame& frame, Problems& problems) {
  const std::optional<std::string_view> text = read(number.file, number.seen, problems);
  const std::optional<double> value = text ? parse_attribute(*text) : std::nullopt;
  if (text && !value && unreadable_ == Unreadable::problem)
    problems.corrupt(number.file.path(), 1, "expected a number", *text);
  if (!value || (number.not_negative && *value < 0)) {
    number.handle.id.reset();
    return;
  }
  add(number.handle, in_unit(*value, number.unit), frame);
}

void AttributeSeries::collect_fields(Fields& fields, Frame& frame, Problems& problems) {
  const std::size_t before = frame.entries().size();
  if (const std::optional<std::string_view> text = read(fields.file, fields.seen, problems)) {
    std::string_view rest = *text;
    std::string_view line;
    while (next_line(rest, line)) collect_line(fields, line, frame, problems);
  }
  if (frame.entries().size() - before == fields.handles.size()) return;
  for (Handle& handle : fields.handles) handle.id.reset();
}

void AttributeSeries::collect_line(Fields& fields, std::string_view line, Frame& frame, Problems& problems) {
  const std::string_view whole = line;
  std::string_view key, word;
  if (!next_word(line, key)) return;
  std::size_t row = 0;
  while (row < fields.table.size() && fields.table[row].key != key) ++row;
  for (std::size_t taken = 0; row < fields.table.size() && fields.table[row].key == key; ++row) {
    bool found = true;
    for (; found && taken <= fields.table[row].word; ++taken) found = next_word(line, word);
    const auto value = found ? parse_int<std::uint64_t>(word) : std::nullopt;
    if (!value) return problems.corrupt(fields.file.path(), 0, "expected a name and numbers", whole);
    add(fields.handles[row], in_unit(static_cast<double>(*value), fields.table[row].number.unit), frame);
  }
}

void AttributeSeries::collect_info(Info& info, Frame& frame, Problems& problems) {
  bool same = info.handle.id.has_value();
  for (Text& text : info.texts) {
    const std::optional<std::string_view> read_text = read(text.file, text.seen, problems);
    std::string_view now = read_text ? attribute_label(*read_text) : std::string_view();
    if (text.meaning != nullptr) now = text.meaning(now);
    if (now == text.last) continue;
    text.last = now;
    same = false;
  }
  // Its device is gone.
  if (lost_ &&
      std::all_of(info.texts.begin(), info.texts.end(), [](const Text& t) { return t.last.empty(); })) {
    info.handle.id.reset();
    return;
  }
  if (!same) {
    for (const Text& text : info.texts) info.handle.labels.set(text.label, text.last);
    info.handle.id.reset();
  }
  add(info.handle, 1, frame);
}

void AttributeSeries::collect_states(States& states, Frame& frame, Problems& problems) {
  const std::optional<std::string_view> text = read(states.file, states.seen, problems);
  for (std::size_t i = 0; i < states.handles.size(); ++i) {
    if (text) {
      add(states.handles[i], *text == states.names[i] ? 1 : 0, frame);
    } else {
      states.handles[i].id.reset();
    }
  }
}

void AttributeSeries::add(Handle& handle, double value, Frame& frame) {
  if (!handle.id) handle.id = catalogue_.series(handle.family, handle.labels);
  frame.add(*handle.id, value);
}

}  // namespace chiron
