#include "remediation/actions/action.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

TEST(ActionTable, IsSortedAndFindsEachByName) {
  const std::span<const ActionInfo> actions = all_actions();
  EXPECT_TRUE(std::ranges::is_sorted(actions, {}, &ActionInfo::name));
  for (const ActionInfo& info : actions) {
    EXPECT_EQ(find_action(info.name), &info);
    EXPECT_FALSE(info.help.empty()) << info.name;
    EXPECT_GT(info.default_timeout, Duration::zero()) << info.name;
  }
  EXPECT_EQ(find_action("disk.format"), nullptr);
  EXPECT_EQ(find_action(""), nullptr);
}

TEST(ActionTable, EveryActionDocumentsItsArguments) {
  for (const ActionInfo& info : all_actions()) {
    const std::unique_ptr<Action> action = info.make();
    Arguments arguments;
    action->declare(arguments);
    for (const Arguments::Declared& declared : arguments.declared()) {
      EXPECT_FALSE(declared.help.empty()) << info.name << ": " << declared.name;
    }
  }
}

}  // namespace
}  // namespace chiron::remediation
