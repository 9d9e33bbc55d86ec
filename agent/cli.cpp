#include "agent/cli.h"

#include <cstdio>
#include <string_view>

namespace chiron::agent {

int run_command_line(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "version") {
    std::puts("chiron 0.1.0");
    return 0;
  }
  std::fputs("usage: chiron version\n", stderr);
  return 2;
}

}  // namespace chiron::agent
