#pragma once

#include "rules/engine/template.h"
#include "rules/engine/template_functions.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chiron::rules {

/// What the parser makes of a template: pieces of text, each followed by a pipeline to print.
struct Template::Program {
  struct Command;
  using Pipeline = std::vector<Command>;

  struct Operand {
    enum class Kind { constant, value, labels, external_labels, target, run, pipeline };
    Kind kind = Kind::constant;
    TemplateValue constant;
    std::string
        label;  ///< of labels and external_labels: the one label meant, "" the whole map; of run: which fact
    std::shared_ptr<const Pipeline> inner;
  };
  /// A function with its arguments, or one operand alone. In a pipeline the value before comes as last
  /// argument.
  struct Command {
    const TemplateFunction* function = nullptr;
    std::vector<Operand> operands;
  };
  struct Piece {
    std::string text;
    Pipeline pipeline;
  };

  std::string text;
  std::vector<Piece> pieces;
  std::vector<std::string> label_names;
  bool literal = true;
  bool uses_target = false;
  bool uses_run = false;
  bool uses_value = false;
};

/// nullptr when `fault` was filled.
std::shared_ptr<const Template::Program> parse_template(std::string_view text, TemplateFault& fault);

}  // namespace chiron::rules
