#include "exporter/series/catalogue.h"

#include "tests/support/fake_clock.h"

namespace chiron {
namespace {

std::vector<SeriesId> select(const Catalogue& catalogue, std::vector<Matcher> matchers) {
  std::vector<SeriesId> ids;
  catalogue.select(matchers, ids);
  return ids;
}

TEST(Catalogue, InternsOnceAndKeepsTheExpositionPrefixWithoutTargetLabels) {
  Catalogue catalogue(Labels{{"job", "node"}, {"instance", "h:1"}});
  const FamilyId family = catalogue.declare("disk_free", "Free.", MetricType::gauge);
  const SeriesId id = catalogue.series(family, {{"path", "/a\"b"}});
  EXPECT_EQ(catalogue.series(family, {{"path", "/a\"b"}}), id);
  EXPECT_EQ(catalogue.prefix(id), "disk_free{path=\"/a\\\"b\"} ");
  EXPECT_EQ(catalogue.labels(id).to_string(), R"(disk_free{instance="h:1", job="node", path="/a\"b"})");
}

TEST(Catalogue, ASeriesThatHasATargetLabelKeepsItAsExported) {
  Catalogue catalogue(Labels{{"job", "node"}});
  const FamilyId family = catalogue.declare("batch_ok", "", MetricType::gauge);
  const SeriesId id = catalogue.series(family, {{"job", "backup"}});
  EXPECT_EQ(catalogue.labels(id).get("exported_job"), "backup");
  EXPECT_EQ(catalogue.prefix(id), "batch_ok{job=\"backup\"} ");
}

TEST(Catalogue, ALabelThatWasExportedAlreadyKeepsBothValues) {
  Catalogue catalogue(Labels{{"job", "node"}});
  const FamilyId family = catalogue.declare("batch_ok", "", MetricType::gauge);
  const SeriesId id = catalogue.series(family, {{"job", "backup"}, {"exported_job", "far"}});
  EXPECT_EQ(catalogue.labels(id).to_string(),
            R"(batch_ok{exported_exported_job="backup", exported_job="far", job="node"})");
}

TEST(Catalogue, ValuesThatScrapersWouldRefuseAreMadeReadable) {
  Catalogue catalogue;
  const FamilyId family = catalogue.declare("disk_free", "", MetricType::gauge);
  const std::string nul("a\0b", 3);
  const SeriesId id = catalogue.series(family, {{"path", "/mnt/\xFF\xC3\xA9"}, {"x", nul}});
  EXPECT_EQ(catalogue.prefix(id),
            "disk_free{path=\"/mnt/\xEF\xBF\xBD\xC3\xA9\",x=\"a\xEF\xBF\xBD"
            "b\"} ");
  EXPECT_EQ(catalogue.labels(id).get("path"), "/mnt/\xEF\xBF\xBD\xC3\xA9");
}

TEST(Catalogue, TheTypeOfADeclaredFamilyStands) {
  Catalogue catalogue;
  catalogue.declare("a", "x", MetricType::counter);
  EXPECT_TRUE(catalogue.family("a", "other help", MetricType::counter).ok());
  const auto clash = catalogue.family("a", "x", MetricType::gauge);
  ASSERT_FALSE(clash.ok());
  EXPECT_EQ(clash.error().message(), "metric a is already a counter, not a gauge");
  EXPECT_FALSE(catalogue.family("0bad", "", MetricType::gauge).ok());
}

TEST(Catalogue, AFamilyOfAFileTakesAnotherTypeWithItsSeries) {
  Catalogue catalogue;
  const auto counter = catalogue.family("a", "first", MetricType::counter);
  const SeriesId id = catalogue.series(*counter, {{"i", "1"}});
  const std::uint64_t before = catalogue.family_generation();
  const auto gauge = catalogue.family("a", "second", MetricType::gauge);
  ASSERT_TRUE(gauge.ok());
  EXPECT_EQ(catalogue.series(*gauge, {{"i", "1"}}), id);
  EXPECT_EQ(catalogue.family(catalogue.family_of(id)).header, "# HELP a second\n# TYPE a gauge\n");
  EXPECT_NE(catalogue.family_generation(), before);
  EXPECT_EQ(*catalogue.family("a", "third", MetricType::counter), *counter);
}

TEST(Catalogue, ADeclarationOverrulesAFile) {
  Catalogue catalogue;
  const auto file = catalogue.family("a", "file", MetricType::untyped);
  const SeriesId id = catalogue.series(*file, {{"i", "1"}});
  const FamilyId ours = catalogue.declare("a", "ours", MetricType::counter);
  EXPECT_EQ(catalogue.family_of(id), ours);
  EXPECT_EQ(catalogue.family(ours).type, MetricType::counter);
  EXPECT_EQ(catalogue.family(ours).help, "ours");
}

TEST(Catalogue, ARecordedSeriesThatIsLaterSampledIsPublished) {
  Catalogue catalogue(Labels{{"job", "node"}});
  const SeriesId id = catalogue.unpublished({{"__name__", "a"}, {"job", "node"}, {"x", "1"}});
  const FamilyId family = catalogue.declare("a", "", MetricType::gauge);
  EXPECT_EQ(catalogue.series(family, {{"x", "1"}}), id);
  EXPECT_EQ(catalogue.family_of(id), family);
  EXPECT_EQ(catalogue.prefix(id), "a{x=\"1\"} ");
}

TEST(Catalogue, EscapesHelp) {
  Catalogue catalogue;
  const FamilyId id = catalogue.declare("a", "one\\two\nthree", MetricType::untyped);
  EXPECT_EQ(catalogue.family(id).header, "# HELP a one\\\\two\\nthree\n# TYPE a untyped\n");
}

TEST(Catalogue, ForgottenSeriesLeaveSelectionsAndComeBackUnderTheirNumber) {
  Catalogue catalogue;
  const FamilyId family = catalogue.declare("a", "", MetricType::gauge);
  const SeriesId one = catalogue.series(family, {{"i", "1"}});
  const SeriesId two = catalogue.series(family, {{"i", "2"}});
  const auto name = Matcher::make(MatchOp::equal, "__name__", "a");
  EXPECT_EQ(select(catalogue, {*name}), (std::vector{one, two}));

  const std::uint64_t before = catalogue.generation();
  catalogue.forget(std::vector{one});
  EXPECT_NE(catalogue.generation(), before);
  EXPECT_EQ(select(catalogue, {*name}), std::vector{two});
  EXPECT_EQ(catalogue.size(), 1u);
  EXPECT_EQ(catalogue.labels(one).get("i"), "1");

  EXPECT_EQ(catalogue.series(family, {{"i", "1"}}), one);
  EXPECT_EQ(select(catalogue, {*name}), (std::vector{one, two}));
}

TEST(Catalogue, TheOldestForgottenSeriesAreReleasedAndNeverReused) {
  testing::FakeClock clock;
  Catalogue catalogue({}, clock);
  const FamilyId family = catalogue.declare("a", "", MetricType::gauge);
  const SeriesId first = catalogue.series(family, {{"i", "first"}});
  catalogue.forget(std::vector{first});
  const std::size_t empty = catalogue.bytes();
  for (std::size_t i = 0; i < Catalogue::kMostTombstones; ++i) {
    const SeriesId id = catalogue.series(family, {{"i", std::to_string(i)}});
    EXPECT_NE(id, first);
    catalogue.forget(std::vector{id});
  }
  // Somebody may be looking at its labels.
  EXPECT_EQ(catalogue.labels(first).get("i"), "first");
  clock.advance(Catalogue::kShortestTombstone);
  catalogue.forget({});
  EXPECT_FALSE(catalogue.revive(first));
  EXPECT_NE(catalogue.series(family, {{"i", "first"}}), first);
  EXPECT_LT(catalogue.bytes(), empty * (Catalogue::kMostTombstones + 2));
}

TEST(Catalogue, ASeriesThatWasForgottenTwiceStaysAsLongAsAfterTheSecondTime) {
  testing::FakeClock clock;
  Catalogue catalogue({}, clock);
  const FamilyId family = catalogue.declare("a", "", MetricType::gauge);
  const SeriesId id = catalogue.series(family, {{"i", "x"}});
  catalogue.forget(std::vector{id});
  clock.advance(Catalogue::kShortestTombstone);
  ASSERT_TRUE(catalogue.revive(id));
  catalogue.forget(std::vector{id});
  for (std::size_t i = 0; i < Catalogue::kMostTombstones; ++i) {
    catalogue.forget(std::vector{catalogue.series(family, {{"i", std::to_string(i)}})});
  }
  EXPECT_TRUE(catalogue.revive(id));
}

TEST(Catalogue, SelectsByAnyLabel) {
  Catalogue catalogue;
  const FamilyId a = catalogue.declare("a", "", MetricType::gauge);
  const FamilyId b = catalogue.declare("b", "", MetricType::gauge);
  const SeriesId first = catalogue.series(a, {{"x", "1"}});
  const SeriesId second = catalogue.series(b, {{"x", "1"}});
  catalogue.series(b, {{"x", "2"}});
  EXPECT_EQ(select(catalogue, {*Matcher::make(MatchOp::equal, "x", "1")}), (std::vector{first, second}));
  EXPECT_EQ(select(catalogue, {*Matcher::make(MatchOp::regex, "__name__", "b"),
                               *Matcher::make(MatchOp::not_equal, "x", "2")}),
            std::vector{second});
}

}  // namespace
}  // namespace chiron
