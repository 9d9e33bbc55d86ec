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
  EXPECT_EQ(page.body(PageFormat::text),
            "# HELP a A.\n# TYPE a gauge\na 2.5\n"
            "# HELP b_total B.\n# TYPE b_total counter\nb_total{x=\"1\"} 1\nb_total{x=\"2\"} 3\n");
  EXPECT_FALSE(layout->fits(std::span(entries).first(4)));
}

TEST(CanonicalFloat, IsWhatGoPrints) {
  const std::vector<std::pair<double, std::string>> cases{{0, "0.0"},
                                                          {1, "1.0"},
                                                          {-2, "-2.0"},
                                                          {0.005, "0.005"},
                                                          {0.0001, "0.0001"},
                                                          {1e-5, "1e-05"},
                                                          {100000, "100000.0"},
                                                          {1e6, "1e+06"},
                                                          {1234567, "1.234567e+06"},
                                                          {1e10, "1e+10"},
                                                          {1.5e300, "1.5e+300"},
                                                          {0.1 + 0.2, "0.30000000000000004"},
                                                          {INFINITY, "+Inf"},
                                                          {-INFINITY, "-Inf"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(canonical_float(value), text);
}

/// A page of every type, with what is awkward in each.
class ExpositionFormats : public ::testing::Test {
 protected:
  void add(std::string_view name, MetricType type, const Labels& labels, double value,
           std::string_view suffix = {}) {
    const FamilyId family = catalogue_.declare(name, "A \"b\"\\\n.", type);
    entries_.push_back({catalogue_.series(family, labels, suffix), value});
  }
  std::string body(PageFormat format) const {
    return Page(std::make_shared<const ExpositionLayout>(catalogue_, entries_), entries_).body(format);
  }

  Catalogue catalogue_{{{"job", "node"}, {"instance", "host:1"}}};
  std::vector<FrameEntry> entries_;
};

TEST_F(ExpositionFormats, ASampleHasTheLabelsThatWereGivenInEveryFormat) {
  add("x", MetricType::gauge, {{"exported_job", "a"}, {"job", "b"}, {"path", "C:\\\"n\"\n{,=\"}"}}, 1);
  const std::string labels = R"({exported_job="a",job="b",path="C:\\\"n\"\n{,=\"}"} 1)";
  EXPECT_THAT(body(PageFormat::text), ::testing::HasSubstr("x" + labels));
  EXPECT_THAT(body(PageFormat::openmetrics), ::testing::HasSubstr("x" + labels));
  EXPECT_THAT(body(PageFormat::protobuf), ::testing::HasSubstr("\x12\x0c"
                                                               "C:\\\"n\"\n{,=\"}"));
}

TEST_F(ExpositionFormats, OpenMetricsHasItsOwnNamesAndTypes) {
  add("a_total", MetricType::counter, {}, 1);
  add("b", MetricType::counter, {}, 2);
  add("c_total", MetricType::counter, {}, 3);
  add("c", MetricType::gauge, {}, 4);
  add("d", MetricType::untyped, {}, 5);
  add("_total", MetricType::counter, {}, 6);
  const std::string help = R"(A \"b\"\\\n.)";
  EXPECT_EQ(body(PageFormat::openmetrics),
            "# HELP _total " + help + "\n# TYPE _total unknown\n_total 6\n" +  //
                "# HELP a " + help + "\n# TYPE a counter\na_total 1\n" +       //
                "# HELP b " + help + "\n# TYPE b unknown\nb 2\n" +             //
                "# HELP c " + help + "\n# TYPE c gauge\nc 4\n" +               //
                "# HELP c_total " + help + "\n# TYPE c_total unknown\nc_total 3\n" + "# HELP d " + help +
                "\n# TYPE d unknown\nd 5\n# EOF\n");
}

TEST_F(ExpositionFormats, OpenMetricsHasCanonicalBoundsAndItsOwnEnd) {
  EXPECT_EQ(body(PageFormat::openmetrics), "# EOF\n");
  add("h", MetricType::histogram, {{"le", "1"}, {"a", "le=\"1\""}}, 1, "_bucket");
  add("h", MetricType::histogram, {{"le", "+Inf"}, {"a", "le=\"1\""}}, 2, "_bucket");
  add("s", MetricType::summary, {{"quantile", "1e6"}}, 0.5);
  const std::string page = body(PageFormat::openmetrics);
  EXPECT_THAT(page, ::testing::HasSubstr(R"(h_bucket{a="le=\"1\"",le="1.0"} 1)"));
  EXPECT_THAT(page, ::testing::HasSubstr(R"(h_bucket{a="le=\"1\"",le="+Inf"} 2)"));
  EXPECT_THAT(page, ::testing::HasSubstr(R"(s{quantile="1e+06"} 0.5)"));
}

