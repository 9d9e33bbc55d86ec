#pragma once

#include <string>

namespace chiron::rules::tmpl {

/// The host of HOST:PORT or [HOST]:PORT as Go's net.SplitHostPort has it; what is none comes back as it is.
std::string strip_port(const std::string& host_port);
/// The first label of a name; the port stays. Addresses come back as they are.
std::string strip_domain(const std::string& host_port);

}  // namespace chiron::rules::tmpl
