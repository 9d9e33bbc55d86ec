#include "agent/plot.h"

#include "agent/plot_canvas.h"
#include "agent/query_text.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>

namespace chiron::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

PlotOptions small() {
  return {.columns = 28, .rows = 5, .start = 0, .end = 40'000, .step = 10s, .utf8 = false, .colour = false};
}

TEST(Plot, InPlainAscii) {
  const PlotLine line{"up", {{0, 0}, {10'000, 1}, {20'000, 2}, {30'000, 3}, {40'000, 4}}};
  EXPECT_EQ(plot({line}, small()),
            "4 +                    aaaa\n"
            "  |               aaaaa\n"
            "2 +         aaaaaa\n"
            "  |   aaaaaa\n"
            "0 +aaa\n"
            "  +------------------------\n"
            "   00:00:00    00:00:40 UTC\n"
            "\n"
            "  SERIES  MIN  MEAN  MAX  LAST\n"
            "a up      0    2     4    4\n");
}

TEST(Plot, InBraille) {
  PlotOptions options = small();
  options.utf8 = true;
  const std::string drawn = plot({{"x", {{0, 1}, {40'000, 1}}}}, options);
  EXPECT_THAT(drawn, HasSubstr("\u2524"));
  EXPECT_THAT(drawn, HasSubstr("\u2514\u2500\u2500"));
  EXPECT_THAT(drawn, ::testing::Not(HasSubstr("\x1b")));
  options.colour = true;
  EXPECT_THAT(plot({{"x", {{0, 1}, {40'000, 1}}}}, options), HasSubstr("\x1b[32m"));
}

TEST(Plot, AGapIsNotDrawnOver) {
  PlotOptions options = small();
  const PlotLine whole{"x", {{0, 0}, {10'000, 0}, {20'000, 0}, {30'000, 0}, {40'000, 0}}};
  const PlotLine holed{"x", {{0, 0}, {40'000, 0}}};
  const auto count = [](const std::string& text) { return std::count(text.begin(), text.end(), 'a'); };
  EXPECT_EQ(count(plot({whole}, options)) - count(plot({holed}, options)), 23 - 2);
  const PlotLine broken{"x", {{0, 0}, {10'000, std::nan("")}, {20'000, 0}}};
  EXPECT_EQ(count(plot({broken}, options)) - count(plot({holed}, options)), 0);
}

TEST(Plot, WhateverTheValuesAre) {
  constexpr double kMost = std::numeric_limits<double>::max(),
                   kLeast = std::numeric_limits<double>::denorm_min();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{{-kMost, kMost},
                                                                        {0, kMost},
                                                                        {0, kLeast},
                                                                        {-kLeast, kLeast},
                                                                        {1, std::nextafter(1, 2)},
                                                                        {-5, -5},
                                                                        {0, 0},
                                                                        {kMost, kMost},
                                                                        {1e15, 1e15 + 1},
                                                                        {-kInfinity, 1}}) {
    const std::string drawn = plot({{"x", {{0, low}, {40'000, high}}}}, small());
    EXPECT_THAT(drawn, HasSubstr("a x")) << low << ' ' << high;
    EXPECT_EQ(std::count(drawn.begin(), drawn.end(), '\n'), 10) << drawn;
  }
  EXPECT_THAT(plot({{"x", {{0, kInfinity}, {1, std::nan("")}}}}, small()), HasSubstr("no value is finite"));
  EXPECT_THAT(plot({{"x"}}, small()), HasSubstr("no value is finite"));
}

TEST(Plot, OutsideOfTheRangeNothingIsWritten) {
  PlotOptions options = small();
  options.columns = 0;
  options.rows = 0;
  options.start = options.end = 5;
  EXPECT_THAT(plot({{"x", {{-1'000'000, 1}, {5, 2}, {1'000'000, 3}}}}, options), HasSubstr("00:00:00"));
  PlotCanvas canvas(2, 2, true);
  canvas.line(-100, -100, 100, 100, 0);
  EXPECT_EQ(canvas.row(0, false), "\u2811\u2884");
}

TEST(Plot, ManyLinesHaveAShortLegend) {
  const std::vector<PlotLine> lines(25, {"x", {{0, 1}}});
  EXPECT_THAT(plot(lines, small()), HasSubstr("and 5 more"));
}

TEST(Plot, ShortNumbers) {
  const std::vector<std::pair<double, std::string>> cases{
      {0, "0"},          {1234, "1234"},  {12'345, "12.35 k"},    {-2.5e9, "-2.5 G"}, {0.00012, "0.00012"},
      {9.5e20, "950 E"}, {1e21, "1e+21"}, {-1.5e308, "-1.5e+308"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(short_number(value), text);
}

Json vector(std::string_view result) {
  return {{"data", {{"resultType", "vector"}, {"result", Json::parse(result)}}}};
}

TEST(QueryText, OneColumnForEachLabelThatDiffers) {
  EXPECT_EQ(query_table(vector(R"([{"metric":{"__name__":"up","job":"a","x":"1"},"value":[1,"1"]},
                                   {"metric":{"__name__":"up","job":"a"},"value":[1,"NaN"]}])")),
            "up{job=\"a\"}\n"
            "x  VALUE\n"
            "1  1\n"
            "   NaN\n");
  EXPECT_EQ(query_table(vector(R"([{"metric":{"__name__":"up","job":"a"},"value":[1,"1"]}])")),
            "SERIES       VALUE\n"
            "up{job=\"a\"}  1\n");
  EXPECT_EQ(query_table(vector("[]")), "no series\n");
  EXPECT_EQ(query_table({{"data", {{"resultType", "scalar"}, {"result", {1, "2"}}}}}), "2\n");
  EXPECT_EQ(query_table({{"data",
                          {{"resultType", "matrix"},
                           {"result", Json::parse(R"([{"metric":{},"values":[[1,"2"],[2.5,"3"]]}])")}}}}),
            "SERIES  VALUE\n"
            "{}      2 @1.000  3 @2.500\n");
}

TEST(QueryText, AnswersOfAnotherVersionAreNoFault) {
  EXPECT_EQ(query_table({}), "no series\n");
  EXPECT_EQ(query_plot({}, small()), "no series\n");
  EXPECT_THAT(query_table(vector(R"([{"metric":7,"value":"x"},{"values":[1,[],["a",2]]}])")), HasSubstr("?"));
}

TEST(QueryText, NamesDoNotSteerTheTerminal) {
  const Json answer{
      {"data", {{"result", Json::parse(R"([{"metric":{"a":"\u001b[2J"},"values":[[0,"1"]]}])")}}}};
  EXPECT_THAT(query_plot(answer, small()),
              ::testing::AllOf(HasSubstr("[2J"), ::testing::Not(HasSubstr("\x1b"))));
}

}  // namespace
}  // namespace chiron::agent