TEST_F(ExpositionFormats, ThePartsOfAHistogramStandTogether) {
  add("h", MetricType::histogram, {{"le", "+Inf"}, {"a", "1"}}, 1, "_bucket");
  add("h", MetricType::histogram, {{"le", "+Inf"}, {"a", "2"}}, 2, "_bucket");
  add("h", MetricType::histogram, {{"a", "1"}}, 3, "_sum");
  add("h", MetricType::histogram, {{"a", "2"}}, 4, "_sum");
  EXPECT_THAT(body(PageFormat::text),
              ::testing::EndsWith("h_bucket{a=\"1\",le=\"+Inf\"} 1\nh_sum{a=\"1\"} 3\n"
                                  "h_bucket{a=\"2\",le=\"+Inf\"} 2\nh_sum{a=\"2\"} 4\n"));
}

/// Bytes as "0a 01 61", for comparison.
std::string hex(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto value = static_cast<unsigned char>(byte);
    if (!out.empty()) out += ' ';
    out += kDigits[value >> 4];
    out += kDigits[value & 15];
  }
  return out;
}

// Written out by hand after metrics.proto and protobuf.dev, "Encoding".
TEST_F(ExpositionFormats, ProtobufIsOneDelimitedMessageAFamily) {
  const FamilyId counter = catalogue_.declare("c_total", "C.", MetricType::counter);
  const FamilyId gauge = catalogue_.declare("g", "G", MetricType::gauge);
  const FamilyId untyped = catalogue_.declare("u", "", MetricType::untyped);
  entries_ = {{catalogue_.series(gauge, {{"a", "b"}}), 1.5},
              {catalogue_.series(counter, {}), 2},
              {catalogue_.series(untyped, {}), -0.0}};
  EXPECT_EQ(hex(body(PageFormat::protobuf)),
            "1c 0a 07 63 5f 74 6f 74 61 6c 12 02 43 2e 18 00 22 0b 1a 09 09 00 00 00 00 00 00 00 40 "
            "1d 0a 01 67 12 01 47 18 01 22 13 0a 06 0a 01 61 12 01 62 12 09 09 00 00 00 00 00 00 f8 3f "
            "14 0a 01 75 12 00 18 03 22 0b 2a 09 09 00 00 00 00 00 00 00 80");
}

TEST_F(ExpositionFormats, ProtobufPutsTheSeriesOfAHistogramIntoOneMetric) {
  const FamilyId family = catalogue_.declare("h", "H", MetricType::histogram);
  entries_ = {{catalogue_.series(family, {{"le", "1"}}, "_bucket"), 300},
              {catalogue_.series(family, {}, "_sum"), 1},
              {catalogue_.series(family, {}, "_count"), 9e300}};
  EXPECT_EQ(hex(body(PageFormat::protobuf)),
            "32 0a 01 68 12 01 48 18 04 22 28 3a 26 "
            "08 80 80 80 80 80 80 80 10 "                                    // sample_count, at most 2^53
            "11 00 00 00 00 00 00 f0 3f "                                    // sample_sum
            "1a 12 08 ac 82 80 80 80 80 80 00 11 00 00 00 00 00 00 f0 3f");  // bucket: count, upper bound
}

TEST_F(ExpositionFormats, ProtobufPutsTheSeriesOfASummaryIntoOneMetric) {
  const FamilyId family = catalogue_.declare("s", "S", MetricType::summary);
  entries_ = {{catalogue_.series(family, {{"quantile", "1"}}), -1},
              {catalogue_.series(family, {}, "_count"), NAN}};
  EXPECT_EQ(hex(body(PageFormat::protobuf)),
            "29 0a 01 73 12 01 53 18 02 22 1f 22 1d 08 80 80 80 80 80 80 80 00 "
            "1a 12 09 00 00 00 00 00 00 f0 3f 11 00 00 00 00 00 00 f0 bf");
}

}  // namespace
}  // namespace chiron
