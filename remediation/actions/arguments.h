#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "exporter/base/clock.h"
#include "exporter/base/diagnostics.h"
#include "exporter/base/result.h"

namespace chiron::remediation {

/// An argument as a person wrote it: one text, a list of texts, or pairs; and where.
struct ArgumentValue {
  enum class Shape { text, list, pairs };
  Shape shape = Shape::text;
  std::vector<std::string> texts;                         ///< one, or the list
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

enum class Need { required, optional };

/// The arguments of an action: declared once, bound to the action's members, and from the same declaration checked,
/// filled and documented. A member's present value is its default.
class Arguments {
 public:
  using Member = std::variant<std::string*, std::int64_t*, double*, bool*, Duration*, Amount*, std::vector<std::string>*,
                              std::vector<std::pair<std::string, std::string>>*>;
  struct Declared {
    std::string_view name;
    Member member;
    Need need;
    std::string_view help;
    std::string default_text;
    std::vector<std::string_view> choices;  ///< for strings: the only values allowed, when not empty
  };
  void add(std::string_view name, Member member, Need need, std::string_view help,
           std::vector<std::string_view> choices = {});
  const std::vector<Declared>& declared() const { return declared_; }
  static std::string_view type_name(const Member& member);

  /// Checks names, shapes, and (where a text holds no "{{") values. Unknown, missing and malformed arguments become
  /// diagnostics with a position and a hint. Leaves the members alone.
  void check(std::string_view action, const ArgumentValues& values, Position step, DiagnosticSink& sink) const;
  /// Fills the members from values without templates. The first fault is the error.
  Status bind(const ArgumentValues& values);

 private:
  std::vector<Declared> declared_;
};

}  // namespace chiron::remediation
