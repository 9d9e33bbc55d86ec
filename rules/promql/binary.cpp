#include "rules/promql/binary.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace chiron::promql {
namespace {

class ScalarBinaryNode final : public ScalarNode {
 public:
  ScalarBinaryNode(Op op, ScalarPtr left, ScalarPtr right)
      : op_(op), left_(std::move(left)), right_(std::move(right)) {}
  double eval(Context& context, TimestampMs t) override {
    if (is_trim(op_)) {
      context.fail(ErrorCode::invalid_argument,
                   fmt::format("operator \"{}\" not allowed for Scalar operations", to_string(op_)));
    }
    const double left = left_->eval(context, t);
    return apply(op_, left, right_->eval(context, t));
  }

 private:
  const Op op_;
  ScalarPtr left_, right_;
};

class VectorScalarNode final : public VectorNode {
 public:
  VectorScalarNode(const Binary& binary, VectorPtr vector, ScalarPtr scalar, bool scalar_left)
      : op_(binary.op),
        filter_(is_comparison(binary.op) && !binary.return_bool),
        scalar_left_(scalar_left),
        vector_(std::move(vector)),
        scalar_(std::move(scalar)) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    const double scalar = scalar_->eval(context, t);
    for (const Element& e : vector_->eval(context, t)) {
      if (!context.tick()) return out_;
      const double value = scalar_left_ ? apply(op_, scalar, e.v) : apply(op_, e.v, scalar);
      if (!filter_) {
        out_.push_back(context.unnamed(e.labels, value));
      } else if (value != 0) {
        out_.push_back(e);
      }
    }
    if (!filter_) context.check_unique(out_);
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  const Op op_;
  const bool filter_;
  const bool scalar_left_;
  VectorPtr vector_;
  ScalarPtr scalar_;
  Elements out_;
  Charge charge_;
};

// `</` and `>/` are for native histograms: floats give nothing, and an info.
class TrimNode final : public VectorNode {
 public:
  TrimNode(const Expr& expr, VectorPtr left, VectorPtr right)
      : where_(expr.where),
        op_(std::get<Binary>(expr.node).op),
        left_(std::move(left)),
        right_(std::move(right)),
        signatures_(std::get<Binary>(expr.node).matching) {}

  const Elements& eval(Context& context, TimestampMs t) override {
    const Elements& left = left_->eval(context, t);
    bool met = !left.empty();
    if (right_) {
      seen_.start(context.sets);
      for (const Element& e : left) seen_[signatures_.of(context, e.labels)] = 1;
      const Elements& right = right_->eval(context, t);
      met = std::any_of(right.begin(), right.end(), [&](const Element& e) {
        return seen_[signatures_.of(context, e.labels)] != Slots::kEmpty;
      });
    }
    if (met && context.annotates()) {
      context.inform(
          where_,
          fmt::format("incompatible sample types encountered for binary operator \"{0}\": float {0} float",
                      to_string(op_)));
    }
    return out_;
  }

 private:
  const TextPosition where_;
  const Op op_;
  VectorPtr left_, right_;  // the right one is null for a scalar
  Signatures signatures_;
  Slots seen_;
  const Elements out_;
};

class NegateNode final : public VectorNode {
 public:
  explicit NegateNode(VectorPtr operand) : operand_(std::move(operand)) {}
  const Elements& eval(Context& context, TimestampMs t) override {
    out_.clear();
    for (const Element& e : operand_->eval(context, t)) {
      if (!context.tick()) return out_;
      out_.push_back(context.unnamed(e.labels, -e.v));
    }
    context.check_unique(out_);
    context.hold(charge_, out_.size());
    return out_;
  }

 private:
  VectorPtr operand_;
  Elements out_;
  Charge charge_;
};

class NegateScalarNode final : public ScalarNode {
 public:
  explicit NegateScalarNode(ScalarPtr operand) : operand_(std::move(operand)) {}
  double eval(Context& context, TimestampMs t) override { return -operand_->eval(context, t); }

 private:
  ScalarPtr operand_;
};

}  // namespace

double apply(Op op, double left, double right) {
  switch (op) {
    case Op::add:
      return left + right;
    case Op::sub:
      return left - right;
    case Op::mul:
      return left * right;
    case Op::div:
      return left / right;
    case Op::mod:
      return std::fmod(left, right);
    case Op::pow:
      return std::pow(left, right);
    case Op::atan2:
      return std::atan2(left, right);
    case Op::eq:
      return left == right ? 1 : 0;
    case Op::ne:
      return left != right ? 1 : 0;
    case Op::gt:
      return left > right ? 1 : 0;
    case Op::lt:
      return left < right ? 1 : 0;
    case Op::ge:
      return left >= right ? 1 : 0;
    case Op::le:
      return left <= right ? 1 : 0;
    default:  // set operators never come here
      return 0;
  }
}

ScalarPtr make_scalar_binary(Op op, ScalarPtr left, ScalarPtr right) {
  return std::make_unique<ScalarBinaryNode>(op, std::move(left), std::move(right));
}
VectorPtr make_vector_scalar(const Binary& binary, VectorPtr vector, ScalarPtr scalar, bool scalar_left) {
  return std::make_unique<VectorScalarNode>(binary, std::move(vector), std::move(scalar), scalar_left);
}
VectorPtr make_trim(const Expr& expr, VectorPtr left, VectorPtr right) {
  return std::make_unique<TrimNode>(expr, std::move(left), std::move(right));
}
VectorPtr make_unary(bool minus, VectorPtr operand) {
  return minus ? std::make_unique<NegateNode>(std::move(operand)) : std::move(operand);
}
ScalarPtr make_unary(bool minus, ScalarPtr operand) {
  return minus ? std::make_unique<NegateScalarNode>(std::move(operand)) : std::move(operand);
}

}  // namespace chiron::promql
