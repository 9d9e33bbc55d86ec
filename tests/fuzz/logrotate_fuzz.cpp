#include "remediation/actions/logs/logrotate_config.h"
#include "remediation/actions/logs/rotated_name.h"
#include "tests/fuzz/expect.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// The first line is a path, the rest a file of logrotate's. A damaged file owns at least what it owned as far
// as it was understood; a log without its older parts' ending is shorter.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chiron;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t newline = text.find('\n');
  const std::string_view path = text.substr(0, newline);
  const std::string_view config =
      newline == std::string_view::npos ? std::string_view() : text.substr(newline + 1);
  remediation::LogrotatePatterns patterns;
  std::vector<std::string> includes;
  remediation::parse_logrotate(config, patterns, includes);
  const bool owned = patterns.owns(path);
  remediation::parse_logrotate(std::string(config) + "\n/x {\n", patterns, includes);
  if (owned) fuzz::expect(patterns.owns(path));
  if (const auto rotated = remediation::parse_rotated_name(path)) {
    fuzz::expect(!rotated->log.empty() && rotated->log.size() < path.size());
  }
  return 0;
}
