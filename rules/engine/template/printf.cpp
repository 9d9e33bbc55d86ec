#include "rules/engine/template/printer.h"
#include "rules/engine/template/unicode.h"

#include <fmt/format.h>

namespace chiron::rules::tmpl {

/// One run over a format: pkg.go.dev/fmt, "Printing" and "Explicit argument indexes".
class Directives {
 public:
  Directives(Printer& printer, std::string_view format, std::span<const Value> values)
      : printer_(printer), format_(format), values_(values) {}

  void run() {
    while (at_ < format_.size() && !printer_.full()) {
      const std::size_t percent = std::min(format_.find('%', at_), format_.size());
      printer_.add(format_.substr(at_, percent - at_));
      at_ = percent;
      if (at_ < format_.size()) directive();
    }
    if (!reordered_ && next_ < values_.size()) extra();
  }

 private:
  static constexpr std::size_t kMostNumber = 1'000'000;

  bool here(char c) const { return at_ < format_.size() && format_[at_] == c; }

  void directive() {
    ++at_;
    flags_ = {};
    good_index_ = true;
    after_index_ = false;
    read_flags();
    index();
    width();
    if (here('.')) precision();
    if (!after_index_) index();
    if (at_ >= format_.size()) return printer_.add("%!(NOVERB)");
    const Rune rune = first_rune(format_.substr(at_));
    at_ += rune.size;
    verb(rune.code);
  }

  void read_flags() {
    for (; at_ < format_.size(); ++at_) {
      switch (format_[at_]) {
        case '#':
          flags_.sharp = true;
          break;
        case '0':
          // Zeros are padded to the left only.
          flags_.zero = !flags_.minus;
          break;
        case '+':
          flags_.plus = true;
          break;
        case '-':
          flags_.minus = true;
          flags_.zero = false;
          break;
        case ' ':
          flags_.space = true;
          break;
        default:
          return;
      }
    }
  }

  /// Digits; nothing when there are none. What is too large takes the rest of the format with it.
  std::optional<std::size_t> number() {
    const std::size_t begin = at_;
    std::size_t value = 0;
    for (; at_ < format_.size() && format_[at_] >= '0' && format_[at_] <= '9'; ++at_) {
      value = value * 10 + static_cast<std::size_t>(format_[at_] - '0');
      if (value > kMostNumber) {
        at_ = format_.size();
        return std::nullopt;
      }
    }
    if (at_ == begin) return std::nullopt;
    return value;
  }

  /// [n]: the next directive or star takes the n-th value.
  void index() {
    if (!here('[')) return;
    reordered_ = true;
    const std::size_t open = at_;
    const std::size_t close = format_.find(']', at_);
    if (close == std::string_view::npos) {
      good_index_ = false;
      ++at_;
      return;
    }
    ++at_;
    const std::optional<std::size_t> wanted = number();
    const bool whole = wanted && at_ == close;
    at_ = std::max(close, open) + 1;
    after_index_ = whole;
    if (whole && *wanted >= 1 && *wanted <= values_.size())
      next_ = *wanted - 1;
    else
      good_index_ = false;
  }

  /// The value of a star; nothing when it is no sensible integer.
  std::optional<std::int64_t> star() {
    ++at_;
    after_index_ = false;
    if (next_ >= values_.size()) return std::nullopt;
    const Value& value = values_[next_++];
    const Kind kind = kind_of(value);
    if (kind != Kind::integer && kind != Kind::unsigned_integer) return std::nullopt;
    constexpr auto kMost = static_cast<std::int64_t>(kMostNumber);
    if (value.integer() > kMost || value.integer() < -kMost) return std::nullopt;
    return value.integer();
  }

  void width() {
    if (here('*')) {
      const std::optional<std::int64_t> value = star();
      if (!value) return printer_.add("%!(BADWIDTH)");
      flags_.width = static_cast<std::size_t>(std::abs(*value));
      if (*value < 0) {
        flags_.minus = true;
        flags_.zero = false;
      }
      return;
    }
    flags_.width = number();
    if (after_index_ && flags_.width) good_index_ = false;
  }

  void precision() {
    ++at_;
    if (after_index_) good_index_ = false;
    index();
    if (here('*')) {
      const std::optional<std::int64_t> value = star();
      if (!value || *value < 0) return printer_.add(value ? "" : "%!(BADPREC)");
      flags_.precision = static_cast<std::size_t>(*value);
      return;
    }
    flags_.precision = number().value_or(0);
  }

  void verb(char32_t verb) {
    std::string name;
    append_rune(name, verb);
    if (verb == '%') return printer_.add("%");
    if (!good_index_) return printer_.add("%!" + name + "(BADINDEX)");
    if (next_ >= values_.size()) return printer_.add("%!" + name + "(MISSING)");
    if (verb == 'v') {
      flags_.sharp_v = std::exchange(flags_.sharp, false);
      flags_.plus_v = std::exchange(flags_.plus, false);
    }
    printer_.argument(values_[next_++], verb, flags_);
  }

  void extra() {
    printer_.add("%!(EXTRA ");
    for (std::size_t i = next_; i < values_.size(); ++i) {
      if (i > next_) printer_.add(", ");
      if (values_[i].is_none()) {
        printer_.add("<nil>");
        continue;
      }
      printer_.add(fmt::format("{}=", type_name(values_[i].type())));
      printer_.argument(values_[i], 'v', {});
    }
    printer_.add(")");
  }

  Printer& printer_;
  const std::string_view format_;
  const std::span<const Value> values_;
  std::size_t at_ = 0;
  std::size_t next_ = 0;      // the value that the next directive takes
  bool reordered_ = false;    // some index was given: values left over are no fault
  bool good_index_ = true;    // of this directive
  bool after_index_ = false;  // an index was read, and what it is for not yet
  Flags flags_;
};

void Printer::printf(std::string_view format, std::span<const Value> values) {
  Directives(*this, format, values).run();
}

}  // namespace chiron::rules::tmpl
