#pragma once

#include "exporter/base/result.h"
#include "exporter/series/labels.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace chiron {

/// Prometheus' metric types (exposition formats, text 0.0.4).
enum class MetricType : std::uint8_t { counter, gauge, untyped, histogram, summary };
std::string_view to_string(MetricType type);

enum class SeriesId : std::uint32_t {};
enum class FamilyId : std::uint32_t {};
inline constexpr SeriesId kNoSeries{0xffffffff};
/// The family of recorded series and ALERTS: in the store and in queries, never on /metrics.
inline constexpr FamilyId kUnpublished{0xffffffff};

struct Family {
  std::string name;
  std::string help;
  MetricType type;
  std::string header;  ///< "# HELP ...\n# TYPE ...\n", HELP escaped
};

/// Interns every series once. A series has an id, its labels as queries see them (with job and instance), and
/// the ready-made exposition prefix `name{labels} ` as scrapers see it (without them). Thread-safe. What
/// references point to never moves while its series lives; see forget() for when it ends.
class Catalogue {
 public:
  /// `target` is attached to every local series as Prometheus attaches it when scraping: a series that has
  /// such a label already keeps its own value as exported_<name>.
  explicit Catalogue(Labels target = {});

  /// Declares a metric family. The same name with another type is an error; HELP stays what it was first.
  Result<FamilyId> family(std::string_view name, std::string_view help, MetricType type);
  /// The same for names that are literals of ours; a clash is a fault of ours and ends the process in debug
  /// builds.
  FamilyId declare(std::string_view name, std::string_view help, MetricType type);

  /// The id of the series of a family. `suffix` is "", "_bucket", "_sum" or "_count". labels without
  /// __name__.
  SeriesId series(FamilyId family, const Labels& labels, std::string_view suffix = {});
  /// The id of an unpublished series (recording rules, ALERTS); labels with __name__, taken as they are.
  SeriesId unpublished(const Labels& labels);

  /// Takes ids that no store holds samples of out of selections. They keep their number and their labels, and
  /// come back to life when they are interned or revived, until kTombstones later ones were forgotten.
  void forget(std::span<const SeriesId> ids);
  /// False when the id was forgotten so long ago that its labels are gone.
  bool revive(SeriesId id);

  const Labels& labels(SeriesId id) const;
  std::string_view prefix(SeriesId id) const;
  FamilyId family_of(SeriesId id) const;
  const Family& family(FamilyId id) const;

  /// Changes whenever a series appears or is forgotten: compiled selectors resolve again when it moved.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  /// Appends, in ascending order, the ids whose labels satisfy all matchers.
  void select(std::span<const Matcher> matchers, std::vector<SeriesId>& out) const;
  /// Living series.
  std::size_t size() const;
  /// What the catalogue holds, in bytes, roughly.
  std::size_t bytes() const;

 private:
  struct Entry {
    Labels labels;
    std::string prefix;
    FamilyId family = kUnpublished;
    bool alive = false;
  };
  static constexpr std::size_t kTombstones = 50'000;

  SeriesId intern(Labels labels, FamilyId family, std::string prefix);
  Labels with_target(Labels labels) const;
  void enliven(SeriesId id);  // mutex_ held

  const Labels target_;
  mutable std::shared_mutex mutex_;
  // Guarded by mutex_.
  std::deque<Family> families_;
  std::unordered_map<std::string, FamilyId> family_by_name_;
  std::deque<Entry> entries_;
  std::unordered_map<Labels, SeriesId, LabelsHash> by_labels_;
  std::unordered_map<std::string, std::vector<SeriesId>> by_name_;
  std::deque<SeriesId> tombstones_;
  std::size_t alive_ = 0;
  std::size_t bytes_ = 0;
  std::atomic<std::uint64_t> generation_{1};
};

}  // namespace chiron
