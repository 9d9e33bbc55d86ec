#pragma once

#include <cstdio>
#include <functional>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chiron::testing {

/// Runs `body` in a child process with a mount namespace of its own, so that what it mounts is seen by nobody
/// else and goes with it. Fails the test when an expectation in it failed. Needs is_root().
inline void in_private_mounts(const std::function<void()>& body) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      std::perror("a private mount namespace");
      ::_exit(3);
    }
    body();
    std::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

inline bool is_root() { return ::geteuid() == 0; }

}  // namespace chiron::testing
