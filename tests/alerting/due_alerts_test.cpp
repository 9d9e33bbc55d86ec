#include "alerting/due_alerts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::alerting {
namespace {

using rules::Alert;
using rules::AlertChange;
using rules::AlertState;
using std::chrono::minutes;
using std::chrono::seconds;

const WallTime kWall = from_ms(1'700'000'000'000);

Alert firing(const std::string& name, bool held = false) {
  Alert alert;
  alert.name = name;
  alert.labels = Labels{{"alertname", name}, {"site", "own"}};
  alert.state = AlertState::firing;
  alert.fired_at = from_ms(1'600'000'000'000);
  alert.held = held;
  alert.expr = "up == 0";
  return alert;
}

AlertChange resolved(const std::string& name) {
  Alert alert = firing(name);
  alert.state = AlertState::inactive;
  alert.resolved_at = kWall;
  return {AlertState::firing, AlertState::inactive, alert};
}

struct DueAlertsTest : ::testing::Test {
  DueAlerts due{{.interval = seconds(5),
                 .external_labels = Labels{{"site", "paris"}, {"cluster", "a"}},
                 .base_url = "http://h:1"}};
  std::vector<Notice> at(Duration after, std::vector<Alert> now, std::vector<AlertChange> changes = {}) {
    return due.next(now, changes, kWall + std::chrono::duration_cast<std::chrono::milliseconds>(after),
                    BootTime(after));
  }
};

TEST_F(DueAlertsTest, AFiringAlertIsToldAtOnceAndAgainEveryMinute) {
  ASSERT_EQ(at(seconds(0), {firing("A")}).size(), 1U);
  EXPECT_TRUE(at(seconds(59), {firing("A")}).empty());
  const std::vector<Notice> again = at(seconds(60), {firing("A")});
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].starts_at, from_ms(1'600'000'000'000));
  EXPECT_EQ(again[0].ends_at, kWall + seconds(60) + minutes(4));
  EXPECT_EQ(again[0].generator_url, "http://h:1/api/v1/query?query=up%20%3D%3D%200");
}

TEST_F(DueAlertsTest, TheAlertsOwnLabelWinsOverAnExternalOne) {
  const std::vector<Notice> told = at(seconds(0), {firing("A")});
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].labels, (Labels{{"alertname", "A"}, {"cluster", "a"}, {"site", "own"}}));
}

TEST_F(DueAlertsTest, TheEndIsRepeatedForFifteenMinutes) {
  at(seconds(0), {firing("A")});
  const std::vector<Notice> end = at(seconds(10), {}, {resolved("A")});
  ASSERT_EQ(end.size(), 1U);
  EXPECT_EQ(end[0].ends_at, kWall);
  EXPECT_TRUE(at(seconds(69), {}).empty());
  EXPECT_EQ(at(seconds(70), {}).size(), 1U);
  EXPECT_EQ(at(seconds(10) + minutes(15), {}).size(), 1U);
  EXPECT_TRUE(at(seconds(11) + minutes(20), {}).empty());
}

TEST_F(DueAlertsTest, AnAlertThatComesBackIsToldAtOnce) {
  at(seconds(0), {firing("A")});
  at(seconds(10), {}, {resolved("A")});
  const std::vector<Notice> back = at(seconds(15), {firing("A")});
  ASSERT_EQ(back.size(), 1U);
  EXPECT_GT(back[0].ends_at, kWall + seconds(15));
}

TEST_F(DueAlertsTest, AHeldAlertIsToldOnlyWhenItWasToldBefore) {
  EXPECT_TRUE(at(seconds(0), {firing("A", true)}).empty());
  EXPECT_EQ(at(seconds(5), {firing("A")}).size(), 1U);
  EXPECT_EQ(at(seconds(65), {firing("A", true)}).size(), 1U);
}

TEST_F(DueAlertsTest, WhatWasPendingAndEndedIsNotTold) {
  AlertChange change = resolved("A");
  change.from = AlertState::pending;
  EXPECT_TRUE(at(seconds(0), {}, {change}).empty());
}

TEST_F(DueAlertsTest, NewReceiversAreToldOfAllThatFires) {
  at(seconds(0), {firing("A"), firing("B")});
  due.tell_all_again();
  EXPECT_EQ(at(seconds(5), {firing("A"), firing("B")}).size(), 2U);
}

}  // namespace
}  // namespace chiron::alerting
