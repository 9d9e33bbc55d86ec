#include "exporter/series/catalogue.h"

#include "exporter/base/utf8.h"
#include "exporter/series/exposed_series.h"

#include <cassert>

namespace chiron {
namespace {

std::uint32_t index_of(SeriesId id) { return static_cast<std::uint32_t>(id); }
std::uint32_t index_of(FamilyId id) { return static_cast<std::uint32_t>(id); }

std::string make_header(std::string_view name, std::string_view help, MetricType type) {
  std::string header = "# HELP ";
  header += name;
  header += ' ';
  for (const char c : help) {
    if (c == '\\') {
      header += "\\\\";
    } else if (c == '\n') {
      header += "\\n";
    } else {
      header += c;
    }
  }
  header += "\n# TYPE ";
  header += name;
  header += ' ';
  header += to_string(type);
  header += '\n';
  return header;
}

std::size_t bytes_of(const Labels& labels, std::string_view prefix) {
  std::size_t bytes = 160 + prefix.size();
  for (const Label& label : labels) bytes += sizeof(Label) + label.name.size() + label.value.size();
  return bytes;
}

bool is_readable(std::string_view value) {
  return is_valid_utf8(value) && value.find('\0') == std::string_view::npos;
}

std::string readable(std::string_view value) {
  std::string out;
  for (const char c : replace_invalid_utf8(value)) {
    if (c == '\0') {
      out += "\xEF\xBF\xBD";
    } else {
      out += c;
    }
  }
  return out;
}

Labels readable(Labels labels) {
  const bool good =
      std::all_of(labels.begin(), labels.end(), [](const Label& label) { return is_readable(label.value); });
  if (good) return labels;
  std::vector<Label> clean;
  for (const Label& label : labels) clean.push_back({label.name, readable(label.value)});
  return Labels(std::move(clean));
}

void erase_from(std::vector<SeriesId>& ids, SeriesId id) {
  const auto it = std::lower_bound(ids.begin(), ids.end(), id);
  if (it != ids.end() && *it == id) ids.erase(it);
}

}  // namespace

std::string_view to_string(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::untyped:
      return "untyped";
    case MetricType::histogram:
      return "histogram";
    case MetricType::summary:
      return "summary";
  }
  return "untyped";
}

Catalogue::Catalogue(Labels target, const Clock& clock) : target_(std::move(target)), clock_(clock) {}

FamilyId Catalogue::set_type(Named& named, std::string_view name, std::string_view help, MetricType type) {
  FamilyId& wanted = named.by_type[static_cast<std::size_t>(type)];
  if (wanted == kUnpublished) {
    wanted = FamilyId{static_cast<std::uint32_t>(families_.size())};
    families_.push_back({std::string(name), std::string(help), type, make_header(name, help, type)});
  }
  const FamilyId before = std::exchange(named.current, wanted);
  if (before != wanted && before != kUnpublished) {
    for (Entry& entry : entries_) {
      if (entry.family == before) entry.family = wanted;
    }
    family_generation_.fetch_add(1, std::memory_order_release);
  }
  return wanted;
}

Result<FamilyId> Catalogue::family(std::string_view name, std::string_view help, MetricType type) {
  if (!is_valid_metric_name(name)) {
    return Error(ErrorCode::invalid_argument, "'" + std::string(name) + "' is not a metric name");
  }
  const WriterLock lock(mutex_);
  Named& named = families_by_name_[std::string(name)];
  if (named.declared && families_[index_of(named.current)].type != type) {
    return Error(ErrorCode::failed_precondition,
                 "metric " + std::string(name) + " is already a " +
                     std::string(to_string(families_[index_of(named.current)].type)) + ", not a " +
                     std::string(to_string(type)));
  }
  return set_type(named, name, help, type);
}

FamilyId Catalogue::declare(std::string_view name, std::string_view help, MetricType type) {
  assert(is_valid_metric_name(name));
  const WriterLock lock(mutex_);
  Named& named = families_by_name_[std::string(name)];
  if (named.declared) {
    assert(families_[index_of(named.current)].type == type &&
           "two families of ours share a name, not a type");
    return named.current;
  }
  named.declared = true;
  return set_type(named, name, help, type);
}

Labels Catalogue::with_target(Labels labels) const {
  for (const Label& label : target_) {
    if (const std::string own(labels.get(label.name)); !own.empty()) {
      std::string exported = "exported_" + label.name;
      while (labels.has(exported) || target_.has(exported)) exported.insert(0, "exported_");
      labels.set(exported, own);
    }
    labels.set(label.name, label.value);
  }
  return labels;
}

SeriesId Catalogue::series(FamilyId family_id, const Labels& own_labels, std::string_view suffix) {
  const Labels labels = readable(own_labels);
  std::string name;
  {
    const ReaderLock lock(mutex_);
    name = families_[index_of(family_id)].name;
  }
  name += suffix;
  Labels full = with_target(labels);
  full.set(kMetricName, name);
  return intern(std::move(full), family_id, make_prefix(name, {labels.begin(), labels.end()}));
}

