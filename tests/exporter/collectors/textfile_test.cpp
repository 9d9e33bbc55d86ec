#include "exporter/collectors/textfile.h"

#include "exporter/collectors/text_format.h"
#include "tests/exporter/collectors/host_fixture.h"

#include <unistd.h>

namespace chiron {
namespace {

using testing::HostFixture;

std::string error_of(std::string_view text) {
  const auto parsed = parse_text_format(text, "f.prom");
  return parsed ? "" : parsed.error().to_string();
}

TEST(TextFormat, ReadsFamiliesOfEveryType) {
  const auto parsed = parse_text_format(
      "# just a comment\n"
      "# HELP a_total Counts \\\\ and\\nlines.\n# TYPE a_total counter\n"
      "a_total{x=\"1\",y=\"q\\\"\\\\\\n\",} 3\n  a_total 4e3\n\n"
      "b NaN\n"
      "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket { le = \"+Inf\" } 2\nh_sum 3.5\nh_count 2\n"
      "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 2\ns_count 1\n"
      "x_sum +Inf\n"
      "# TYPE unused gauge\n",
      "f.prom");
  ASSERT_TRUE(parsed.ok()) << parsed.error().to_string();
  ASSERT_EQ(parsed->size(), 5u);
  const TextFamily& counter = (*parsed)[0];
  EXPECT_EQ(counter.name, "a_total");
  EXPECT_EQ(counter.help, "Counts \\ and\nlines.");
  EXPECT_EQ(counter.type, MetricType::counter);
  EXPECT_EQ(counter.samples[0].labels, (Labels{{"x", "1"}, {"y", "q\"\\\n"}}));
  EXPECT_EQ(counter.samples[1].value, 4000);
  EXPECT_TRUE(std::isnan((*parsed)[1].samples[0].value));
  const TextFamily& histogram = (*parsed)[2];
  ASSERT_EQ(histogram.samples.size(), 4u);
  EXPECT_EQ(histogram.samples[1].suffix, "_bucket");
  EXPECT_EQ(histogram.samples[1].labels.get("le"), "+Inf");
  EXPECT_EQ(histogram.samples[2].suffix, "_sum");
  EXPECT_EQ((*parsed)[3].samples.size(), 3u);
  EXPECT_EQ((*parsed)[4].name, "x_sum");
  EXPECT_EQ((*parsed)[4].type, MetricType::untyped);
}

struct BadText {
  const char* text;
  const char* error;
};

TEST(TextFormat, RefusesWithThePlace) {
  const BadText bad[] = {
      {"a 1", "f.prom: the last line does not end with a newline"},
      {"a \xff\n", "f.prom: is not UTF-8"},
      {"a 1 1700000000000\n", "f.prom:1:5: expected the end of the line; timestamps are not taken"},
      {"ok 1\n1a 1\n", "f.prom:2:1: expected the name of a metric"},
      {"a\n", "f.prom:1:2: expected a number"},
      {"a one\n", "f.prom:1:3: expected a number, found 'one'"},
      {"a 1\r\n", "f.prom:1:3: expected a number"},
      {"a{b=\"c\" 1\n", "f.prom:1:9: expected a comma or a closing brace, found '1'"},
      {"a{b=c} 1\n", "f.prom:1:5: expected the value of a label in double quotes"},
      {"a{b \"c\"} 1\n", "f.prom:1:5: expected '='"},
      {"a{b=\"c} 1\n", "f.prom:1:10: the value of a label has no closing quote"},
      {"a{b=\"\\t\"} 1\n", "f.prom:1:6: expected \\\\, \\\" or \\n after a backslash"},
      {"a{b=\"1\",b=\"2\"} 1\n", "the label b twice"},
      {"a{__name__=\"x\"} 1\n", "f.prom:1:3: expected the name of a label"},
      {"a{:=\"x\"} 1\n", "f.prom:1:3: expected the name of a label"},
      {"a 1\na 2\n", "f.prom:2:1: the same series twice"},
      {"a 1\n# TYPE a gauge\n", "f.prom:2:10: TYPE must come before the samples"},
      {"# TYPE a gauge\n# TYPE a gauge\n", "a second TYPE line for a"},
      {"# HELP a x\n# HELP a x\n", "a second HELP line for a"},
      {"# TYPE a gage\n", "f.prom:1:10: expected counter, gauge"},
      {"# TYPE a gauge x\n", "expected counter, gauge"},
      {"# TYPE\n", "f.prom:1:7: expected the name of a metric"},
      {"# HELP a \\x\n", "f.prom:1:10: expected \\\\ or \\n"},
      {"# TYPE h histogram\nh 1\n", "a histogram has only _bucket, _sum and _count"},
      {"# TYPE h histogram\nh_bucket 1\n", "expected a number in the label le"},
      {"# TYPE s summary\ns 1\n", "expected a number in the label quantile"},
  };
  for (const BadText& one : bad) {
    EXPECT_NE(error_of(one.text).find(one.error), std::string::npos)
        << one.text << " -> " << error_of(one.text);
  }
  EXPECT_EQ(error_of(""), "");
}

class Textfile : public HostFixture {
 protected:
  void write(std::string_view path, std::string_view content) const {
    dir_.write("text/" + std::string(path), content);
  }
  std::string at(std::string_view path) const { return dir_ / ("text/" + std::string(path)); }
  bool error() const { return has("node_textfile_scrape_error 1"); }
};

TEST_F(Textfile, WithoutADirectoryThereIsNothingToRead) {
  make("textfile");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), std::vector<std::string>{"node_textfile_scrape_error 0"});
}

