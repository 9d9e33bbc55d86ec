#pragma once

namespace chiron::agent {

/// The command line: parses, runs the command, returns the exit code (0 done, 1 failed or findings, 2 usage).
int run_command_line(int argc, char** argv);

}  // namespace chiron::agent