SeriesId Catalogue::unpublished(const Labels& labels) { return intern(labels, kUnpublished, {}); }

void Catalogue::enliven(SeriesId id) {
  Entry& entry = entries_[index_of(id)];
  if (entry.alive) return;
  entry.alive = true;
  ++alive_;
  auto& named = by_name_[std::string(entry.labels.get(kMetricName))];
  named.insert(std::lower_bound(named.begin(), named.end(), id), id);
  generation_.fetch_add(1, std::memory_order_release);
}

SeriesId Catalogue::intern(Labels labels, FamilyId family, std::string prefix) {
  const WriterLock lock(mutex_);
  if (const auto it = by_labels_.find(labels); it != by_labels_.end()) {
    Entry& entry = entries_[index_of(*it)];
    if (entry.family == kUnpublished && family != kUnpublished) {
      entry.family = family;
      bytes_ += prefix.size();
      entry.prefix = std::move(prefix);
      family_generation_.fetch_add(1, std::memory_order_release);
    }
    enliven(*it);
    return *it;
  }
  const SeriesId id{static_cast<std::uint32_t>(entries_.size())};
  bytes_ += bytes_of(labels, prefix);
  // A copy has no room to grow, unlike what was put together label by label.
  prefix.shrink_to_fit();
  entries_.push_back({labels, std::move(prefix), family, false});
  by_labels_.insert(id);
  enliven(id);
  return id;
}

void Catalogue::forget(std::span<const SeriesId> ids) {
  const BootTime now = clock_.boot();
  const WriterLock lock(mutex_);
  release_tombstones(now);
  if (ids.empty()) return;
  for (const SeriesId id : ids) {
    Entry& entry = entries_[index_of(id)];
    if (!entry.alive) continue;
    entry.alive = false;
    entry.forgotten = now;
    --alive_;
    const auto named = by_name_.find(std::string(entry.labels.get(kMetricName)));
    if (named != by_name_.end()) {
      erase_from(named->second, id);
      if (named->second.empty()) by_name_.erase(named);
    }
    tombstones_.push_back({id, now});
  }
  generation_.fetch_add(1, std::memory_order_release);
}

void Catalogue::release_tombstones(BootTime now) {
  while (tombstones_.size() > kMostTombstones && now - tombstones_.front().at >= kShortestTombstone) {
    const Tombstone oldest = tombstones_.front();
    tombstones_.pop_front();
    Entry& entry = entries_[index_of(oldest.id)];
    // One that came back to life and was forgotten again has a later tombstone too.
    if (entry.alive || entry.labels.empty() || entry.forgotten != oldest.at) continue;
    bytes_ -= bytes_of(entry.labels, entry.prefix);
    by_labels_.erase(oldest.id);
    entry = Entry{};
  }
}

bool Catalogue::revive(SeriesId id) {
  const WriterLock lock(mutex_);
  if (entries_[index_of(id)].labels.empty()) return false;
  enliven(id);
  return true;
}

const Labels& Catalogue::labels(SeriesId id) const {
  const ReaderLock lock(mutex_);
  return entries_[index_of(id)].labels;
}

std::string_view Catalogue::prefix(SeriesId id) const {
  const ReaderLock lock(mutex_);
  return entries_[index_of(id)].prefix;
}

FamilyId Catalogue::family_of(SeriesId id) const {
  const ReaderLock lock(mutex_);
  return entries_[index_of(id)].family;
}

const Family& Catalogue::family(FamilyId id) const {
  const ReaderLock lock(mutex_);
  return families_[index_of(id)];
}

void Catalogue::select(std::span<const Matcher> matchers, std::vector<SeriesId>& out) const {
  const ReaderLock lock(mutex_);
  const auto take = [&](SeriesId id) CHIRON_REQUIRES_SHARED(mutex_) {
    const Entry& entry = entries_[index_of(id)];
    if (!entry.alive) return;
    for (const Matcher& matcher : matchers) {
      if (!matcher.matches(entry.labels)) return;
    }
    out.push_back(id);
  };
  for (const Matcher& matcher : matchers) {
    if (matcher.op() != MatchOp::equal || matcher.name() != kMetricName) continue;
    const auto named = by_name_.find(matcher.value());
    if (named == by_name_.end()) return;
    for (const SeriesId id : named->second) take(id);
    return;
  }
  for (std::uint32_t i = 0; i < entries_.size(); ++i) take(SeriesId{i});
}

std::size_t Catalogue::size() const {
  const ReaderLock lock(mutex_);
  return alive_;
}

std::size_t Catalogue::bytes() const {
  const ReaderLock lock(mutex_);
  return bytes_;
}

}  // namespace chiron
