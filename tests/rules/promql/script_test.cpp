#include "rules/promql/promql.h"
#include "rules/promql/test_script.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

namespace chiron::promql {
namespace {

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void run_folder(const std::filesystem::path& folder) {
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".test") files.insert(entry.path());
  }
  EXPECT_FALSE(files.empty()) << "no scripts in " << folder;
  for (const auto& file : files) {
    const ScriptReport report = run_script(contents(file));
    EXPECT_GT(report.statements, 0u) << file;
    EXPECT_EQ(report.passed, report.statements) << file;
    for (const ScriptFailure& failure : report.failures) {
      ADD_FAILURE() << file.filename().string() << ':' << failure.line << ": " << failure.message;
    }
  }
}

TEST(Scripts, OfOursPass) { run_folder(std::filesystem::path(CHIRON_SOURCE_DIR) / "tests/promql"); }

// Prometheus' own scripts are no part of the tree: they lie beside it, or where the variable says.
std::optional<std::filesystem::path> prometheus_scripts() {
  if (const char* named = std::getenv("CHIRON_PROMQL_SCRIPTS")) return named;
  std::filesystem::path beside = std::filesystem::path(CHIRON_SOURCE_DIR) / "../shared/promql";
  return std::filesystem::exists(beside) ? std::optional(beside) : std::nullopt;
}

TEST(Scripts, OfPrometheusPass) {
  const auto folder = prometheus_scripts();
  if (!folder) GTEST_SKIP() << "no Prometheus scripts in ../shared/promql, nor in $CHIRON_PROMQL_SCRIPTS";
  run_folder(*folder);
}

// Inputs of Prometheus' parser tests and what it says of them, a JSON object on each line.
TEST(Scripts, PrometheusParserInputsAreTakenOrRefusedAlike) {
  const auto folder = prometheus_scripts();
  if (!folder) GTEST_SKIP() << "no parser.jsonl in ../shared/promql, nor in $CHIRON_PROMQL_SCRIPTS";
  std::ifstream in(*folder / "parser.jsonl");
  std::size_t inputs = 0;
  for (std::string line; std::getline(in, line); ++inputs) {
    const auto row = nlohmann::json::parse(line);
    const std::string input = row.at("input").get<std::string>();
    const Parsed parsed = parse(input, Features::all());
    EXPECT_EQ(parsed.ok(), row.at("ok").get<bool>()) << input;
    if (!parsed.ok() && !row.at("ok").get<bool>()) {
      EXPECT_EQ(parsed.errors.front().message, row.at("errors").at(0).get<std::string>()) << input;
    }
  }
  EXPECT_GT(inputs, 0u);
}

TEST(Scripts, ANativeHistogramIsAGapAndReportedOnce) {
  const ScriptReport report = run_script(
      "load 1m\n"
      "  a 1 {{count:1 sum:2}}+{{count:1 sum:2}}x1 {{schema:0 count:3}}x1 _ 7\n"
      "  b 4\n"
      "\n"
      "eval instant at 6m a\n"
      "  a 7\n"
      "\n"
      "eval range from 0 to 6m step 1m last_over_time({__name__=~\"a|b\"}[1m])\n"
      "  a 1 _ _ _ _ _ 7\n"
      "  b 4\n"
      "\n"
      "eval instant at 1m a\n"
      "  a {{count:1 sum:2}}\n");
  EXPECT_EQ(report.statements, 3u);
  EXPECT_EQ(report.passed, 2u);
  EXPECT_EQ(report.failed, 2u);
  ASSERT_EQ(report.failures.size(), 2u);
  EXPECT_EQ(report.failures[0].line, 2u);
  EXPECT_EQ(report.failures[0].message,
            "bad value \"{{count:1 sum:2}}+{{count:1 sum:2}}x1\": native histograms are not supported");
  EXPECT_EQ(report.failures[1].line, 13u);
}

struct Wrong {
  std::string_view script;
  std::size_t line;
  std::string_view message;
};
class ScriptFails : public testing::TestWithParam<Wrong> {};

