// The only program of the lab's containers: statically linked, installed as /bin/sh, because a health check
// given on Docker's command line is run as /bin/sh -c TEXT.
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

int main(int argc, char** argv) {
  const std::string_view command = argc > 2 && std::string_view(argv[1]) == "-c" ? argv[2]
                                   : argc > 1                                    ? argv[1]
                                                                                 : "";
  // Ill in every run but the first.
  if (command == "relapse") {
    const int sick = ::access("/ran", F_OK) == 0 ? ::open("/sick", O_CREAT | O_CLOEXEC, 0600) : 0;
    if (sick < 0 || ::open("/ran", O_CREAT | O_CLOEXEC, 0600) < 0) return 1;
    while (true) ::pause();
  }
  if (command == "work") {
    // A restart heals.
    ::unlink("/sick");
    // 20 MiB in use, and a tenth of a CPU.
    std::vector<char> memory(20 << 20, 'x');
    while (true) {
      [[maybe_unused]] volatile int sink = 0;
      for (int i = 0; i < 5'000'000; ++i) sink = i;
      memory[static_cast<std::size_t>(std::rand()) % memory.size()] = 'y';
      ::usleep(50'000);
    }
  }
  if (command == "fail" && argc > 2) return std::atoi(argv[2]);
  if (command == "check") return ::access("/sick", F_OK) == 0 ? 1 : 0;
  if (command == "sicken") return ::open("/sick", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0 ? 1 : 0;
  return 64;
}
