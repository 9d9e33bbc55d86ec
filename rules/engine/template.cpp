#include "rules/engine/template.h"

#include "rules/engine/template_functions.h"
#include "rules/engine/template_program.h"

#include <fmt/format.h>

namespace chiron::rules {
namespace {

using Operand = Template::Program::Operand;
using Command = Template::Program::Command;
using Pipeline = Template::Program::Pipeline;

Result<TemplateValue> run(const Pipeline& pipeline, const TemplateData& data);

TemplateValue label_or_map(const Labels* labels, const std::string& name) {
  if (name.empty()) return labels;
  return std::string(labels == nullptr ? std::string_view() : labels->get(name));
}

Result<TemplateValue> evaluate(const Operand& operand, const TemplateData& data) {
  switch (operand.kind) {
    case Operand::Kind::constant:
      return operand.constant;
    case Operand::Kind::value:
      return TemplateValue(data.value);
    case Operand::Kind::target:
      return TemplateValue(std::string(data.target));
    case Operand::Kind::run:
      return label_or_map(data.run, operand.label);
    case Operand::Kind::labels:
      return label_or_map(data.labels, operand.label);
    case Operand::Kind::external_labels:
      return label_or_map(data.external_labels, operand.label);
    case Operand::Kind::pipeline:
      break;
  }
  return run(*operand.inner, data);
}

Result<TemplateValue> run(const Pipeline& pipeline, const TemplateData& data) {
  std::optional<TemplateValue> previous;
  for (const Command& command : pipeline) {
    std::vector<TemplateValue> arguments;
    for (const Operand& operand : command.operands) {
      Result<TemplateValue> value = evaluate(operand, data);
      if (!value) return value;
      arguments.push_back(*std::move(value));
    }
    if (previous) arguments.push_back(*std::move(previous));
    if (command.function == nullptr) {
      previous = std::move(arguments.front());
      continue;
    }
    Result<TemplateValue> value = command.function->call(arguments);
    if (!value) return std::move(value).error().wrap(fmt::format("{}", command.function->name));
    previous = *std::move(value);
  }
  return *std::move(previous);
}

}  // namespace

std::optional<Template> Template::compile(std::string_view text, TemplateFault& fault) {
  std::shared_ptr<const Program> program = parse_template(text, fault);
  if (program == nullptr) return std::nullopt;
  Template out;
  out.program_ = std::move(program);
  return out;
}

Result<Template> Template::compile(std::string_view text) {
  TemplateFault fault;
  if (std::optional<Template> out = compile(text, fault)) return *std::move(out);
  return Error(ErrorCode::invalid_argument, fmt::format("column {}: {}", fault.offset + 1, fault.message));
}

Result<std::string> Template::expand(const TemplateData& data) const {
  std::string out;
  if (program_ == nullptr) return out;
  for (const Program::Piece& piece : program_->pieces) {
    out += piece.text;
    if (piece.pipeline.empty()) continue;
    Result<TemplateValue> value = run(piece.pipeline, data);
    if (!value) return std::move(value).error();
    out += print_value(*value);
  }
  return out;
}

bool Template::is_literal() const { return program_ == nullptr || program_->literal; }

const std::string& Template::text() const {
  static const std::string kEmpty;
  return program_ == nullptr ? kEmpty : program_->text;
}

std::vector<std::string> Template::label_names() const {
  return program_ == nullptr ? std::vector<std::string>() : program_->label_names;
}

bool Template::uses_run() const { return program_ != nullptr && program_->uses_run; }
bool Template::uses_target() const { return program_ != nullptr && program_->uses_target; }

bool Template::uses_value() const { return program_ != nullptr && program_->uses_value; }

}  // namespace chiron::rules
