#include "exporter/series/store.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <thread>

namespace chiron {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  SeriesId series(const std::string& name) {
    return catalogue_.series(catalogue_.declare("m", "", MetricType::gauge), {{"n", name}});
  }
  void append(TimestampMs t, std::vector<FrameEntry> entries) { store_.append(stream_, t, entries); }
  std::vector<std::pair<TimestampMs, double>> range(SeriesId id, TimestampMs after, TimestampMs until) const {
    std::vector<Sample> samples;
    store_.range(id, after, until, SeriesReader::Markers::left_out, samples);
    std::vector<std::pair<TimestampMs, double>> pairs;
    for (const Sample& sample : samples) pairs.emplace_back(sample.t, sample.v);
    return pairs;
  }

  Catalogue catalogue_;
  Store store_{catalogue_, {.retention = std::chrono::minutes(30), .memory = 1 << 20}};
  StreamId stream_ = store_.add_stream();
  const SeriesId a_ = series("a");
  const SeriesId b_ = series("b");
};

TEST_F(StoreTest, WindowsAreOpenOnTheLeft) {
  append(1000, {{a_, 1}});
  append(2000, {{a_, 2}});
  append(3000, {{a_, 3}});
  EXPECT_EQ(range(a_, 1000, 3000), (std::vector<std::pair<TimestampMs, double>>{{2000, 2}, {3000, 3}}));
  EXPECT_EQ(store_.latest(a_, 0, 2500)->v, 2);
  EXPECT_EQ(store_.latest(a_, 2000, 2500), std::nullopt);
  EXPECT_EQ(store_.newest(), 3000);
  EXPECT_EQ(store_.oldest(), 1000);
}

