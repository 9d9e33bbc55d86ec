#include "remediation/actions/deletion/guard.h"

#include <algorithm>

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

/// lost+found and quota files belong to the file system, X's lock files to a display that may run for months.
constexpr std::string_view kBuiltIn[] = {"/**/lost+found", "/**/aquota.user", "/**/aquota.group",
                                         "/**/.X*-lock"};

}  // namespace

Result<Guard> Guard::load(const HostPaths& paths, const DeletionPolicy& policy, std::string_view boot_id) {
  Guard guard;
  for (const std::string& pattern : policy.protect) {
    Result<PathGlob> glob = PathGlob::compile(pattern, PathGlob::Hidden::matched);
    if (!glob) return std::move(glob).error().wrap("deletion.protect");
    guard.protect_.push_back(*std::move(glob));
  }
  for (const std::string_view pattern : kBuiltIn) {
    guard.protect_.push_back(*PathGlob::compile(pattern, PathGlob::Hidden::matched));
  }
  Result<TmpfilesExclusions> exclusions = load_tmpfiles(paths, boot_id);
  if (!exclusions) return std::move(exclusions).error();
  guard.tmpfiles_ = *std::move(exclusions);
  // What systemd-tmp.conf says, should that file be masked or not there.
  parse_tmpfiles("x /tmp/systemd-private-%b-*\nx /var/tmp/systemd-private-%b-*\n", boot_id, guard.tmpfiles_);
  return guard;
}

bool Guard::keeps_tree(std::string_view directory) const {
  const auto covers = [directory](const PathGlob& glob) { return glob.covers(directory); };
  return std::ranges::any_of(protect_, covers) || std::ranges::any_of(tmpfiles_.trees, covers);
}

bool Guard::keeps(std::string_view path) const {
  return std::ranges::any_of(protect_, [path](const PathGlob& glob) { return glob.covers(path); }) ||
         tmpfiles_.excludes(path);
}

Result<std::vector<std::string>> clean_roots(const DeletionPolicy& policy) {
  std::vector<std::string> roots;
  for (const std::string& root : policy.roots) {
    Result<std::string> clean = clean_absolute_path(root);
    if (!clean) return std::move(clean).error().wrap("deletion.roots");
    if (*clean == "/") {
      return Error(ErrorCode::invalid_argument, "deletion.roots: / would allow everything; name directories");
    }
    roots.push_back(*std::move(clean));
  }
  return roots;
}

const std::string* root_of(const std::vector<std::string>& roots, std::string_view path) {
  const std::string* best = nullptr;
  for (const std::string& root : roots) {
    if (is_within(path, root) && (!best || root.size() > best->size())) best = &root;
  }
  return best;
}

}  // namespace chiron::remediation
