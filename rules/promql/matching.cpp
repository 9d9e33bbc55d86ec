#include "rules/promql/binary.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

// Arithmetic and comparison between vectors. The "one" side is the right one, except under group_right; the
// "many" side is walked, and its elements give the output its labels.
class MatchingNode final : public VectorNode {
 public:
  MatchingNode(const Binary& binary, VectorPtr left, VectorPtr right)
      : binary_(binary),
        one_is_left_(binary.matching.card == Matching::Card::one_to_many),
        grouped_(binary.matching.card != Matching::Card::one_to_one),
        filter_(is_comparison(binary.op) && !binary.return_bool),
        // Prometheus takes fill_right for what is missing on the "one" side, also where that is the left one.
        fill_one_(binary.matching.fill_right),
        fill_many_(binary.matching.fill_left),
        left_(std::move(left)),
        right_(std::move(right)),
        signatures_(binary.matching) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    const Elements& left = left_->eval(context, t);
    const Elements& right = right_->eval(context, t);
    // Nothing can match: not even duplicates are an error then.
    const bool fills = fill_one_ || fill_many_;
    if ((left.empty() && right.empty()) || ((left.empty() || right.empty()) && !fills) || context.failed())
      return out_;
    const Elements& one = one_is_left_ ? left : right;
    if (!index(context, one)) return out_;
    used_.start(context.sets);
    matched_.start(context.sets);
    for (const Element& many : one_is_left_ ? right : left) {
      if (!context.tick()) return out_;
      const SetId signature = signatures_.of(context, many.labels);
      const std::uint32_t at = one_side_[signature];
      if (at == Slots::kEmpty && !fill_one_) continue;
      const Element partner = at == Slots::kEmpty ? Element(signature, *fill_one_) : one[at];
      if (!pair(context, many, partner, signature)) return out_;
    }
    if (fill_many_) {
      for (const Element& alone : one) {
        const SetId signature = signatures_.of(context, alone.labels);
        if (matched_[signature] != Slots::kEmpty) continue;
        if (!pair(context, Element(signature, *fill_many_), alone, signature)) return out_;
      }
    }
    if (grouped_) context.check_unique(out_);
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  bool index(Context& context, const Elements& one) {
    one_side_.start(context.sets);
    for (std::uint32_t i = 0; i < one.size(); ++i) {
      if (!context.tick()) return false;
      const SetId signature = signatures_.of(context, one[i].labels);
      std::uint32_t& at = one_side_[signature];
      if (at != Slots::kEmpty) {
        duplicate(context, signature, one[at].labels, one[i].labels);
        return false;
      }
      at = i;
    }
    return true;
  }

  bool pair(Context& context, const Element& many, const Element& one, SetId signature) {
    const Element& left = one_is_left_ ? one : many;
    const Element& right = one_is_left_ ? many : one;
    const double value = apply(binary_.op, left.v, right.v);
    const SetId labels = output_labels(context, many.labels, one.labels);
    // A pair that the comparison filters away still takes its place: what matches must not depend on the
    // values.
    // Within a match group; that groups overlap is seen in the result.
    std::uint32_t& used = used_[grouped_ ? labels : signature];
    if (used == signature) {
      context.fail(ErrorCode::failed_precondition,
                   grouped_ ? "multiple matches for labels: grouping labels must ensure unique matches"
                            : "multiple matches for labels: many-to-one matching must be explicit "
                              "(group_left/group_right)");
      return false;
    }
    used = signature;
    matched_[signature] = 1;
    if (filter_ && value == 0) return true;
    out_.push_back(
        {labels, filter_ ? left.v : value, binary_.return_bool && context.limits.delayed_name_removal});
    return true;
  }

  SetId output_labels(Context& context, SetId many, SetId one) {
    if (binary_.matching.include.empty()) {
      return labels_.get(context.sets, many,
                         [&](SetId id) { return context.intern(derive(context, id, id)); });
    }
    if (included_epoch_ != context.sets.epoch()) {
      included_.clear();
      included_epoch_ = context.sets.epoch();
    }
    const std::uint64_t key = (std::uint64_t{many} << 32) | one;
    const auto [at, fresh] = included_.try_emplace(key, kNoSet);
    if (fresh) at->second = context.intern(derive(context, many, one));
    return at->second;
  }

  Labels derive(Context& context, SetId many, SetId one) const {
    const Matching& matching = binary_.matching;
    Labels labels = context.sets[many];
    // A comparison gives no other metric; its bool form does, and may drop the name at the end.
    if (!is_comparison(binary_.op) || (binary_.return_bool && !context.limits.delayed_name_removal)) {
      for (const std::string_view name : kMetadataLabels) labels.erase(name);
    }
    if (!grouped_) {
      if (matching.on) {
        labels = keep_labels(labels, matching.labels);
      } else {
        for (const std::string& name : matching.labels) labels.erase(name);
      }
    }
    for (const std::string& name : matching.include) labels.set(name, context.sets[one].get(name));
    return labels;
  }

  void duplicate(Context& context, SetId signature, SetId first, SetId second) {
    std::string a = in_braces(context.sets[first]);
    std::string b = in_braces(context.sets[second]);
    if (context.sets[second] < context.sets[first]) std::swap(a, b);
    context.fail(
        ErrorCode::failed_precondition,
        fmt::format("found duplicate series for the match group {} on the {} hand-side of the operation: "
                    "[{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
                    in_braces(context.sets[signature]), one_is_left_ ? "left" : "right", a, b));
  }

  const Binary& binary_;
  const bool one_is_left_, grouped_, filter_;
  const std::optional<double> fill_one_, fill_many_;
  VectorPtr left_, right_;
  Signatures signatures_;
  Slots one_side_, used_, matched_;
  SetMap labels_;  // output labels by the many side, when nothing is included
  std::unordered_map<std::uint64_t, SetId> included_;  // by the many and the one side
  std::uint64_t included_epoch_ = 0;
  Elements out_;
  Charge charge_;
};

}  // namespace

VectorPtr make_vector_matching(const Binary& binary, VectorPtr left, VectorPtr right) {
  return std::make_unique<MatchingNode>(binary, std::move(left), std::move(right));
}

}  // namespace chiron::promql
