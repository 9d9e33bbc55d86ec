#pragma once

#include "exporter/base/host_paths.h"
#include "exporter/base/result.h"
#include "exporter/collectors/container_answers.h"

#include <string>
#include <string_view>

namespace chiron::remediation {

enum class ContainerVerb { start, stop, restart, kill };
std::string_view to_string(ContainerVerb verb);

/// The names that the engines give, and ids: letters, digits, "_", "." and "-", the first a letter or digit.
Status check_container_name(std::string_view name);

/// Whether a container is one that no remedy touches, manual or not: Chiron's own, known by its name, by the
/// control group of this process or by its host name. permission_denied.
Status check_container_not_denied(const HostPaths& paths, const ContainerDetail& container);

/// What to do with a container.
struct ContainerJudgement {
  enum class Verdict {
    act,
    nothing_to_do,  ///< it is already as the verb would make it
    leave_alone,    ///< somebody else's turn or will
  };
  Verdict verdict = Verdict::leave_alone;
  std::string reason;  ///< for a person: "is running", "ended with exit code 1"
};

/// An operator's will wins. The engines do not tell whether somebody asked for a stop, so what looks like one
/// is taken for one: the end of a container that the engine would have started again (restart policies always
/// and unless-stopped), and one by SIGTERM, SIGINT or SIGKILL that the kernel did not send for want of
/// memory. A clean end is no crash. `manual`: a person asks for this very container now.
ContainerJudgement judge(ContainerVerb verb, const ContainerDetail& container, bool manual);

}  // namespace chiron::remediation
