#include "remediation/engine/target.h"

#include "exporter/base/stream_socket.h"
#include "exporter/base/systemd.h"
#include "exporter/collectors/container_engine.h"
#include "remediation/actions/unit_policy.h"
#include "remediation/engine/expansion.h"
#include "remediation/engine/step_runner.h"

#include <algorithm>
#include <filesystem>
#include <ranges>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace chiron::remediation {
namespace {

// PATH_MAX: a target may be a mount point.
constexpr std::size_t kMaxLength = 4096;
constexpr std::size_t kShownLength = 200;

using Fault = std::pair<Suppression, std::string>;

bool leads_upwards(std::string_view name) {
  for (std::size_t at = 0; (at = name.find("..", at)) != std::string_view::npos; at += 2) {
    const bool starts = at == 0 || name[at - 1] == '/';
    const bool ends = at + 2 == name.size() || name[at + 2] == '/';
    if (starts && ends) return true;
  }
  return false;
}

/// "/var/" and "/var", "nginx" and "nginx.service" are one thing, and have one cooldown, one budget and one
/// run at a time.
std::string one_name_of(const RemedySpec& remedy, const std::string& name) {
  if (name.starts_with('/')) {
    std::string path = std::filesystem::path(name).lexically_normal().string();
    if (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path;
  }
  const bool is_unit = std::ranges::any_of(
      remedy.steps, [](const StepSpec& step) { return subject_of(*step.action) == "unit"; });
  return is_unit ? full_unit_name(name) : name;
}

/// Why a name is nobody's to act on under this remedy.
std::optional<Fault> fault_of(const RemedySpec& remedy, const std::string& what, const std::string& name) {
  if (std::optional<std::string> fault = unfit_target(name)) {
    return Fault(Suppression::target_not_allowed, fmt::format("{} {}", what, *fault));
  }
  if (std::optional<std::string> denied = denied_target(name)) {
    return Fault(Suppression::target_denied, *std::move(denied));
  }
  if (remedy.allows(name) || remedy.allows(one_name_of(remedy, name))) return std::nullopt;
  // A target that is written out allows itself, by its one name too, under which it is asked for again.
  if (remedy.target.is_literal() && name == one_name_of(remedy, remedy.target.text())) return std::nullopt;
  return Fault(Suppression::target_not_allowed,
               remedy.targets
                   ? fmt::format("no glob under `targets` matches {}", name)
                   : fmt::format("{} comes from labels, and the remedy has no targets: to allow it", what));
}

/// One text of a step's argument, and what it is there for; it may be several of these.
struct StepText {
  std::string what;
  const std::string& text;
  bool subject = false;   ///< names what is acted on
  bool selector = false;  ///< what it says is looked for, and acted on where it is found
  bool program = false;   ///< which program is run
  bool pattern = false;
  bool url = false;
};

/// What is acted on is held against the allow-list like the target itself. The rest may say what it likes, as
/// long as it turns neither into an option nor into another path than it reads.
std::optional<Fault> fault_of(const RemedySpec& remedy, const rules::TemplateData& data,
                              const StepText& one) {
  if (one.text.find("{{") == std::string::npos) return std::nullopt;
  const Result<rules::Template> compiled = rules::Template::compile(one.text);
  if (!compiled) return std::nullopt;
  const auto refuse = [&one](std::string_view why) {
    return Fault(Suppression::target_not_allowed, fmt::format("{} {}", one.what, why));
  };
  if (one.pattern) {
    if (std::optional<std::string> wider = widens_pattern(*compiled, data, !remedy.target.is_literal()))
      return refuse("is refused: " + *wider);
  }
  if (one.url) {
    if (std::optional<std::string> other = alters_url(*compiled, data, !remedy.target.is_literal()))
      return refuse("is refused: " + *other);
  }
  if (compiled->label_names().empty()) return std::nullopt;
  if (!remedy.targets) return refuse("comes from labels, and the remedy has no targets: to allow it");
  const Result<std::string> expanded = compiled->expand(data);
  if (!expanded) return refuse(expanded.error().to_string());
  if (one.program || one.selector) return refuse("must not come from labels");
  if (one.subject) return fault_of(remedy, one.what, *expanded);
  if (one.text.starts_with("{{") && expanded->starts_with('-'))
    return refuse("begins with a dash, and could be taken for an option");
  if (leads_upwards(*expanded)) return refuse("holds \"..\"");
  return std::nullopt;
}

std::optional<Fault> fault_of_steps(const RemedySpec& remedy, const rules::TemplateData& data) {
  std::vector<const StepSpec*> steps;
  for (const StepSpec& step : remedy.steps) steps.push_back(&step);
  for (const StepSpec& step : remedy.on_failure) steps.push_back(&step);
  for (const StepSpec* one_step : steps) {
    const StepSpec& step = *one_step;
    const std::unique_ptr<Action> action = step.action->make();
    Arguments arguments;
    action->declare(arguments);
    const std::string_view subject = subject_of(*step.action);
    for (const auto& [name, value] : step.arguments) {
      const Arguments::Declared* const declared = arguments.find(name);
      const bool marked = declared != nullptr && declared->subject;
      const auto look = [&, &name = name, &value = value](const std::string& text) {
        StepText one{.what = fmt::format("{} of {}", name, step.action->name), .text = text};
        one.subject = marked || (name == subject && value.shape == ArgumentValue::Shape::text);
        one.selector = marked && value.shape == ArgumentValue::Shape::pairs;
        one.program =
            name == subject && value.shape == ArgumentValue::Shape::list && &text == &value.texts.front();
        one.pattern = declared != nullptr && declared->patterns;
        one.url = declared != nullptr && declared->url;
        return fault_of(remedy, data, one);
      };
      for (const std::string& text : value.texts)
        if (std::optional<Fault> fault = look(text)) return fault;
      for (const auto& [key, text] : value.pairs)
        if (std::optional<Fault> fault = look(text)) return fault;
    }
  }
  return std::nullopt;
}

/// `alert`: what labels the steps read; nothing when no alert asks.
Target check(const RemedySpec& remedy, std::string name, const rules::TemplateData* alert) {
  Target target{std::move(name), Suppression::none, {}};
  std::optional<Fault> fault = fault_of(remedy, "the target", target.name);
  if (!fault) {
    target.name = one_name_of(remedy, target.name);
    if (std::optional<std::string> denied = denied_target(target.name))
      fault = Fault(Suppression::target_denied, *std::move(denied));
  }
  if (!fault && alert != nullptr) {
    rules::TemplateData data = *alert;
    data.target = target.name;
    fault = fault_of_steps(remedy, data);
    // Found after the deed it would be too late: who can make a verification hold hides that the deed did not
    // help.
    if (!fault && remedy.verify.expr) {
      if (Result<std::string> expr = expand_expression(*remedy.verify.expr, data); !expr)
        fault = Fault(Suppression::target_not_allowed, "verify: " + expr.error().to_string());
    }
  }
  if (!fault) return target;
  std::tie(target.reason, target.detail) = *std::move(fault);
  target.name.resize(std::min(target.name.size(), kShownLength));
  return target;
}

std::string describe_need(const std::string& need) {
  if (need == kContainerEngine) return "container engine";
  return need.starts_with('/') ? need : "server at " + need;
}

/// Not there is what refuses, or has no address; its silence is the run's to tell.
bool listens(const std::string& server) {
  constexpr Duration kAnswer = std::chrono::milliseconds(200);
  const Result<StreamAddress> address = parse_stream_address(server);
  if (!address) return false;
  const Result<FileDescriptor> connected = connect_stream(*address, SocketWait::within(kAnswer));
  return connected || connected.error().code() == ErrorCode::timed_out;
}

}  // namespace

bool is_local_server(std::string_view need) {
  const Result<StreamAddress> address = parse_stream_address(need);
  return address && !address->is_unix &&
         (address->host == "localhost" || address->host == "::1" || address->host.starts_with("127."));
}

std::optional<std::string> absence_of(const RemedySpec& remedy, const HostPaths& paths,
                                      const std::vector<std::string>& container_sockets) {
  if (remedy.lists_targets && remedy.targets->empty()) {
    return fmt::format(
        "it acts on what its `targets` list, and that is nothing yet; in the configuration: remedies: "
        "{{{}: {{targets: [...]}}}}",
        remedy.name);
  }
  const auto absent = [&](const std::string& path) {
    if (path == kContainerEngine) return find_engine_sockets(paths, container_sockets).empty();
    if (!path.starts_with('/')) return !listens(path);
    // A link that leads nowhere, like a socket that nobody may see, is there: its fault is the run's to tell.
    std::error_code fault;
    return std::filesystem::symlink_status(paths.root(path), fault).type() ==
           std::filesystem::file_type::not_found;
  };
  for (const std::vector<std::string>& any : remedy.needs) {
    if (std::ranges::all_of(any, absent))
      return fmt::format("there is no {} on this host, and {} has nothing to do without it",
                         fmt::join(any | std::views::transform(describe_need), " and no "), remedy.name);
  }
  return std::nullopt;
}

std::optional<std::string> unfit_target(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > kMaxLength) return fmt::format("is longer than {} bytes", kMaxLength);
  if (name.front() == '-') return "begins with a dash, and could be taken for an option";
  for (const char character : name) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7f) return "holds a control character";
  }
  if (leads_upwards(name)) return "holds \"..\"";
  return std::nullopt;
}

std::optional<std::string> denied_target(std::string_view name) {
  // Whether it is a unit at all only the action knows: what looks like one is judged as one.
  if (!is_valid_unit_name(name)) return std::nullopt;
  Status status = check_not_denied(name);
  if (status) return std::nullopt;
  return status.error().to_string();
}

Target target_for(const RemedySpec& remedy, const rules::TemplateData& alert) {
  Result<std::string> name = remedy.target.expand(alert);
  if (!name) return {{}, Suppression::target_not_allowed, name.error().to_string()};
  return check(remedy, *std::move(name), &alert);
}

Target target_named(const RemedySpec& remedy, std::string_view name, const rules::TemplateData* alert) {
  if (!name.empty()) return check(remedy, std::string(name), alert);
  if (!remedy.target.is_literal()) {
    return {
        {},
        Suppression::target_not_allowed,
        fmt::format("the target of {} comes from labels ({}): name one", remedy.name, remedy.target.text())};
  }
  return check(remedy, remedy.target.text(), alert);
}

}  // namespace chiron::remediation
