#include "rules/promql/label_functions.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"

#include <fmt/format.h>
#include <re2/re2.h>

namespace chiron::promql {
namespace {

// A regular expression over a long value takes some microseconds.
constexpr std::size_t kRelabelWork = 16;

// Gives each label set another one, worked out once.
class RelabelNode : public VectorNode {
 public:
  /// `destination` is the label that is set: a name given here stays, whatever was to be dropped before.
  RelabelNode(VectorPtr operand, std::string_view destination)
      : operand_(std::move(operand)), sets_name_(destination == kMetricName) {}

  const Elements& eval(Context& context, TimestampMs t) final {
    out_.clear();
    for (const Element& e : operand_->eval(context, t)) {
      if (!context.tick()) return out_;
      const SetId labels = map_.get(context.sets, e.labels, [&](SetId id) {
        context.tick(kRelabelWork);
        Labels made = context.sets[id];
        relabel(made);
        return context.sets.intern(made);
      });
      out_.push_back({labels, e.v, e.drop_name && !(labels != e.labels && sets_name_)});
    }
    context.check_distinct(out_);
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  virtual void relabel(Labels& labels) const = 0;

  VectorPtr operand_;
  const bool sets_name_;
  SetMap map_;
  Elements out_;
  Charge charge_;
};

class LabelReplaceNode final : public RelabelNode {
 public:
  LabelReplaceNode(VectorPtr operand, LabelReplaceArguments arguments, std::unique_ptr<const RE2> regex)
      : RelabelNode(std::move(operand), arguments.destination),
        arguments_(std::move(arguments)),
        regex_(std::move(regex)) {}

 private:
  void relabel(Labels& labels) const override {
    const std::string source(labels.get(arguments_.source));
    std::vector<re2::StringPiece> groups(static_cast<std::size_t>(regex_->NumberOfCapturingGroups()) + 1);
    if (!regex_->Match(source, 0, source.size(), RE2::ANCHOR_BOTH, groups.data(),
                       static_cast<int>(groups.size()))) {
      return;
    }
    labels.set(arguments_.destination, expand(groups));
  }

  // Go's regexp.Expand: $name or ${name}; a plain name is as long as letters, digits and underscores (of all
  // scripts) go on; $$ is a dollar; an unknown group is empty; a dollar that starts none stands for itself.
  std::string expand(const std::vector<re2::StringPiece>& groups) const {
    const std::string_view text = arguments_.replacement;
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
      if (text[i] != '$' || i + 1 >= text.size()) {
        out.push_back(text[i++]);
        continue;
      }
      if (text[i + 1] == '$') {
        out.push_back('$');
        i += 2;
        continue;
      }
      const bool braced = text[i + 1] == '{';
      const std::size_t begin = i + (braced ? 2 : 1);
      const std::size_t end = begin + name_size(text.substr(begin));
      if (end == begin || (braced && (end >= text.size() || text[end] != '}'))) {
        out.push_back(text[i++]);
        continue;
      }
      out += group(groups, text.substr(begin, end - begin));
      i = braced ? end + 1 : end;
    }
    return out;
  }

  static std::size_t name_size(std::string_view text) {
    static const RE2 kName(R"([\pL\p{Nd}_]+)");
    re2::StringPiece name;
    const re2::StringPiece piece(text.data(), text.size());
    return kName.Match(piece, 0, piece.size(), RE2::ANCHOR_START, &name, 1) ? name.size() : 0;
  }

  std::string_view group(const std::vector<re2::StringPiece>& groups, std::string_view name) const {
    std::size_t index = groups.size();
    const bool leading_zero = name.size() > 1 && name.front() == '0';  // no number in Go, but a name
    if (name.find_first_not_of("0123456789") == std::string_view::npos && !leading_zero) {
      index = parse_int<std::size_t>(name).value_or(index);
    } else if (const auto named = regex_->NamedCapturingGroups().find(std::string(name));
               named != regex_->NamedCapturingGroups().end()) {
      index = static_cast<std::size_t>(named->second);
    }
    if (index >= groups.size() || groups[index].data() == nullptr) return {};
    return {groups[index].data(), groups[index].size()};
  }

  const LabelReplaceArguments arguments_;
  const std::unique_ptr<const RE2> regex_;
};

class LabelJoinNode final : public RelabelNode {
 public:
  LabelJoinNode(VectorPtr operand, LabelJoinArguments arguments)
      : RelabelNode(std::move(operand), arguments.destination), arguments_(std::move(arguments)) {}

 private:
  void relabel(Labels& labels) const override {
    std::string joined;
    for (std::size_t i = 0; i < arguments_.sources.size(); ++i) {
      if (i > 0) joined += arguments_.separator;
      joined += labels.get(arguments_.sources[i]);
    }
    labels.set(arguments_.destination, joined);
  }

  const LabelJoinArguments arguments_;
};

}  // namespace

bool is_utf8_label_name(std::string_view name) { return !name.empty() && is_valid_utf8(name); }

Result<VectorPtr> make_label_replace(VectorPtr operand, LabelReplaceArguments arguments) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  auto regex = std::make_unique<const RE2>(arguments.expression, options);
  if (!regex->ok()) {
    return Error(ErrorCode::invalid_argument,
                 fmt::format("invalid regular expression in label_replace(): {}", arguments.expression));
  }
  if (!is_utf8_label_name(arguments.destination)) {
    return Error(ErrorCode::invalid_argument,
                 fmt::format("invalid destination label name in label_replace(): {}", arguments.destination));
  }
  return VectorPtr(
      std::make_unique<LabelReplaceNode>(std::move(operand), std::move(arguments), std::move(regex)));
}

Result<VectorPtr> make_label_join(VectorPtr operand, LabelJoinArguments arguments) {
  if (!is_utf8_label_name(arguments.destination)) {
    return Error(ErrorCode::invalid_argument,
                 fmt::format("invalid destination label name in label_join(): {}", arguments.destination));
  }
  for (const std::string& source : arguments.sources) {
    if (is_utf8_label_name(source)) continue;
    return Error(ErrorCode::invalid_argument,
                 fmt::format("invalid source label name in label_join(): {}", source));
  }
  return VectorPtr(std::make_unique<LabelJoinNode>(std::move(operand), std::move(arguments)));
}

}  // namespace chiron::promql
