#include "rules/engine/template.h"

#include "rules/engine/template/executor.h"
#include "rules/engine/template/functions.h"
#include "rules/engine/template/parser.h"

#include <fmt/format.h>

namespace chiron::rules {

struct Template::Program {
  tmpl::Parsed parsed;
};

std::optional<Template> Template::compile(std::string_view text, TemplateFault& fault) {
  std::optional<tmpl::Parsed> parsed = tmpl::parse(text, fault);
  if (!parsed) return std::nullopt;
  Template out;
  out.program_ = std::make_shared<const Program>(Program{*std::move(parsed)});
  return out;
}

Result<Template> Template::compile(std::string_view text) {
  TemplateFault fault;
  if (std::optional<Template> out = compile(text, fault)) return *std::move(out);
  return Error(ErrorCode::invalid_argument, fmt::format("column {}: {}", fault.offset + 1, fault.message));
}

std::optional<std::string> Template::expand(const TemplateData& data, TemplateFailure& failure) const {
  failure = {};
  if (is_literal()) return text();
  return tmpl::Executor(program_->parsed.tree, data, failure).run();
}

Result<std::string> Template::expand(const TemplateData& data) const {
  TemplateFailure failure;
  if (std::optional<std::string> out = expand(data, failure)) return *std::move(out);
  return Error(ErrorCode::invalid_argument, fmt::format("at <{}>: {}", failure.context, failure.message));
}

bool Template::is_literal() const { return program_ == nullptr || program_->parsed.facts.literal; }

const std::string& Template::text() const {
  static const std::string kEmpty;
  return program_ == nullptr ? kEmpty : program_->parsed.tree.text;
}

std::vector<std::string> Template::label_names() const {
  return program_ == nullptr ? std::vector<std::string>() : program_->parsed.facts.label_names;
}

bool Template::reads_all_labels() const { return program_ != nullptr && program_->parsed.facts.all_labels; }
bool Template::uses_run() const { return program_ != nullptr && program_->parsed.facts.run; }
bool Template::uses_target() const { return program_ != nullptr && program_->parsed.facts.target; }
bool Template::uses_value() const { return program_ != nullptr && program_->parsed.facts.value; }
bool Template::uses_time() const { return program_ != nullptr && program_->parsed.facts.time; }

std::span<const TemplateFault> Template::warnings() const {
  if (program_ == nullptr) return {};
  return program_->parsed.facts.warnings;
}

std::vector<TemplateFunctionInfo> template_functions() {
  std::vector<TemplateFunctionInfo> out;
  for (const tmpl::Function* function : tmpl::functions()) {
    std::string arguments;
    for (const char parameter : function->parameters) {
      if (parameter == '*') {
        arguments += "...";
        continue;
      }
      if (!arguments.empty()) arguments += ", ";
      arguments += parameter == 't'   ? "string"
                   : parameter == 'r' ? "samples"
                   : parameter == 's' ? "sample"
                                      : "value";
    }
    out.push_back({std::string(function->name), std::move(arguments)});
  }
  return out;
}

}  // namespace chiron::rules
