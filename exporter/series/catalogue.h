#pragma once

#include "exporter/base/clock.h"
#include "exporter/base/result.h"
#include "exporter/base/thread_annotations.h"
#include "exporter/series/labels.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
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
  /// `clock` outlives the object.
  explicit Catalogue(Labels target = {}, const Clock& clock = system_clock());

  /// A metric family that a stranger's file names. HELP stays what it was first. The same name with another
  /// type changes the type of all its series, except where declare() has set it: that is an error.
  Result<FamilyId> family(std::string_view name, std::string_view help, MetricType type);
  /// A family of ours, whose type is set for good: one that a file named before gets it. Two types for one
  /// name are a fault of ours, and end the process in debug builds.
  FamilyId declare(std::string_view name, std::string_view help, MetricType type);

  /// The id of the series of a family. `suffix` is "", "_bucket", "_sum" or "_count". labels without
  /// __name__; what scrapers would refuse in their values (bytes that are not UTF-8, NUL) becomes U+FFFD, for
  /// names of mounts and devices may hold any byte and one bad value would cost the whole page.
  SeriesId series(FamilyId family, const Labels& labels, std::string_view suffix = {});
  /// The id of an unpublished series (recording rules, ALERTS); labels with __name__, taken as they are.
  SeriesId unpublished(const Labels& labels);

  /// Takes ids that no store holds samples of out of selections. They keep their number and their labels, and
  /// come back to life when they are interned or revived, for kShortestTombstone at least and then until
  /// kMostTombstones later ones were forgotten.
  void forget(std::span<const SeriesId> ids);
  static constexpr std::size_t kMostTombstones = 5'000;
  /// Whoever selected a series just before it was forgotten may still look at its labels.
  static constexpr Duration kShortestTombstone = std::chrono::minutes(2);
  /// False when the id was forgotten so long ago that its labels are gone.
  bool revive(SeriesId id);

  const Labels& labels(SeriesId id) const;
  std::string_view prefix(SeriesId id) const;
  FamilyId family_of(SeriesId id) const;
  const Family& family(FamilyId id) const;

  /// Changes whenever a series appears or is forgotten: compiled selectors resolve again when it moved.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  /// Changes whenever a series got another family: layouts of the page are made again when it moved.
  std::uint64_t family_generation() const { return family_generation_.load(std::memory_order_acquire); }
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
    BootTime forgotten{};  // when it last was
  };
  struct Tombstone {
    SeriesId id;
    BootTime at;
  };
  /// Finds a series by its labels, which are kept in its entry only.
  struct ByLabels {
    using is_transparent = void;
    const std::deque<Entry>* entries;
    const Labels& of(SeriesId id) const { return (*entries)[static_cast<std::uint32_t>(id)].labels; }
    const Labels& of(const Labels& labels) const { return labels; }
    std::size_t operator()(const auto& key) const { return of(key).hash(); }
    bool operator()(const auto& a, const auto& b) const { return of(a) == of(b); }
  };
  /// What is known of a metric name: one family for each type it ever had, so that none is made twice.
  struct Named {
    FamilyId current = kUnpublished;
    bool declared = false;
    std::array<FamilyId, 5> by_type{kUnpublished, kUnpublished, kUnpublished, kUnpublished, kUnpublished};
  };

  FamilyId set_type(Named& named, std::string_view name, std::string_view help, MetricType type)
      CHIRON_REQUIRES(mutex_);
  SeriesId intern(Labels labels, FamilyId family, std::string prefix);
  Labels with_target(Labels labels) const;
  void enliven(SeriesId id) CHIRON_REQUIRES(mutex_);
  void release_tombstones(BootTime now) CHIRON_REQUIRES(mutex_);

  const Labels target_;
  const Clock& clock_;
  mutable SharedMutex mutex_;
  std::deque<Family> families_ CHIRON_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Named> families_by_name_ CHIRON_GUARDED_BY(mutex_);
  std::deque<Entry> entries_ CHIRON_GUARDED_BY(mutex_);
  std::unordered_set<SeriesId, ByLabels, ByLabels> by_labels_ CHIRON_GUARDED_BY(mutex_){
      0, ByLabels{&entries_}, ByLabels{&entries_}};
  std::unordered_map<std::string, std::vector<SeriesId>> by_name_ CHIRON_GUARDED_BY(mutex_);
  std::deque<Tombstone> tombstones_ CHIRON_GUARDED_BY(mutex_);
  std::size_t alive_ CHIRON_GUARDED_BY(mutex_) = 0;
  std::size_t bytes_ CHIRON_GUARDED_BY(mutex_) = 0;
  std::atomic<std::uint64_t> generation_{1};
  std::atomic<std::uint64_t> family_generation_{1};
};

}  // namespace chiron
