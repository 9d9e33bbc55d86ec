#include "remediation/engine/kept_findings.h"

#include "tests/support/recording_log.h"
#include "tests/support/temp_dir.h"

#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

/// The next start: the ledger opened anew, and metrics that know of nothing.
struct Start {
  explicit Start(const std::string& directory) {
    auto opened =
        Ledger::open({.directory = directory, .reserve = 64 << 10, .deadline = std::chrono::seconds(20)},
                     system_clock(), log);
    EXPECT_TRUE(opened.ok()) << opened.error().to_string();
    ledger = *std::move(opened);
    findings = std::make_unique<KeptFindings>(metrics, *ledger, log);
  }
  double pending(const std::string& origin) {
    return metrics.gauge("pending", "", Labels{{"origin", origin}}).value();
  }
  testing::RecordingLog log;
  Catalogue catalogue{Labels{}};
  SelfMetrics metrics{catalogue};
  std::unique_ptr<Ledger> ledger;
  std::unique_ptr<KeptFindings> findings;
};

TEST(KeptFindings, WhatIsNoLongerNamedIsZeroAndARestartForgetsNothing) {
  const testing::TempDir dir;
  {
    Start first(dir / "state");
    first.findings->publish("look", {{"pending", "help", Labels{{"origin", "a"}}, 3},
                                     {"pending", "help", Labels{{"origin", "b"}}, 4}});
    EXPECT_EQ(first.pending("a"), 3);
    first.findings->publish("other", {{"more", "help", Labels(), 1}});
    first.findings->publish("look", {{"pending", "help", Labels{{"origin", "b"}}, 5}});
    EXPECT_EQ(first.pending("a"), 0);
    EXPECT_EQ(first.pending("b"), 5);
  }
  Start second(dir / "state");
  const Status restored = second.findings->restore();
  ASSERT_TRUE(restored.ok()) << restored.error().to_string();
  EXPECT_EQ(second.pending("b"), 5);
  EXPECT_EQ(second.metrics.gauge("more", "").value(), 1);
  second.findings->publish("look", {});
  EXPECT_EQ(second.pending("b"), 0);
}

TEST(KeptFindings, DamageIsToldAndNothingIsShown) {
  const testing::TempDir dir;
  Start start(dir / "state");
  ASSERT_TRUE(start.ledger->put("findings", "{\"look\": [{\"name\": 1}]}").ok());
  EXPECT_EQ(start.findings->restore().error().code(), ErrorCode::corrupt);
  ASSERT_TRUE(start.ledger->put("findings", "[1]").ok());
  EXPECT_EQ(start.findings->restore().error().code(), ErrorCode::corrupt);
}

}  // namespace
}  // namespace chiron::remediation
