#include "remediation/actions/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::remediation {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using Shape = ArgumentValue::Shape;

ArgumentValue text(std::string value, Position where = {3, 5}) {
  return {.shape = Shape::text, .texts = {std::move(value)}, .pairs = {}, .file = "r.yml", .where = where};
}
ArgumentValue list(std::vector<std::string> values) {
  return {.shape = Shape::list, .texts = std::move(values), .pairs = {}, .file = "r.yml", .where = {4, 7}};
}

struct Members {
  std::string path;
  std::string kind = "a";
  std::int64_t count = 7;
  double ratio = 0.5;
  bool force = false;
  Duration age = std::chrono::hours(24);
  Amount target{.is_percent = true, .percent = 15, .bytes = 0};
  std::vector<std::string> stages = {"x", "y"};
  std::vector<std::pair<std::string, std::string>> environment;
  Arguments arguments;

  Members() {
    arguments.add("path", &path, Need::required, "where");
    arguments.add("kind", &kind, Need::optional, "which", {"alpha", "beta"});
    arguments.add("count", &count, Need::optional, "how many");
    arguments.add("ratio", &ratio, Need::optional, "share");
    arguments.add("force", &force, Need::optional, "really");
    arguments.add("age", &age, Need::optional, "how old");
    arguments.add("target", &target, Need::optional, "how much");
    arguments.add("stages", &stages, Need::optional, "which stages");
    arguments.add("environment", &environment, Need::optional, "variables");
  }
  Members(const Members&) = delete;
};

TEST(Arguments, BindFillsEveryType) {
  Members m;
  ArgumentValue pairs{.shape = Shape::pairs, .texts = {}, .pairs = {{"A", "1"}}, .file = "", .where = {}};
  const Status status = m.arguments.bind({{"path", text("/data")},
                                          {"kind", text("beta")},
                                          {"count", text("-3")},
                                          {"ratio", text("1.5")},
                                          {"force", text("yes")},
                                          {"age", text("1h30m")},
                                          {"target", text("5GiB")},
                                          {"stages", list({"one"})},
                                          {"environment", pairs},
                                          {"timeout", text("90s")}});
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_EQ(m.path, "/data");
  EXPECT_EQ(m.kind, "beta");
  EXPECT_EQ(m.count, -3);
  EXPECT_EQ(m.ratio, 1.5);
  EXPECT_TRUE(m.force);
  EXPECT_EQ(m.age, minutes(90));
  EXPECT_FALSE(m.target.is_percent);
  EXPECT_EQ(m.target.bytes, 5ULL << 30);
  EXPECT_THAT(m.stages, ElementsAre("one"));
  EXPECT_THAT(m.environment, ElementsAre(Pair("A", "1")));
  EXPECT_EQ(m.arguments.timeout(), seconds(90));
}

TEST(Arguments, DefaultsAreWhatTheMembersHeld) {
  Members m;
  std::vector<std::pair<std::string, std::string>> shown;
  for (const auto& declared : m.arguments.declared())
    shown.emplace_back(declared.name, declared.default_text);
  EXPECT_THAT(shown, ElementsAre(Pair("path", ""), Pair("kind", "a"), Pair("count", "7"),
                                 Pair("ratio", "0.5"), Pair("force", "false"), Pair("age", "1d"),
                                 Pair("target", "15%"), Pair("stages", "[x, y]"), Pair("environment", "")));
  ASSERT_TRUE(m.arguments.bind({{"path", text("/")}}).ok());
  EXPECT_EQ(m.count, 7);
  EXPECT_EQ(m.arguments.timeout(), Duration::zero());
}

TEST(Arguments, PercentIsAShareAndOverHundredIsNot) {
  Members m;
  ASSERT_TRUE(m.arguments.bind({{"path", text("/")}, {"target", text("12.5%")}}).ok());
  EXPECT_TRUE(m.target.is_percent);
  EXPECT_EQ(m.target.percent, 12.5);
  for (const char* bad : {"101%", "-1%", "%", "nan%", "lots", "", "5XB"}) {
    const Status status = m.arguments.bind({{"path", text("/")}, {"target", text(bad)}});
    ASSERT_FALSE(status.ok()) << bad;
    EXPECT_THAT(status.error().message(), HasSubstr("r.yml:3:5: target:"));
  }
  EXPECT_EQ(m.target.percent, 12.5) << "a refused value must leave the member alone";
}

TEST(Arguments, BindRefusesWhatStrangersMaySend) {
  Members m;
  EXPECT_THAT(m.arguments.bind({{"path", text("")}}).error().message(), HasSubstr("is empty"));
  EXPECT_THAT(m.arguments.bind({{"path", text(std::string("/a\0b", 4))}}).error().message(),
              HasSubstr("NUL"));
  EXPECT_THAT(
      m.arguments.bind({{"path", text("/")}, {"stages", list({std::string("\0", 1)})}}).error().message(),
      HasSubstr("NUL"));
  EXPECT_THAT(m.arguments.bind({}).error().message(), HasSubstr("\"path\" is missing"));
  EXPECT_THAT(m.arguments.bind({{"path", text("/")}, {"kind", text("gamma")}}).error().message(),
              HasSubstr("not one of alpha, beta"));
}

TEST(Arguments, CheckFindsAllFaultsInOnePassWithPositions) {
  Members m;
  DiagnosticSink sink;
  m.arguments.check("disk.rescue",
                    {{"cuont", text("1", {5, 9})},
                     {"count", text("many", {6, 9})},
                     {"stages", text("x", {7, 9})},
                     {"kind", text("bta", {8, 9})},
                     {"timeout", text("soon", {9, 9})}},
                    {2, 3}, sink);
  ASSERT_EQ(sink.all().size(), 6U);
  EXPECT_EQ(sink.all()[0].code, "unknown-argument");
  EXPECT_EQ(sink.all()[0].hint, "did you mean count?");
  EXPECT_EQ(sink.all()[0].where.line, 5U);
  EXPECT_THAT(sink.all()[1].message, HasSubstr("\"many\" is not a whole number"));
  EXPECT_THAT(sink.all()[2].message, HasSubstr("is a single value, and must be a list"));
  EXPECT_THAT(sink.all()[3].message, HasSubstr("did you mean beta?"));
  EXPECT_THAT(sink.all()[4].message, HasSubstr("\"soon\" is not a duration"));
  EXPECT_EQ(sink.all()[5].code, "missing-argument");
  EXPECT_EQ(sink.all()[5].where.line, 2U);
  EXPECT_THAT(sink.all()[5].path, ElementsAre("disk.rescue"));
  EXPECT_EQ(m.count, 7);
}

TEST(Arguments, CheckLetsTemplatesPass) {
  Members m;
  DiagnosticSink sink;
  m.arguments.check("a.b",
                    {{"path", text("{{ $labels.mountpoint }}")},
                     {"count", text("{{ $value }}")},
                     {"kind", text("{{ $labels.kind }}")}},
                    {1, 1}, sink);
  EXPECT_TRUE(sink.ok());
}

}  // namespace
}  // namespace chiron::remediation