TEST_P(ScriptFails, WithItsLine) {
  const ScriptReport report = run_script(GetParam().script);
  ASSERT_EQ(report.failures.size(), 1u);
  EXPECT_EQ(report.failures[0].line, GetParam().line);
  EXPECT_THAT(report.failures[0].message, testing::StartsWith(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    All, ScriptFails,
    testing::Values(
        Wrong{"lode 5m", 1, "expected load, clear or eval, got \"lode\""},
        Wrong{"load abc", 1, "\"abc\" is not a duration"}, Wrong{"load 1m\n  a 1x", 2, "bad value \"1x\""},
        Wrong{"load 1m\n  a{ 1", 2, "unexpected character inside braces"},
        Wrong{"load 1m\n  a {{count:1}}", 2, "bad value \"{{count:1}}\": native histograms"},
        Wrong{"load 1m\n  a {{count:1 sum:2}\n", 2,
              "bad value \"{{count:1 sum:2}\": a native histogram ends"},
        Wrong{"load 1m\n  a {{count:1}}+1\n", 2, "bad value \"{{count:1}}+1\": expected x and a number"},
        Wrong{"load_foo 1m\n  a 1", 1, "expected load, clear or eval, got \"load_foo\""},
        Wrong{"load_with_nhcb 1m\n  a 1\n\neval instant at 0 a\n  a 1", 1, "load_with_nhcb makes native"},
        Wrong{"load 1m\n  a@st 1s\n\n", 2, "the line of start timestamps has no line of samples after it"},
        Wrong{"load 1m\n  a@st 1s\n  b 1", 3, "the line of start timestamps before it is of another series"},
        Wrong{"load 1m\n  a{b=\"c d\"}@st 1s 2s\n  a{b=\"c d\"} 1", 3,
              "2 start timestamps before it, but 1 values"},
        Wrong{"load 1m\n  @st\n", 2, "bad value \"@st\": start timestamps belong after @st"},
        Wrong{"load 1m\n  a@st *2\n  a 1", 2, "bad value \"*2\": expected x and a number"},
        Wrong{"load 1m\n  a@st x\n  a 1", 2, "bad value \"x\": expected a duration, _ or *"},
        Wrong{"load 1m\n  a@st 1s2\n  a 1", 2, "bad value \"1s2\""},
        Wrong{"load 1m\n  a@st 1s+1s\n  a 1", 2, "bad value \"1s+1s\": a series is written A+BxN"},
        Wrong{"load 1m\n  a@st 0+200yx900000\n  a 1", 2, "bad value \"0+200yx900000\": that is beyond"},
        Wrong{"eval instant at 0 1 +", 1, "the expression is wrong at 4: unexpected end of input"},
        Wrong{"eval instant 1", 1, "expected \"at\" and a time"},
        Wrong{"eval instant at 0 1 + 1\n  3", 1, "expected 3, got 2"},
        Wrong{"eval instant at 0 vector(1)", 1, "expected 0 series, got 1"},
        Wrong{"eval instant at 0 vector(1)\n  {} 2", 1, "{}: expected 2, got 1"},
        Wrong{"eval instant at 0 vector(1)\n  {a=\"b\"} 1", 1, "expected {a=\"b\"}, got"},
        Wrong{"eval_often instant at 0 1", 1, "expected eval, got \"eval_often\""},
        Wrong{"eval sometimes at 0 1", 1, "expected eval instant or eval range"},
        Wrong{"eval range from 0 to 1m 1", 1, "expected \"step\" and a time"},
        Wrong{"eval instant at 0 1\n  expect warn: x", 2, "expected ordered, fail, warn"},
        Wrong{"eval instant at 0 1\n  expect warn x", 2, "expected msg: or regex:, got \"x\""},
        Wrong{"eval instant at 0 1\n  expect warn regex: (", 2, ""},
        Wrong{"eval instant at 0 1\n  expect fail\n  expect fail msg: x", 3, "expect fail may come once"},
        Wrong{"eval instant at 0 1\n  expect warn\n  expect no_warn\n  1", 3,
              "warn and no_warn cannot be expected together"},
        Wrong{"eval instant at 0 1\n  expect no_info\n  expect info\n  1", 3,
              "info and no_info cannot be expected together"},
        Wrong{"eval instant at 0 1\n  0x1_", 2, ""},
        Wrong{"eval instant at 0 1\n  expect warn\n  1", 1, "expected the warning any, got none"},
        Wrong{"eval instant at 0 quantile(2, vector(1))\n  expect no_warn\n  {} +Inf", 1,
              "expected no warning, got:"},
        Wrong{"eval instant at 0 quantile(2, vector(1))\n  expect warn msg: x\n  {} +Inf", 1,
              "expected the warning \"x\", got"},
        Wrong{"eval instant at 0 topk(NaN, a)", 1,
              "expected a result, got the error \"Parameter value is NaN\""},
        Wrong{"load 100000d\n  a 1x999998", 1, "the samples reach beyond the calendar"},
        Wrong{"eval instant at 0 vector(1)\n  expect fail", 1, "expected a failure, got a result"},
        Wrong{"eval instant at 0 topk(NaN, a)\n  expect fail msg: other", 1,
              "expected the message \"other\", got \"Parameter"},
        Wrong{"eval range from 0 to 2m step 1m vector(1)\n  {} 1 1", 1, "{}: unexpected 1 at 120000 ms"},
        Wrong{"eval range from 0 to 1m step 1m a\n  a _ _", 1, "expected metric a not found"},
        Wrong{"eval range from 0 to 0 step 1m vector(1)\n  expect ordered\n  {} 1", 1,
              "expected an ordered result, but the query returned a matrix"},
        Wrong{"load 1m\n  a 1\n  b 2\n\neval instant at 0 sort({__name__=~\".\"})\n  expect ordered\n  b 2\n "
              " a 1",
              5, "expected b at position 1"}));

}  // namespace
}  // namespace chiron::promql
