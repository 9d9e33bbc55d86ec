#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/host_paths.h"
#include "exporter/base/result.h"
#include "exporter/collectors/container_answers.h"

#include <span>
#include <string>
#include <string_view>

namespace chiron::remediation {

enum class ContainerVerb { start, stop, restart, kill };
std::string_view to_string(ContainerVerb verb);

/// The names that the engines give, and ids: letters, digits, "_", "." and "-", the first a letter or digit.
Status check_container_name(std::string_view name);

/// Whether a container is one that no remedy touches, manual or not: the one that this process runs in, known
/// by its control group, by the files that the engine mounts into it, or by its host name. permission_denied.
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

/// Whether somebody asked for the end of a container's last run.
enum class StopRequest {
  none,       ///< it ended by itself
  requested,  ///< or of the present run, which has not ended yet
  unknown,    ///< the engine does not remember
};
/// From the engine's events of this container, the oldest first: docker stop and docker kill leave "kill" and
/// "stop" beside the end, a crash the end alone. A signal that ends no process asks for none, and one that
/// the run has survived for ten minutes is over.
StopRequest stop_request_of(std::span<const ContainerEvent> events, WallTime now);

/// What judge() goes by besides the container.
struct ContainerCircumstances {
  bool manual = false;  ///< a person asks for this very container now
  StopRequest stop = StopRequest::unknown;
};
/// Whether judge() needs to know of a StopRequest: it costs the engine a question.
bool depends_on_stop_request(ContainerVerb verb, const ContainerDetail& container);

/// An operator's will wins: a stop that somebody asked for stands, whatever the exit code, and so does one of
/// which the engine does not remember whether somebody did. So does what looks like one though the engine
/// tells of none: the end of a container that the engine would have started again (restart policies always
/// and unless-stopped), and one by SIGTERM, SIGINT or SIGKILL that the kernel did not send for want of
/// memory. A clean end is no crash.
ContainerJudgement judge(ContainerVerb verb, const ContainerDetail& container,
                         ContainerCircumstances circumstances);

}  // namespace chiron::remediation
