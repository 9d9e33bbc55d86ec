#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/diagnostics.h"
#include "exporter/base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace chiron::remediation {

/// An argument as a person wrote it: one text, a list of texts, or pairs; and where.
struct ArgumentValue {
  enum class Shape { text, list, pairs };
  Shape shape = Shape::text;
  std::vector<std::string> texts;                          ///< one, or the list
  std::vector<std::pair<std::string, std::string>> pairs;  ///< of a mapping
  std::string file;
  Position where;
};
using ArgumentValues = std::vector<std::pair<std::string, ArgumentValue>>;

/// A share of a size: "10%", or an absolute size "5GiB".
struct Amount {
  bool is_percent = false;
  double percent = 0;
  std::uint64_t bytes = 0;
};

/// A size on a disk that may be left out: nothing for "". `name` is the argument's, for the error.
Result<std::optional<std::uint64_t>> optional_size(std::string_view name, const std::string& text);

enum class Need { required, optional };

/// The arguments of an action: declared once, bound to the action's members, and from the same declaration
/// checked, filled and documented. A member's present value is its default.
class Arguments {
 public:
  using Member = std::variant<std::string*, std::int64_t*, double*, bool*, Duration*, Amount*,
                              std::vector<std::string>*, std::vector<std::pair<std::string, std::string>>*>;
  struct Declared {
    std::string_view name;
    Member member;
    Need need;
    std::string_view help;
    std::string default_text;
    std::vector<std::string_view> choices;  ///< for strings: the only values allowed, when not empty
    bool patterns = false;  ///< globs or the like: what labels fill in must not make them match more
    bool subject = false;   ///< names what is acted on: labels are held against the remedy's targets
    bool url = false;       ///< a URL or the path of one: labels fill in plain words only
  };
  void add(std::string_view name, Member member, Need need, std::string_view help,
           std::vector<std::string_view> choices = {});
  /// Of one that was added. The first that is required and no pattern is a subject by itself.
  void mark_subject(std::string_view name);
  void mark_url(std::string_view name);
  /// Nothing when none was added under that name.
  const Declared* find(std::string_view name) const;
  void add_patterns(std::string_view name, std::vector<std::string>* member, std::string_view help,
                    Need need = Need::optional);
  const std::vector<Declared>& declared() const { return declared_; }
  static std::string_view type_name(const Member& member);

  /// `timeout` is an argument of every action, declared or not: the deadline of the step. Zero: not given.
  /// After bind().
  Duration timeout() const { return timeout_; }

  /// Checks names, shapes, and (where a text holds no "{{") values. Unknown, missing and malformed arguments
  /// become diagnostics with a position and a hint. Leaves the members alone.
  void check(std::string_view action, const ArgumentValues& values, Position step,
             DiagnosticSink& sink) const;
  /// Fills the members from values whose templates are expanded. The first fault is the error, with
  /// file:line:column where known. A required text or list that is empty, and a NUL byte anywhere, are
  /// faults: what comes from labels may be anything.
  Status bind(const ArgumentValues& values);

 private:
  Diagnostic unknown(const std::string& name, const ArgumentValue& value) const;

  Duration timeout_{};
  std::vector<Declared> declared_;
};

}  // namespace chiron::remediation
