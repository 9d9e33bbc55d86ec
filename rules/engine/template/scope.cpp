#include "rules/engine/template/scope.h"

#include <algorithm>

namespace chiron::rules::tmpl {

const std::vector<Scope::Variable>& Scope::initial() {
  static const std::vector<Variable> kVariables = {
      {"$", Meaning::root},
      {"$labels", Meaning::labels},
      {"$externalLabels", Meaning::external_labels},
      {"$externalURL", Meaning::external_url},
      {"$value", Meaning::value},
      {"$target", Meaning::target},
      {"$remedy", Meaning::run},
      {"$run", Meaning::run},
      {"$state", Meaning::run},
      {"$reason", Meaning::run},
  };
  return kVariables;
}

void Scope::enter_definition() {
  outer_.emplace_back(std::move(variables_), dot_is_data);
  variables_ = {{"$", Meaning::root}};
  dot_is_data = false;
}

void Scope::leave_definition() {
  variables_ = std::move(outer_.back().first);
  dot_is_data = outer_.back().second;
  outer_.pop_back();
}

const Scope::Variable* Scope::find(std::string_view name) const {
  const auto found = std::find_if(variables_.rbegin(), variables_.rend(),
                                  [&](const Variable& one) { return one.name == name; });
  return found == variables_.rend() ? nullptr : &*found;
}

bool Scope::read_variable(const Node& node) {
  const Variable* variable = find(node.text);
  if (variable == nullptr) return false;
  switch (variable->meaning) {
    case Meaning::root:
      read_data(node.path);
      break;
    case Meaning::labels:
      read_labels(node.path, 0);
      break;
    case Meaning::value:
      facts_.value = true;
      break;
    case Meaning::target:
      facts_.target = true;
      break;
    case Meaning::run:
      facts_.run = true;
      break;
    case Meaning::own:
    case Meaning::external_labels:
    case Meaning::external_url:
      break;
  }
  return true;
}

/// Outside of what `with` and `range` make of it the dot may be anything: then its fields count as the data's
/// all the same, as what it was made from may have been them.
void Scope::read_field(const Node& node) { read_data(node.path); }

void Scope::read_dot() {
  if (dot_is_data) read_data({});
}

void Scope::read_data(const std::vector<std::string>& path) {
  if (path.empty()) {
    facts_.value = true;
    facts_.all_labels = true;
    ++whole_;
  } else if (path[0] == "Labels") {
    read_labels(path, 1);
  } else if (path[0] == "Value") {
    facts_.value = true;
  }
}

void Scope::read_labels(const std::vector<std::string>& path, std::size_t from) {
  if (path.size() > from) {
    facts_.label_names.push_back(path[from]);
    return;
  }
  facts_.all_labels = true;
  ++whole_;
}

bool Scope::is_labels(const Node& node) const {
  if (node.kind == Node::Kind::field) return node.path.size() == 1 && node.path[0] == "Labels";
  if (node.kind != Node::Kind::variable || !node.path.empty()) return false;
  const Variable* variable = find(node.text);
  return variable != nullptr && variable->meaning == Meaning::labels;
}

void Scope::read_command(const Node& command) {
  const std::vector<NodePtr>& parts = command.parts;
  if (parts[0]->kind != Node::Kind::identifier) return;
  if (parts[0]->text != "index" || parts.size() != 3 || !is_labels(*parts[1]) ||
      parts[2]->kind != Node::Kind::string)
    return;
  facts_.label_names.push_back(parts[2]->constant.text());
  if (--whole_ == 0) facts_.all_labels = false;
}

}  // namespace chiron::rules::tmpl
