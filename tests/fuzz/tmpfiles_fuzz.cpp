#include "remediation/actions/deletion/path_glob.h"
#include "remediation/actions/deletion/tmpfiles.h"
#include "tests/fuzz/expect.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chiron::fuzz {
namespace {

using remediation::PathGlob;
using Hidden = PathGlob::Hidden;

// What a shell's rule for hidden names lets match, matches without it; what matches is covered; and a walk
// that follows may_match_below reaches it.
void check_glob(std::string_view pattern, std::string_view path) {
  const auto strict = PathGlob::compile(pattern, Hidden::explicit_);
  const auto loose = PathGlob::compile(pattern, Hidden::matched);
  expect(strict.ok() == loose.ok());
  const auto clean = remediation::clean_absolute_path(path);
  if (!strict || !clean) return;
  if (strict->matches(*clean)) expect(loose->matches(*clean));
  if (!loose->matches(*clean)) return;
  expect(loose->covers(*clean));
  expect(loose->covers(*clean + "/below"));
  for (std::size_t slash = clean->rfind('/'); slash != std::string::npos && slash > 0;
       slash = clean->rfind('/', slash - 1)) {
    expect(loose->may_match_below(std::string_view(*clean).substr(0, slash)));
  }
}

void check_literal(std::string_view path) {
  const auto clean = remediation::clean_absolute_path(path);
  if (!clean) return;
  expect(PathGlob::literal(*clean).matches(*clean));
  expect(*remediation::clean_absolute_path(*clean) == *clean);
}

}  // namespace
}  // namespace chiron::fuzz

// The first line is a path, the second a pattern, the rest a file of tmpfiles.d.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t first = text.find('\n');
  const std::string_view path = text.substr(0, first);
  const std::string_view rest = first == std::string_view::npos ? std::string_view() : text.substr(first + 1);
  const std::size_t second = rest.find('\n');
  chiron::fuzz::check_glob(rest.substr(0, second), path);
  chiron::fuzz::check_literal(path);
  chiron::remediation::TmpfilesExclusions exclusions;
  chiron::remediation::parse_tmpfiles(second == std::string_view::npos ? rest : rest.substr(second + 1),
                                      "0123-4567", exclusions);
  exclusions.excludes(path);
  return 0;
}
