#pragma once

#include "exporter/base/systemd.h"

#include <cstdlib>
#include <fstream>
#include <string>

namespace chiron::testing {

/// The systemd that tests/lab/systemd-namespace.sh started beside this test program.
class LabSystemd {
 public:
  static std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  }
  static BusAddress bus() { return {variable("LAB_BUS")}; }
  /// Runs a shell command inside its namespaces; the exit status.
  static int run(const std::string& command) {
    return std::system(
        ("nsenter -t " + variable("LAB_PID") + " -a sh -c '" + command + "' >/dev/null 2>&1").c_str());
  }
  static void write(const std::string& path, const std::string& text) {
    std::ofstream(variable("LAB_ROOT") + path) << text;
  }
  /// Writes a unit without default dependencies and has it loaded. `service` is the [Service] section.
  static void add_service(const std::string& name, const std::string& service, const std::string& unit = {}) {
    write("/run/systemd/system/" + name,
          "[Unit]\nDefaultDependencies=no\n" + unit + "\n[Service]\n" + service + "\n");
    run("systemctl daemon-reload");
  }
};

}  // namespace chiron::testing
