#include "remediation/actions/container_prune.h"

#include "tests/support/action_fixture.h"
#include "tests/support/fake_store.h"
#include "tests/support/temp_dir.h"

#include <gmock/gmock.h>

namespace chiron::remediation {
namespace {

using chiron::testing::ArgumentBuilder;
using chiron::testing::FakeStore;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::UnorderedElementsAre;

std::string image_id(char digit) { return "sha256:" + std::string(64, digit); }
std::string container_id(char digit) { return std::string(64, digit); }
std::string record_id(char letter) { return std::string(25, letter); }

class ContainerPruneTest : public ::testing::Test {
 protected:
  FakeStore store_;
  chiron::testing::EngineServer server_{[this](std::string_view request) { return store_(request); }};
  chiron::testing::ActionFixture fixture_;
  chiron::testing::TempDir host_;
  Report report_;
  ArgumentBuilder arguments_;

  void SetUp() override { arguments_.text("socket", server_.path()); }

  Status run(Duration within = seconds(20)) {
    ContainerPrune prune;
    if (Status filled = arguments_.fill(prune); !filled) return filled;
    ActionContext context = fixture_.context(within);
    report_ = {};
    return prune.run(context, report_);
  }
  Result<Plan> plan() {
    ContainerPrune prune;
    if (Status filled = arguments_.fill(prune); !filled) return filled.error();
    ActionContext context = fixture_.context();
    return prune.plan(context);
  }
  std::string fact(std::string_view key) const {
    for (const auto& [name, value] : report_.facts) {
      if (name == key) return value;
    }
    return "";
  }
  static std::string refusal(const ArgumentBuilder& arguments) {
    ContainerPrune prune;
    const Status filled = arguments.fill(prune);
    return filled ? "" : filled.error().to_string();
  }
};

TEST_F(ContainerPruneTest, UnusedImagesAndBuildCacheGoAndNothingElse) {
  store_.images[image_id('a')] = {.tags = {"old:1"}, .size = 500, .shared = 100};
  store_.images[image_id('b')] = {.tags = {"web:2"}};
  store_.images[image_id('c')] = {.tags = {}};
  store_.containers[container_id('1')] = {.name = "web", .image = image_id('b')};
  store_.containers[container_id('2')] = {.name = "done", .image = image_id('b'), .state = "exited"};
  store_.volumes["data"] = {};
  store_.volumes[std::string(64, 'e')] = {};
  store_.networks[container_id('3')] = "shop";
  store_.records[record_id('p')] = {};
  store_.records[record_id('q')] = {.in_use = true};
  const Result<Plan> planned = plan();
  ASSERT_TRUE(planned.ok()) << planned.error().to_string();
  EXPECT_EQ(planned->objects, 3);
  EXPECT_EQ(planned->bytes, 505);
  EXPECT_EQ(planned->items.front().what, "image old:1");
  EXPECT_THAT(store_.deeds, IsEmpty());
  const Status done = run();
  ASSERT_TRUE(done.ok()) << done.error().to_string();
  EXPECT_THAT(store_.images, ElementsAre(Key(image_id('b'))));
  EXPECT_THAT(store_.records, ElementsAre(Key(record_id('q'))));
  EXPECT_EQ(store_.containers.size(), 2);
  EXPECT_EQ(store_.volumes.size(), 2);
  EXPECT_EQ(store_.networks.size(), 1);
  EXPECT_EQ(report_.removed_objects, 3);
  EXPECT_EQ(report_.freed_bytes, 505);
  EXPECT_EQ(report_.summary, "removed 2 images, 1 build_cache, 505 B");
  EXPECT_EQ(fact("kept_in_use"), "2");
  for (const std::string& deed : store_.deeds) EXPECT_THAT(deed, ::testing::Not(HasSubstr("force")));
}

TEST_F(ContainerPruneTest, YoungOnesStay) {
  const auto now = to_ms(fixture_.clock.wall()) / 1000;
  store_.images[image_id('a')] = {.tags = {"just:built"}, .created = now - 60};
  store_.images[image_id('b')] = {.tags = {"just:tagged"}, .last_tag = to_rfc3339(fixture_.clock.wall())};
  store_.images[image_id('c')] = {.tags = {"no:date"}, .created = 0};
  store_.images[image_id('d')] = {.tags = {"just:pulled"}};
  store_.records[record_id('p')] = {.used = to_rfc3339(fixture_.clock.wall())};
  // What Docker writes when an image comes.
  host_.write("var/lib/docker/image/vfs/imagedb/content/sha256/" + std::string(64, 'd'), "{}");
  store_.root = host_ / "var/lib/docker";
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(store_.images.size(), 4);
  EXPECT_EQ(store_.records.size(), 1);
  EXPECT_EQ(fact("kept_young"), "4");
  EXPECT_EQ(fact("kept_untold"), "1");
  EXPECT_THAT(report_.summary, HasSubstr("removed nothing"));
}

TEST_F(ContainerPruneTest, WhatKeepAndKeepLabelsNameStays) {
  store_.images[image_id('a')] = {.tags = {"docker.io/library/postgres:15"}};
  store_.images[image_id('b')] = {.tags = {"x:1", "registry.example.com/base/os:12"}};
  store_.images[image_id('c')] = {.tags = {"y:1"}, .labels = R"({"stage":"base"})"};
  store_.images[image_id('d')] = {.tags = {"y:2"}, .labels = R"({"keep":""})"};
  store_.images[image_id('e')] = {.tags = {"y:3"}, .labels = R"({"stage":"test"})"};
  arguments_.list("keep", {"postgres:*", "registry.example.com/base/*"});
  arguments_.pairs("keep_labels", {{"stage", "base"}, {"keep", ""}});
  ASSERT_TRUE(run().ok());
  EXPECT_THAT(store_.images, UnorderedElementsAre(Key(image_id('a')), Key(image_id('b')), Key(image_id('c')),
                                                  Key(image_id('d'))));
  EXPECT_EQ(fact("kept_listed"), "4");
}

TEST_F(ContainerPruneTest, WhatCameIntoUseMeanwhileStays) {
  store_.images[image_id('a')] = {.tags = {"web:1"}};
  store_.images[image_id('b')] = {.tags = {"job:1"}};
  store_.images[image_id('c')] = {.tags = {"tool:1"}};
  store_.interfere = [this](std::string_view line) -> std::string {
    // Between the inventory and the last look, between the last look and the deletion, and another tag.
    if (line.starts_with("GET /images/" + image_id('a'))) {
      store_.containers[container_id('1')] = {.name = "new", .image = image_id('a')};
    }
    if (line.starts_with("DELETE /images/" + image_id('b'))) {
      store_.containers[container_id('2')] = {.name = "newer", .image = image_id('b')};
    }
    if (line.starts_with("GET /info")) store_.images[image_id('c')].tags = {"tool:2"};
    return "";
  };
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(store_.images.size(), 3);
  EXPECT_EQ(fact("kept_in_use"), "2");
  EXPECT_EQ(fact("kept_changed"), "1");
  EXPECT_THAT(fact("first_error"), HasSubstr("being used by container"));
}

TEST_F(ContainerPruneTest, ATagThatMovesToAnotherImageStays) {
  store_.images[image_id('a')] = {.tags = {"app:1", "app:latest"}};
  store_.interfere = [this](std::string_view line) -> std::string {
    if (line == "GET /images/app:latest/json") {
      store_.images[image_id('a')].tags = {"app:1"};
      store_.images[image_id('b')] = {.tags = {"app:latest"}};
    }
    return "";
  };
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(store_.images.size(), 2);
  EXPECT_THAT(store_.deeds, IsEmpty());
  EXPECT_EQ(fact("kept_changed"), "1");
}

TEST_F(ContainerPruneTest, AnImageWithSeveralReferencesGoesWhole) {
  store_.images[image_id('a')] = {.tags = {"app:1", "app:2", "mirror/app:1"},
                                  .digests = {"app@sha256:aa", "other@sha256:aa"}};
  ASSERT_TRUE(run().ok());
  EXPECT_TRUE(store_.images.empty());
  EXPECT_THAT(store_.deeds,
              ElementsAre("DELETE /images/app:2?noprune=true", "DELETE /images/mirror/app:1?noprune=true",
                          "DELETE /images/other@sha256:aa?noprune=true",
                          "DELETE /images/" + image_id('a') + "?noprune=true"));
}

TEST_F(ContainerPruneTest, WhatOthersWereMadeFromGoesAfterThem) {
  store_.images[image_id('1')] = {.tags = {}};
  store_.images[image_id('2')] = {.tags = {}, .parent = image_id('1')};
  store_.images[image_id('3')] = {.tags = {"leaf:1"}, .parent = image_id('2')};
  store_.images[image_id('4')] = {.tags = {"base:1"}};
  store_.images[image_id('5')] = {.tags = {"used:1"}, .parent = image_id('4')};
  store_.containers[container_id('1')] = {.name = "web", .image = image_id('5')};
  store_.records[record_id('p')] = {};
  store_.records[record_id('q')] = {.parent = record_id('p')};
  ASSERT_TRUE(run().ok());
  EXPECT_THAT(store_.images, UnorderedElementsAre(Key(image_id('4')), Key(image_id('5'))));
  EXPECT_TRUE(store_.records.empty());
  EXPECT_EQ(report_.removed_objects, 5);
  EXPECT_EQ(store_.deeds.size(), 5) << "it asked for what the engine had to refuse";
}

TEST_F(ContainerPruneTest, TheBudgetHolds) {
  store_.images[image_id('a')] = {.tags = {"a:1"}, .created = 1'600'000'001, .size = 60};
  store_.images[image_id('b')] = {.tags = {"b:1"}, .created = 1'600'000'002, .size = 60};
  store_.images[image_id('c')] = {.tags = {"c:1"}, .created = 1'600'000'003, .size = 30};
  arguments_.text("max_bytes", "100");
  ASSERT_TRUE(run().ok());
  EXPECT_THAT(store_.images, ElementsAre(Key(image_id('b'))));
  EXPECT_EQ(report_.freed_bytes, 90);
  EXPECT_EQ(fact("kept_over_budget"), "1");
  store_.images[image_id('c')] = {.tags = {"c:1"}, .created = 1'600'000'003, .size = 30};
  arguments_ = ArgumentBuilder().text("socket", server_.path()).text("max_objects", "1");
  ASSERT_TRUE(run().ok());
  EXPECT_THAT(store_.images, ElementsAre(Key(image_id('c')))) << "the oldest goes first";
}

TEST_F(ContainerPruneTest, TheOthersGoOnlyWhenTheyAreNamed) {
  store_.containers[container_id('1')] = {.name = "web", .volume = "data", .network = container_id('7')};
  store_.containers[container_id('2')] = {.name = "done", .state = "exited"};
  store_.containers[container_id('3')] = {.name = "own", .state = "exited"};
  host_.write("proc/self/cgroup", "0::/docker/" + container_id('3') + "\n");
  fixture_.paths = HostPaths{HostPaths::Roots{host_ / "proc", host_ / "sys", "/"}};
  store_.containers[container_id('4')] = {
      .name = "new", .state = "exited", .finished = to_rfc3339(fixture_.clock.wall())};
  store_.volumes["data"] = {};
  store_.volumes["spare"] = {};
  store_.volumes[std::string(64, 'e')] = {};
  store_.networks[container_id('7')] = "shop";
  store_.networks[container_id('8')] = "gone";
  store_.networks[container_id('9')] = "bridge";
  arguments_.list("kinds", {"containers", "networks", "volumes"});
  ASSERT_TRUE(run().ok());
  EXPECT_THAT(store_.containers,
              UnorderedElementsAre(Key(container_id('1')), Key(container_id('3')), Key(container_id('4'))));
  EXPECT_THAT(store_.volumes, UnorderedElementsAre(Key("data"), Key("spare")));
  EXPECT_THAT(store_.networks, UnorderedElementsAre(Key(container_id('7')), Key(container_id('9'))));
  arguments_ = ArgumentBuilder().text("socket", server_.path()).list("kinds", {"named_volumes"});
  ASSERT_TRUE(run().ok());
  EXPECT_THAT(store_.volumes, ElementsAre(Key("data")));
  EXPECT_EQ(report_.freed_bytes, 10);
}

TEST_F(ContainerPruneTest, AStoppedContainerThatWasStartedMeanwhileStays) {
  store_.containers[container_id('2')] = {.name = "job", .state = "exited"};
  int looks = 0;
  store_.interfere = [&](std::string_view line) -> std::string {
    if (line.starts_with("GET /containers/" + container_id('2')) && ++looks == 2) {
      store_.containers[container_id('2')].state = "running";
    }
    return "";
  };
  arguments_.list("kinds", {"containers"});
  ASSERT_TRUE(run().ok());
  EXPECT_THAT(store_.deeds, IsEmpty());
  EXPECT_EQ(fact("kept_changed"), "1");
}

TEST_F(ContainerPruneTest, TheEngineAbsentHangingDyingAndRefusing) {
  for (const char digit : {'a', 'b', 'c'})
    store_.images[image_id(digit)] = {.tags = {std::string(1, digit) + ":1"}};
  // It refuses one and goes on with the others.
  store_.interfere = [](std::string_view line) -> std::string {
    const bool refused = line.starts_with("DELETE /images/" + image_id('a'));
    return refused ? chiron::testing::http_answer(500, R"({"message":"driver failed"})") : "";
  };
  const Status refused = run();
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().to_string(), HasSubstr("driver failed"));
  EXPECT_EQ(report_.removed_objects, 2);
  EXPECT_EQ(fact("kept_refused"), "1");
  // It dies at the first: nothing more is tried, and the report has what was done.
  store_.images[image_id('b')] = {.tags = {"b:1"}};
  store_.interfere = [dead = false](std::string_view line) mutable -> std::string {
    dead = dead || line.starts_with("DELETE /images/");
    return dead ? "no HTTP at all" : "";
  };
  store_.deeds.clear();
  EXPECT_FALSE(run().ok());
  EXPECT_EQ(store_.deeds.size(), 1);
  store_.interfere = [](std::string_view) -> std::string {
    std::this_thread::sleep_for(milliseconds(300));
    return "";
  };
  EXPECT_EQ(run(milliseconds(50)).error().code(), ErrorCode::timed_out);
  arguments_ = ArgumentBuilder().text("socket", host_ / "none.sock");
  EXPECT_EQ(run().error().code(), ErrorCode::not_found);
}

TEST_F(ContainerPruneTest, TheSizesAreAskedForAgainWhileTheEngineIsBusyWithThem) {
  store_.images[image_id('a')] = {.tags = {"a:1"}};
  int busy = 2;
  store_.interfere = [&](std::string_view line) -> std::string {
    if (line != "GET /system/df" || busy-- <= 0) return "";
    return chiron::testing::http_answer(500, R"({"message":"a disk usage operation is already running"})");
  };
  ASSERT_TRUE(run().ok());
  EXPECT_TRUE(store_.images.empty());
}

TEST_F(ContainerPruneTest, BadArgumentsAreRefused) {
  EXPECT_THAT(refusal(ArgumentBuilder().list("kinds", {"pods"})), HasSubstr("kinds"));
  EXPECT_THAT(refusal(ArgumentBuilder().list("kinds", {"images", "images"})), HasSubstr("twice"));
  EXPECT_THAT(refusal(ArgumentBuilder().text("socket", "docker.sock")), HasSubstr("absolute"));
  EXPECT_THAT(refusal(ArgumentBuilder().text("max_bytes", "much")), HasSubstr("max_bytes"));
  EXPECT_THAT(refusal(ArgumentBuilder().text("max_objects", "-1")), HasSubstr("max_objects"));
  EXPECT_THAT(refusal(ArgumentBuilder().pairs("keep_labels", {{"", "x"}})), HasSubstr("no name"));
}

}  // namespace
}  // namespace chiron::remediation
