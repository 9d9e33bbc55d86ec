#include "rules/promql/label_functions.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "rules/promql/regex_expand.h"

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
    labels.set(arguments_.destination, expand_groups(*regex_, groups, arguments_.replacement));
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