TEST_F(Textfile, ServesFilesAndFollowsThem) {
  write("a.prom", "# TYPE job_ok gauge\njob_ok{job=\"backup\"} 1\n");
  write("b.prom", "# TYPE took histogram\ntook_bucket{le=\"+Inf\"} 2\ntook_sum 3\ntook_count 2\n");
  write("note.txt", "not read\n");
  option("directory", {at("")});
  make("textfile");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(job_ok{job="backup"} 1)"));
  EXPECT_TRUE(has(R"(took_bucket{le="+Inf"} 2)"));
  EXPECT_TRUE(has("took_sum 3"));
  EXPECT_TRUE(mentions("node_textfile_mtime_seconds{file=\"" + at("a.prom") + "\"} 1"));
  EXPECT_FALSE(error());
  EXPECT_EQ(frame_.entries().size(), 7u);

  write("a.prom", "# TYPE job_ok gauge\njob_ok{job=\"backup\"} 20\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(job_ok{job="backup"} 20)"));
  remove("text/a.prom");
  ASSERT_TRUE(collect().ok());
  EXPECT_FALSE(mentions("job_ok"));
  EXPECT_FALSE(error());
}

TEST_F(Textfile, ABadFileIsLeftOutAndTheOthersServed) {
  write("bad.prom", "x 1\ny one\n");
  write("good.prom", "z 1\n");
  write("large.prom", std::string((16 << 20) + 1, '\n'));
  write("stamped.prom", "w 1 1700000000000\n");
  ASSERT_EQ(::symlink("nowhere", at("link.prom").c_str()), 0);
  option("directory", {at("")});
  make("textfile");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has("z 1"));
  EXPECT_TRUE(error());
  EXPECT_EQ(frame_.entries().size(), 3u);
  EXPECT_EQ(log_.count("textfile refused"), 4u);
  EXPECT_EQ(log_.count("bad.prom:2:3: expected a number, found 'one'"), 1u);
  for (int pass = 0; pass < 3; ++pass) ASSERT_TRUE(collect().ok());
  EXPECT_EQ(log_.count("textfile refused"), 4u);

  for (const char* file : {"bad.prom", "large.prom", "stamped.prom", "link.prom"}) ::unlink(at(file).c_str());
  ASSERT_TRUE(collect().ok());
  EXPECT_FALSE(error());
}

TEST_F(Textfile, FilesThatDisagree) {
  write("a.prom", "# HELP m First.\n# TYPE m gauge\nm{x=\"1\"} 1\n");
  write("b.prom", "# HELP m Second.\n# TYPE m gauge\nm{x=\"2\"} 2\n");
  write("c.prom", "# HELP m First.\n# TYPE m gauge\nm{x=\"1\"} 3\n");
  write("d.prom", "# TYPE m counter\nm{x=\"4\"} 4\nn 5\n");
  option("directory", {at("")});
  make("textfile");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has(R"(m{x="1"} 1)"));
  EXPECT_TRUE(has(R"(m{x="2"} 2)"));
  EXPECT_FALSE(has(R"(m{x="1"} 3)"));
  EXPECT_FALSE(mentions(R"(x="4")"));
  EXPECT_TRUE(has("n 5"));
  EXPECT_TRUE(error());
  EXPECT_EQ(log_.count("textfile refused"), 3u);
}

TEST_F(Textfile, AFamilyMayChangeItsType) {
  write("a.prom", "# TYPE m counter\nm 1\n");
  option("directory", {at("")});
  make("textfile");
  ASSERT_TRUE(collect().ok());
  const SeriesId id = frame_.entries().front().id;
  write("a.prom", "# TYPE m gauge\nm 1.5\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has("m 1.5"));
  EXPECT_FALSE(error());
  EXPECT_EQ(frame_.entries().front().id, id);
  EXPECT_EQ(catalogue_.family(catalogue_.family_of(id)).type, MetricType::gauge);
}

TEST_F(Textfile, TheTypeOfAFamilyOfOursStands) {
  catalogue_.declare("node_load1", "Ours.", MetricType::gauge);
  write("a.prom", "# TYPE node_load1 counter\nnode_load1{x=\"1\"} 1\nn 2\n");
  option("directory", {at("")});
  make("textfile");
  ASSERT_TRUE(collect().ok());
  EXPECT_FALSE(mentions("node_load1"));
  EXPECT_TRUE(has("n 2"));
  EXPECT_TRUE(error());
  EXPECT_EQ(log_.count("metric node_load1 is already a gauge, not a counter"), 1u);
}

TEST_F(Textfile, SeveralDirectoriesAndGlobs) {
  write("one/a.prom", "a 1\n");
  write("two/b.prom", "b 1\n");
  write("other/c.prom", "c 1\n");
  option("directory", {at("[ot][nw]*"), at("other")});
  make("textfile");
  ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(has("a 1"));
  EXPECT_TRUE(has("b 1"));
  EXPECT_TRUE(has("c 1"));
  EXPECT_FALSE(error());
}

TEST_F(Textfile, AMissingDirectoryIsAnErrorToldOnce) {
  option("directory", {at("missing")});
  make("textfile");
  for (int pass = 0; pass < 3; ++pass) ASSERT_TRUE(collect().ok());
  EXPECT_TRUE(error());
  EXPECT_EQ(log_.count("textfile directory unusable"), 1u);
}

}  // namespace
}  // namespace chiron
