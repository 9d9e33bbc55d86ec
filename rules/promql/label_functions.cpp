#include "rules/promql/label_functions.h"

#include "exporter/base/regex_error.h"
#include "exporter/base/utf8.h"
#include "rules/promql/regex_expand.h"

#include <optional>
#include <string>

#include <fmt/format.h>
#include <re2/re2.h>

namespace chiron::promql {
namespace {

// A template, or a list of labels that name each other, could double a value at each call around another. As
// much as any text of a template may have.
constexpr std::size_t kMostValue = 64 * 1024;

// Of labels that are read or bytes that are written, what takes about a microsecond.
constexpr std::size_t kAtOnce = 16;

// At the worst a match looks at every instruction of the expression for every byte (RE2's NFA): 2 to 4 ns
// each, and nothing can stop it. So many in a microsecond, and what one match may take.
constexpr std::size_t kInstructionsAtOnce = 256;
constexpr std::size_t kMostInstructions = std::size_t{16} << 20;

// Gives each label set another one, worked out once.
class RelabelNode : public VectorNode {
 public:
  /// `destination` is the label that is set: a name given here stays, whatever was to be dropped before.
  RelabelNode(VectorPtr operand, std::string destination)
      : operand_(std::move(operand)),
        destination_(std::move(destination)),
        sets_name_(destination_ == kMetricName) {}

  const Elements& eval(Context& context, TimestampMs t) final {
    out_.clear();
    for (const Element& e : operand_->eval(context, t)) {
      if (!context.tick()) return out_;
      const SetId labels = map_.get(context.sets, e.labels, [&](SetId id) {
        std::optional<std::string> value = relabel(context, context.sets[id]);
        if (context.failed()) return kNoSet;
        if (!value) return id;
        if (value->size() > kMostValue) {
          context.fail(ErrorCode::exhausted,
                       fmt::format("the value of label {} would be longer than {} bytes",
                                   quoted(destination_), kMostValue));
          return kNoSet;
        }
        Labels made = context.sets[id];
        made.set(destination_, *value);
        return context.intern(made);
      });
      if (context.failed()) return out_;
      out_.push_back({labels, e.v, e.drop_name && !(labels != e.labels && sets_name_)});
    }
    context.check_distinct(out_);
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  /// What the destination becomes, none when all stays. May end where it is longer than kMostValue.
  virtual std::optional<std::string> relabel(Context& context, const Labels& labels) const = 0;

  VectorPtr operand_;
  const std::string destination_;
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
  std::optional<std::string> relabel(Context& context, const Labels& labels) const override {
    const std::string_view source = labels.get(arguments_.source);
    const std::size_t instructions = source.size() * static_cast<std::size_t>(regex_->ProgramSize());
    if (!context.tick(1 + instructions / kInstructionsAtOnce + arguments_.replacement.size() / kAtOnce))
      return std::nullopt;
    if (instructions > kMostInstructions) {
      context.fail(
          ErrorCode::exhausted,
          fmt::format("the regular expression in label_replace() is too large for a value of {} bytes",
                      source.size()));
      return std::nullopt;
    }
    std::vector<re2::StringPiece> groups(static_cast<std::size_t>(regex_->NumberOfCapturingGroups()) + 1);
    if (!regex_->Match(re2::StringPiece(source.data(), source.size()), 0, source.size(), RE2::ANCHOR_BOTH,
                       groups.data(), static_cast<int>(groups.size()))) {
      return std::nullopt;
    }
    return expand_groups(*regex_, groups, arguments_.replacement, kMostValue);
  }

  const LabelReplaceArguments arguments_;
  const std::unique_ptr<const RE2> regex_;
};

class LabelJoinNode final : public RelabelNode {
 public:
  LabelJoinNode(VectorPtr operand, LabelJoinArguments arguments)
      : RelabelNode(std::move(operand), arguments.destination), arguments_(std::move(arguments)) {}

 private:
  std::optional<std::string> relabel(Context& context, const Labels& labels) const override {
    std::string joined;
    for (std::size_t i = 0; i < arguments_.sources.size() && joined.size() <= kMostValue; ++i) {
      if (i % kAtOnce == 0 && !context.tick()) return std::nullopt;
      if (i > 0) joined += arguments_.separator;
      joined += labels.get(arguments_.sources[i]);
    }
    return joined;
  }

  const LabelJoinArguments arguments_;
};

}  // namespace

bool is_utf8_name(std::string_view name) { return !name.empty() && is_valid_utf8(name); }

Result<VectorPtr> make_label_replace(VectorPtr operand, LabelReplaceArguments arguments) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  auto regex = std::make_unique<const RE2>(arguments.expression, options);
  if (!regex->ok()) {
    return Error(ErrorCode::invalid_argument, fmt::format("invalid regular expression in label_replace(): {}",
                                                          shortened(arguments.expression)));
  }
  if (!is_utf8_name(arguments.destination)) {
    return Error(ErrorCode::invalid_argument,
                 fmt::format("invalid destination label name in label_replace(): {}", arguments.destination));
  }
  return VectorPtr(
      std::make_unique<LabelReplaceNode>(std::move(operand), std::move(arguments), std::move(regex)));
}

Result<VectorPtr> make_label_join(VectorPtr operand, LabelJoinArguments arguments) {
  if (!is_utf8_name(arguments.destination)) {
    return Error(ErrorCode::invalid_argument,
                 fmt::format("invalid destination label name in label_join(): {}", arguments.destination));
  }
  for (const std::string& source : arguments.sources) {
    if (is_utf8_name(source)) continue;
    return Error(ErrorCode::invalid_argument,
                 fmt::format("invalid source label name in label_join(): {}", source));
  }
  return VectorPtr(std::make_unique<LabelJoinNode>(std::move(operand), std::move(arguments)));
}

}  // namespace chiron::promql
