#include "exporter/series/exposition.h"

#include <limits>

namespace chiron {
namespace {

std::string text_of(double value) {
  std::string out;
  append_value(out, value);
  return out;
}

TEST(AppendValue, IsTheShortestTextThatReadsBack) {
  EXPECT_EQ(text_of(0), "0");
  EXPECT_EQ(text_of(-0.0), "-0");
  EXPECT_EQ(text_of(0.1), "0.1");
  EXPECT_EQ(text_of(-12345678), "-12345678");
  EXPECT_EQ(text_of(1e21), "1e+21");
  EXPECT_EQ(text_of(std::numeric_limits<double>::infinity()), "+Inf");
  EXPECT_EQ(text_of(-std::numeric_limits<double>::infinity()), "-Inf");
  EXPECT_EQ(text_of(std::numeric_limits<double>::quiet_NaN()), "NaN");
  for (const double value : {1.0 / 3, 2e-308, 9007199254740993.0, 123456789012345680.0, 1e15 - 1, -1e300}) {
    EXPECT_EQ(std::strtod(text_of(value).c_str(), nullptr), value);
  }
}

TEST(Exposition, GroupsFamiliesInOrderWithOneHeaderEach) {
  Catalogue catalogue;
  const FamilyId b = catalogue.declare("b_total", "B.", MetricType::counter);
  const FamilyId a = catalogue.declare("a", "A.", MetricType::gauge);
  const std::vector<FrameEntry> entries{{catalogue.series(b, {{"x", "1"}}), 1},
                                        {catalogue.series(a, {}), 2.5},
                                        {catalogue.series(b, {{"x", "2"}}), 3},
                                        {catalogue.unpublished({{"__name__", "ALERTS"}}), 1},
                                        {catalogue.series(a, {}), 9}};
  const auto layout = std::make_shared<const ExpositionLayout>(catalogue, entries);
  EXPECT_TRUE(layout->fits(entries));
  EXPECT_EQ(layout->size(), 3u);
  const Page page(layout, entries);
  EXPECT_EQ(page.text(),
            "# HELP a A.\n# TYPE a gauge\na 2.5\n"
            "# HELP b_total B.\n# TYPE b_total counter\nb_total{x=\"1\"} 1\nb_total{x=\"2\"} 3\n");
  EXPECT_FALSE(layout->fits(std::span(entries).first(4)));
}

}  // namespace
}  // namespace chiron
