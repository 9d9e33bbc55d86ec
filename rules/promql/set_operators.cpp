#include "rules/promql/binary.h"

namespace chiron::promql {
namespace {

class SetOperatorNode final : public VectorNode {
 public:
  SetOperatorNode(const Binary& binary, VectorPtr left, VectorPtr right)
      : op_(binary.op), left_(std::move(left)), right_(std::move(right)), signatures_(binary.matching) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    const Elements& left = left_->eval(context, t);
    const Elements& right = right_->eval(context, t);
    seen_.start(context.sets);
    for (const Element& e : op_ == Op::lor ? left : right) {
      if (!context.tick()) return out_;
      seen_[signatures_.of(context, e.labels)] = 1;
    }
    if (op_ == Op::lor) out_ = left;
    const bool wanted = op_ == Op::land;
    for (const Element& e : op_ == Op::lor ? right : left) {
      if (!context.tick()) return out_;
      const bool matched = seen_[signatures_.of(context, e.labels)] != Slots::kEmpty;
      if (matched == wanted) out_.push_back(e);
    }
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  const Op op_;
  VectorPtr left_, right_;
  Signatures signatures_;
  Slots seen_;
  Elements out_;
  Charge charge_;
};

}  // namespace

VectorPtr make_set_operator(const Binary& binary, VectorPtr left, VectorPtr right) {
  return std::make_unique<SetOperatorNode>(binary, std::move(left), std::move(right));
}

}  // namespace chiron::promql