TEST_F(StoreTest, AWindowThatEndsBeforeItBeginsIsEmpty) {
  for (TimestampMs t = 1000; t <= 100'000; t += 1000) append(t, {{a_, static_cast<double>(t)}});
  // In sealed samples, in open ones, and over both.
  for (const auto& [after, until] :
       {std::pair<TimestampMs, TimestampMs>{9000, 3000}, {99'000, 97'000}, {99'000, 3000}, {5000, 5000}}) {
    EXPECT_TRUE(range(a_, after, until).empty()) << after;
    EXPECT_EQ(store_.latest(a_, after, until), std::nullopt) << after;
  }
}

TEST_F(StoreTest, ASeriesThatLeavesTheFrameEndsThere) {
  append(1000, {{a_, 1}, {b_, 1}});
  append(2000, {{b_, 2}});
  append(3000, {{b_, 3}});
  EXPECT_EQ(store_.latest(a_, 0, 1500)->v, 1);
  EXPECT_EQ(store_.latest(a_, 0, 3000), std::nullopt);
  EXPECT_EQ(store_.latest(b_, 0, 3000)->v, 3);
  EXPECT_EQ(range(a_, 0, 3000).size(), 1u);
  append(4000, {{a_, 4}, {b_, 4}});
  EXPECT_EQ(store_.latest(a_, 0, 4000)->v, 4);
}

TEST_F(StoreTest, EndingAStreamEndsItsSeriesOnce) {
  append(1000, {{a_, 1}});
  store_.end_stream(stream_, 2000);
  const std::size_t samples = store_.samples();
  store_.end_stream(stream_, 3000);
  EXPECT_EQ(store_.samples(), samples);
  EXPECT_EQ(store_.latest(a_, 0, 2500), std::nullopt);
}

TEST_F(StoreTest, ASeriesThatAnotherStreamWritesLeavesNoTraceHere) {
  const StreamId other = store_.add_stream();
  const SeriesId c = series("c");
  append(1000, {{a_, 1}, {b_, 1}});
  for (TimestampMs t = 2000; t <= 5000; t += 1000) {
    store_.append(other, t, std::vector<FrameEntry>{{c, 1}});
    append(t, {{a_, 2}, {c, 2}});
  }
  // One sample and one marker of b, five samples of a, four of c.
  EXPECT_EQ(store_.samples(), 11u);
  EXPECT_EQ(store_.latest(c, 0, 5000)->v, 1);
}

TEST_F(StoreTest, ASeriesThatIsNeverWrittenIsForgottenAndMayComeLater) {
  const TimestampMs half = std::chrono::milliseconds(std::chrono::minutes(15)).count();
  append(half, {{a_, 1}});
  store_.trim(half);
  EXPECT_EQ(catalogue_.size(), 2u) << "b was interned only just now";
  append(2 * half, {{a_, 1}});
  store_.trim(2 * half);
  EXPECT_EQ(catalogue_.size(), 1u);
  append(3 * half, {{a_, 1}, {b_, 1}});
  EXPECT_EQ(catalogue_.size(), 2u);
  store_.trim(3 * half);
  EXPECT_EQ(store_.latest(b_, 0, 3 * half)->v, 1);
}

TEST_F(StoreTest, TimeNeverGoesBackwards) {
  append(5000, {{a_, 1}});
  append(1000, {{a_, 2}});
  EXPECT_EQ(range(a_, 0, 10'000), (std::vector<std::pair<TimestampMs, double>>{{5000, 1}, {5001, 2}}));
}

TEST_F(StoreTest, NanAndInfinityAreDataAndTheMarkerIsNot) {
  append(1000,
         {{a_, std::numeric_limits<double>::quiet_NaN()}, {b_, -std::numeric_limits<double>::infinity()}});
  ASSERT_TRUE(store_.latest(a_, 0, 1000).has_value());
  EXPECT_TRUE(std::isnan(store_.latest(a_, 0, 1000)->v));
  EXPECT_EQ(store_.latest(b_, 0, 1000)->v, -std::numeric_limits<double>::infinity());
}

TEST_F(StoreTest, SpansBlocksAndDropsWhatIsTooOldAndForgetsSeriesWithoutSamples) {
  append(0, {{a_, -1}, {b_, -1}});
  for (int i = 1; i < 1000; ++i) append(i * 5000, {{a_, static_cast<double>(i)}});
  EXPECT_EQ(range(a_, 0, 5'000'000).size(), 999u);
  EXPECT_EQ(catalogue_.size(), 2u);
  store_.trim(999 * 5000);
  EXPECT_EQ(catalogue_.size(), 1u);
  EXPECT_EQ(store_.stream_of(b_), std::nullopt);
  const auto left = range(a_, 0, 5'000'000);
  EXPECT_GE(left.size(), 360u);
  EXPECT_LE(left.size(), 360u + 64u);
  EXPECT_EQ(left.back().second, 999);
  EXPECT_EQ(store_.latest(a_, 0, 5'000'000)->v, 999);
  EXPECT_EQ(store_.evicted(), 0u);
}

TEST_F(StoreTest, StaysInItsByteBudgetAndSaysWhatItDropped) {
  std::vector<FrameEntry> entries;
  for (int i = 0; i < 1000; ++i) entries.push_back({series(std::to_string(i)), 0.0});
  for (int i = 0; i < 300; ++i) {
    for (std::size_t one = 0; one < entries.size(); ++one)
      entries[one].value = std::sqrt(i * 1000.0 + static_cast<double>(one));
    append(i * 5000, entries);
    store_.trim(i * 5000);
  }
  EXPECT_LE(store_.bytes(), std::size_t{1} << 20);
  EXPECT_GT(store_.evicted(), 0u);
  EXPECT_EQ(store_.latest(entries[999].id, 0, 300 * 5000)->t, 299 * 5000);
}

// Against the samples in plain lists: series that come and go, that change and do not.
TEST_F(StoreTest, SealedBlocksAnswerLikeOpenOnes) {
  constexpr int kSeries = 8;
  std::vector<SeriesId> ids;
  for (int i = 0; i < kSeries; ++i) ids.push_back(series("s" + std::to_string(i)));
  std::vector<std::vector<std::pair<TimestampMs, std::optional<double>>>> written(kSeries);
  std::mt19937 random(7);
  constexpr TimestampMs kEnd = 300 * 5000;
  for (TimestampMs t = 5000; t <= kEnd; t += 5000) {
    std::vector<FrameEntry> entries;
    for (int i = 0; i < kSeries; ++i) {
      auto& own = written[static_cast<std::size_t>(i)];
      const bool is_there = i < 2 || random() % 50 >= static_cast<unsigned>(i);
      const double value = i % 2 == 0 ? 42 : static_cast<double>(random() % 1000) / 8;
      if (is_there) {
        entries.push_back({ids[static_cast<std::size_t>(i)], value});
        own.emplace_back(t, value);
      } else if (!own.empty() && own.back().second) {
        own.emplace_back(t, std::nullopt);
      }
    }
    append(t, entries);
  }
  for (std::size_t i = 0; i < kSeries; ++i) {
    for (TimestampMs until = 0; until <= kEnd + 5000; until += 2500) {
      const TimestampMs after = until - 60'000;
      std::vector<std::pair<TimestampMs, double>> expected;
      std::optional<Sample> last;
      for (const auto& [t, value] : written[i]) {
        if (t <= after || t > until) continue;
        if (value) expected.emplace_back(t, *value);
        last = value ? std::optional(Sample{t, *value}) : std::nullopt;
      }
      ASSERT_EQ(range(ids[i], after, until), expected) << i << ' ' << until;
      const auto found = store_.latest(ids[i], after, until);
      ASSERT_EQ(found.has_value(), last.has_value()) << i << ' ' << until;
      if (found) {
        ASSERT_EQ(std::pair(found->t, found->v), std::pair(last->t, last->v)) << i << ' ' << until;
      }
    }
  }
  std::size_t all = 0;
  for (const auto& own : written) all += own.size();
  EXPECT_EQ(store_.samples(), all);
}

TEST_F(StoreTest, WhatIsDroppedIsNoLongerCounted) {
  const std::size_t empty = store_.bytes();
  for (int i = 0; i < 200; ++i) append(i * 5000, {{a_, std::sqrt(i)}, {b_, 1}});
  EXPECT_GT(store_.bytes(), empty);
  store_.trim(std::int64_t{1'000'000'000});
  EXPECT_EQ(store_.bytes(), empty);
  EXPECT_EQ(store_.samples(), 0u);
}

TEST_F(StoreTest, AForgottenSeriesThatIsWrittenAgainLives) {
  append(0, {{a_, 1}});
  for (int i = 1; i < 600; ++i) append(i * 5000, {{b_, 1}});
  store_.trim(600 * 5000);
  ASSERT_EQ(store_.latest(a_, -1, 600 * 5000), std::nullopt);
  append(601 * 5000, {{a_, 7}});
  EXPECT_EQ(store_.latest(a_, 0, 601 * 5000)->v, 7);
  EXPECT_EQ(catalogue_.size(), 2u);
}

TEST_F(StoreTest, TwoStreamsCannotWriteOneSeriesAtOnceButItCanMove) {
  const StreamId other = store_.add_stream();
  append(1000, {{a_, 1}});
  store_.append(other, 1001, std::vector<FrameEntry>{{a_, 2}});
  EXPECT_EQ(store_.latest(a_, 0, 2000)->v, 1);
  append(2000, {{b_, 1}});
  store_.append(other, 3000, std::vector<FrameEntry>{{a_, 3}});
  EXPECT_EQ(store_.latest(a_, 0, 3000)->v, 3);
  EXPECT_EQ(store_.stream_of(a_), other);
}

TEST_F(StoreTest, ManyReadersDoNotKeepTheWriterOut) {
  append(1000, {{a_, 1}, {b_, 1}});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::atomic<bool> written = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 8; ++i) {
    readers.emplace_back([&] {
      std::vector<Sample> samples;
      while (!written && std::chrono::steady_clock::now() < deadline) {
        for (int read = 0; read < 1000; ++read) {
          samples.clear();
          store_.range(a_, 0, 1'000'000, SeriesReader::Markers::left_out, samples);
        }
      }
    });
  }
  for (TimestampMs t = 2000; t < 60'000; t += 1000) {
    append(t, {{a_, 2}, {b_, 2}});
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_LT(std::chrono::steady_clock::now(), deadline);
  written = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace chiron
