#include "rules/engine/template/executor.h"

#include "exporter/base/utf8.h"
#include "rules/engine/template/printer.h"

#include <fmt/format.h>

namespace chiron::rules::tmpl {

using NodeKind = Node::Kind;

Executor::Executor(const Tree& tree, const TemplateData& data, TemplateFailure& failure)
    : tree_(tree), failure_(failure), context_{data, {}} {
  const Value all(Type::data, &data);
  variables_ = {{"$", all},
                {"$labels", Value::of(LabelMap{data.labels, nullptr})},
                {"$externalLabels", Value::of(LabelMap{data.external_labels, nullptr})},
                {"$externalURL", Value::of(std::string(data.external_url))},
                {"$value", Value::of(data.value)},
                {"$target", Value::of(std::string(data.target))}};
  for (const std::string_view fact : {"$remedy", "$run", "$state", "$reason"})
    variables_.emplace_back(
        fact,
        Value::of(std::string(data.run == nullptr ? std::string_view() : data.run->get(fact.substr(1)))));
}

std::optional<std::string> Executor::run() {
  const Value dot = variables_.front().second;
  if (walk(dot, *tree_.root) == Flow::failed) return std::nullopt;
  return std::move(out_);
}

Executor::Flow Executor::fail(std::string message) {
  if (failure_.message.empty()) {
    failure_.message = std::move(message);
    failure_.template_name = template_name_;
    if (node_ != nullptr) {
      failure_.offset = node_->at;
      failure_.context = to_string(*node_);
    }
  }
  return Flow::failed;
}

std::nullopt_t Executor::error(std::string message) {
  fail(std::move(message));
  return std::nullopt;
}

bool Executor::charge(const Value& value) {
  constexpr std::size_t kTextOfAStep = 64;
  const bool is_text = kind_of(value) == Kind::text;
  const std::size_t size = is_text ? value.text().size() : 0;
  if (size > Budget::kText) {
    fail(fmt::format("the text is larger than {} bytes", Budget::kText));
    return false;
  }
  if (context_.budget.take(1 + size / kTextOfAStep)) return true;
  fail(out_of_steps().message());
  return false;
}

bool Executor::write(std::string_view text) {
  if (out_.size() + text.size() > Budget::kText) {
    fail(fmt::format("the output is larger than {} bytes", Budget::kText));
    return false;
  }
  out_ += text;
  return true;
}

Executor::Flow Executor::walk(const Value& dot, const Node& node) {
  if (!charge(Value())) return Flow::failed;
  // What bounds the stack: templates that call themselves, with actions in actions in each.
  constexpr std::size_t kLevels = 600;
  if (level_ == kLevels) return fail("exceeded maximum template depth");
  ++level_;
  const Flow flow = walk_node(dot, node);
  --level_;
  return flow;
}

Executor::Flow Executor::walk_node(const Value& dot, const Node& node) {
  switch (node.kind) {
    case NodeKind::list:
      return walk_list(dot, node);
    case NodeKind::text:
      node_ = &node;
      return write(node.text) ? Flow::next : Flow::failed;
    case NodeKind::action:
      return walk_action(dot, node);
    case NodeKind::if_:
    case NodeKind::with:
      return walk_branch(dot, node);
    case NodeKind::range:
      return walk_range(dot, node);
    case NodeKind::invocation:
      return walk_invocation(dot, node);
    case NodeKind::break_:
      return Flow::break_;
    case NodeKind::continue_:
      return Flow::continue_;
    default:
      return fail("unknown node");
  }
}

Executor::Flow Executor::walk_list(const Value& dot, const Node& list) {
  for (const NodePtr& part : list.parts)
    if (const Flow flow = walk(dot, *part); flow != Flow::next) return flow;
  return Flow::next;
}

Executor::Flow Executor::walk_action(const Value& dot, const Node& node) {
  node_ = &node;
  const std::optional<Value> value = pipeline(dot, *node.parts[0]);
  if (!value) return Flow::failed;
  // Variables stay until the next end; what declares or assigns one prints nothing.
  if (!node.parts[0]->declared.empty()) return Flow::next;
  node_ = &node;
  Printer printer(Budget::kText);
  printer.put(*value);
  Result<std::string> text = std::move(printer).take();
  if (!text) return fail(text.error().message());
  return write(*text) ? Flow::next : Flow::failed;
}

Executor::Flow Executor::walk_branch(const Value& dot, const Node& node) {
  node_ = &node;
  const std::size_t mark = variables_.size();
  const std::optional<Value> value = pipeline(dot, *node.parts[0]);
  if (!value) return Flow::failed;
  Flow flow = Flow::next;
  if (is_true(*value))
    flow = walk(node.kind == NodeKind::with ? *value : dot, *node.parts[1]);
  else if (node.parts.size() > 2)
    flow = walk(dot, *node.parts[2]);
  variables_.resize(mark);
  return flow;
}

Executor::Flow Executor::walk_range(const Value& dot, const Node& node) {
  node_ = &node;
  const std::size_t mark = variables_.size();
  const std::optional<Value> all = pipeline(dot, *node.parts[0]);
  if (!all) return Flow::failed;
  bool any = false;
  Flow flow = walk_elements(*all, node, any);
  if (flow == Flow::next && !any && node.parts.size() > 2) flow = walk(dot, *node.parts[2]);
  variables_.resize(mark);
  return flow;
}

Executor::Flow Executor::walk_elements(const Value& all, const Node& node, bool& any) {
  const std::size_t mark = variables_.size();
  const std::size_t declared = node.parts[0]->declared.size();
  const bool assigns = node.parts[0]->assigns;
  const auto once = [&](const Value& index, const Value& element) {
    any = true;
    if (declared > 0 && assigns) {
      if (!assign(node.parts[0]->declared[declared - 1], element)) return Flow::failed;
      if (declared > 1 && !assign(node.parts[0]->declared[0], index)) return Flow::failed;
    } else if (declared > 0) {
      variables_[mark - 1].second = element;
      if (declared > 1) variables_[mark - 2].second = index;
    }
    const Flow flow = walk(element, *node.parts[1]);
    variables_.resize(mark);
    return flow == Flow::continue_ ? Flow::next : flow;
  };
  const auto ended = [](Flow flow) { return flow == Flow::break_ ? Flow::next : flow; };
  switch (all.type()) {
    case Type::none:
      return Flow::next;
    case Type::samples:
      for (std::size_t i = 0; i < all.samples().size(); ++i)
        if (const Flow flow =
                once(Value::of_int(static_cast<std::int64_t>(i)), Value::of(all.samples().at(i)));
            flow != Flow::next)
          return ended(flow);
      return Flow::next;
    case Type::labels:
      if (all.labels().labels == nullptr) return Flow::next;
      for (const Label& label : *all.labels().labels)
        if (const Flow flow = once(Value::of(label.name), Value::of(label.value)); flow != Flow::next)
          return ended(flow);
      return Flow::next;
    case Type::args:
      for (const auto& [key, value] : all.args().values)
        if (const Flow flow = once(Value::of(key), value); flow != Flow::next) return ended(flow);
      return Flow::next;
    default:
      break;
  }
  // Go 1.22 and later count up to an integer.
  if (kind_of(all) != Kind::integer && kind_of(all) != Kind::unsigned_integer)
    return fail(fmt::format("range can't iterate over {}", brief(all)));
  if (declared > 1)
    return fail(fmt::format("can't use {} to iterate over more than one variable", brief(all)));
  for (std::int64_t i = 0; i < all.integer(); ++i) {
    const Value number = Value::of_int(i, all.type());
    if (const Flow flow = once(number, number); flow != Flow::next) return ended(flow);
  }
  return Flow::next;
}

Executor::Flow Executor::walk_invocation(const Value& dot, const Node& node) {
  node_ = &node;
  const auto found = tree_.templates.find(node.text);
  if (found == tree_.templates.end()) return fail(fmt::format("template {} not defined", quoted(node.text)));
  if (depth_ == Budget::kDepth)
    return fail(fmt::format("exceeded maximum template depth ({})", Budget::kDepth));
  Value argument;
  if (!node.parts.empty()) {
    std::optional<Value> value = pipeline(dot, *node.parts[0]);
    if (!value) return Flow::failed;
    argument = *std::move(value);
  }
  Variables outer = std::exchange(variables_, {{"$", argument}});
  std::string outer_name = std::exchange(template_name_, node.text);
  ++depth_;
  const Flow flow = walk(argument, *found->second);
  --depth_;
  variables_ = std::move(outer);
  template_name_ = std::move(outer_name);
  return flow;
}

}  // namespace chiron::rules::tmpl
