#include "agent/action_arguments.h"

#include "exporter/base/yaml.h"
#include "remediation/actions/action.h"

#include <variant>

#include <fmt/format.h>

namespace chiron::agent {
namespace {

using remediation::ArgumentValue;
using Pairs = std::vector<std::pair<std::string, std::string>>;

Error fault(const std::string& name, const std::string& what) {
  return {ErrorCode::invalid_argument, fmt::format("argument '{}': {}", name, what)};
}

Result<ArgumentValue> value_of(const std::string& name, const Json& json) {
  ArgumentValue value;
  if (json.is_string()) {
    value.texts = {json.get<std::string>()};
    return value;
  }
  if (!json.is_structured()) return fault(name, "must be a text, a list of texts or a mapping of texts");
  value.shape = json.is_array() ? ArgumentValue::Shape::list : ArgumentValue::Shape::pairs;
  for (const auto& [key, item] : json.items()) {
    if (!item.is_string()) return fault(name, "lists and mappings hold texts");
    if (json.is_array()) {
      value.texts.push_back(item.get<std::string>());
    } else {
      value.pairs.emplace_back(key, item.get<std::string>());
    }
  }
  return value;
}

/// "{a: b, c: d}": YAML in its flow style, of which JSON is a part.
Result<Pairs> pairs_of(const std::string& name, const std::string& text) {
  constexpr const char* kWanted = "write a mapping of texts: '{A: b, C: d}', or the same in JSON";
  DiagnosticSink sink;
  const yaml::Node node = yaml::parse(name, text, sink);
  if (!sink.ok()) {
    const Diagnostic& first = sink.all().front();
    return fault(name, fmt::format("{} at character {}; {}", first.message, first.where.column, kWanted));
  }
  if (!node.is_mapping()) return fault(name, kWanted);
  Pairs pairs;
  for (const auto& [key, value] : node.entries()) {
    if (!value.is_scalar())
      return fault(name, fmt::format("\"{}\" has no text; {}; '' is an empty one", key.text(), kWanted));
    pairs.emplace_back(key.text(), value.text());
  }
  return pairs;
}

/// NAME=VALUE on a command line tells texts only; the action's declaration tells what they stand for.
Status fit(const remediation::Arguments::Declared& declared, ArgumentValue& value) {
  if (value.shape == ArgumentValue::Shape::pairs) return {};
  if (std::holds_alternative<std::vector<std::string>*>(declared.member)) {
    value.shape = ArgumentValue::Shape::list;
  } else if (std::holds_alternative<Pairs*>(declared.member)) {
    const std::string name(declared.name);
    if (value.texts.size() != 1) return fault(name, "is given more than once; one mapping takes all");
    Result<Pairs> pairs = pairs_of(name, value.texts.front());
    if (!pairs) return std::move(pairs).error();
    value = {.shape = ArgumentValue::Shape::pairs,
             .texts = {},
             .pairs = *std::move(pairs),
             .file = {},
             .where = {}};
  }
  return {};
}

}  // namespace

Result<remediation::ArgumentValues> action_arguments(const std::string& action, const Json& json) {
  if (!json.is_object()) return Error(ErrorCode::invalid_argument, "arguments must be an object");
  remediation::Arguments arguments;
  const remediation::ActionInfo* info = remediation::find_action(action);
  const auto instance = info != nullptr ? info->make() : nullptr;
  if (instance) instance->declare(arguments);
  remediation::ArgumentValues values;
  for (const auto& [name, given] : json.items()) {
    Result<ArgumentValue> value = value_of(name, given);
    if (!value) return std::move(value).error();
    if (const auto* declared = arguments.find(name)) {
      if (Status fits = fit(*declared, *value); !fits) return std::move(fits).error();
    }
    values.emplace_back(name, *std::move(value));
  }
  return values;
}

}  // namespace chiron::agent
