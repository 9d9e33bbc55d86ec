#include "exporter/series/store.h"

namespace chiron {
namespace {

constexpr std::size_t kSlots = 64;
// A slot that its series was not in: another quiet NaN payload than any value has, compared by bits like the
// marker.
constexpr std::uint64_t kAbsentBits = 0x7ff8dead00000001;

std::size_t index_of(SeriesId id) { return static_cast<std::uint32_t>(id); }
std::size_t index_of(StreamId id) { return static_cast<std::uint32_t>(id); }

using Column = std::array<std::uint64_t, kSlots>;

struct Block {
  std::uint64_t number = 0;
  std::size_t count = 0;
  std::array<TimestampMs, kSlots> times{};
  std::vector<SeriesId> members;

  /// Slots with t <= until.
  std::size_t slots_until(TimestampMs until) const {
    return static_cast<std::size_t>(
        std::upper_bound(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(count), until) -
        times.begin());
  }
};

constexpr std::size_t kBlockBytes = sizeof(Block) + 64;
constexpr std::size_t kColumnBytes = sizeof(Column) + 48;

struct BlockColumn {
  std::uint64_t block;
  std::unique_ptr<Column> values;
};

}  // namespace

struct Store::Impl {
  struct Stream {
    std::deque<std::unique_ptr<Block>> blocks;  // numbers without a gap
    std::uint64_t next_number = 0;
    std::uint64_t pass = 0;
    std::vector<SeriesId> present;  // in the last frame

    const Block& block(std::uint64_t number) const { return *blocks[number - blocks.front()->number]; }
  };
  struct Series {
    std::size_t stream = 0;
    std::uint64_t pass = 0;  // of its stream, when last written
    std::deque<BlockColumn> columns;
  };

  std::deque<Stream> streams;
  std::vector<std::unique_ptr<Series>> series;
  std::size_t bytes = 0;
  std::size_t samples = 0;
  std::uint64_t evicted = 0;
  TimestampMs newest = 0;

  Series* find(SeriesId id) const {
    return index_of(id) < series.size() ? series[index_of(id)].get() : nullptr;
  }

  /// The series of an id, made when it is new or was forgotten. Null when another stream is writing it.
  Series* writable(Catalogue& catalogue, std::size_t stream, SeriesId id) {
    if (index_of(id) >= series.size()) series.resize(index_of(id) + 1);
    std::unique_ptr<Series>& slot = series[index_of(id)];
    if (slot && slot->stream != stream) {
      const Stream& owner = streams[slot->stream];
      if (slot->pass == owner.pass) return nullptr;
      drop_columns(*slot);
      slot->stream = stream;
      slot->pass = 0;
    }
    if (!slot) {
      if (!catalogue.revive(id)) return nullptr;
      slot = std::make_unique<Series>();
      slot->stream = stream;
    }
    return slot.get();
  }

  void drop_columns(Series& one) {
    for (const BlockColumn& column : one.columns) samples -= count_samples(*column.values);
    bytes -= one.columns.size() * kColumnBytes;
    one.columns.clear();
  }

  static std::size_t count_samples(const Column& column) {
    return static_cast<std::size_t>(
        std::count_if(column.begin(), column.end(), [](std::uint64_t bits) { return bits != kAbsentBits; }));
  }

  Block& open_block(Stream& stream) {
    if (stream.blocks.empty() || stream.blocks.back()->count == kSlots) {
      stream.blocks.push_back(std::make_unique<Block>());
      stream.blocks.back()->number = stream.next_number++;
      bytes += kBlockBytes;
    }
    return *stream.blocks.back();
  }

  void write(Series& one, SeriesId id, Block& block, std::size_t slot, std::uint64_t bits) {
    if (one.columns.empty() || one.columns.back().block != block.number) {
      one.columns.push_back({block.number, std::make_unique<Column>()});
      one.columns.back().values->fill(kAbsentBits);
      block.members.push_back(id);
      bytes += kColumnBytes + sizeof(SeriesId);
    }
    std::uint64_t& cell = (*one.columns.back().values)[slot];
    if (cell == kAbsentBits) ++samples;
    cell = bits;
  }

  void drop_front(Stream& stream, std::vector<SeriesId>& empty) {
    const Block& block = *stream.blocks.front();
    for (const SeriesId id : block.members) {
      bytes -= sizeof(SeriesId);
      Series* one = find(id);
      if (one == nullptr || one->columns.empty() || one->columns.front().block != block.number ||
          &streams[one->stream] != &stream) {
        continue;
      }
      samples -= count_samples(*one->columns.front().values);
      bytes -= kColumnBytes;
      one->columns.pop_front();
      if (one->columns.empty()) {
        empty.push_back(id);
        series[index_of(id)].reset();
      }
    }
    bytes -= kBlockBytes;
    stream.blocks.pop_front();
  }
};

Store::Store(Catalogue& catalogue, Options options)
    : catalogue_(catalogue), options_(options), impl_(std::make_unique<Impl>()) {}
Store::~Store() = default;

StreamId Store::add_stream() {
  const WriterLock lock(mutex_);
  impl_->streams.emplace_back();
  return StreamId{static_cast<std::uint32_t>(impl_->streams.size() - 1)};
}

void Store::append(StreamId stream_id, TimestampMs t, std::span<const FrameEntry> entries) {
  const WriterLock lock(mutex_);
  Impl::Stream& stream = impl_->streams[index_of(stream_id)];
  if (!stream.blocks.empty()) {
    const Block& last = *stream.blocks.back();
    t = std::max(t, last.times[last.count - 1] + 1);
  }
  Block& block = impl_->open_block(stream);
  const std::size_t slot = block.count;
  block.times[slot] = t;
  block.count++;
  const std::uint64_t last_pass = stream.pass++;

  std::size_t still_there = 0;
  bool same_order = entries.size() == stream.present.size();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const FrameEntry& entry = entries[i];
    Impl::Series* one = impl_->writable(catalogue_, index_of(stream_id), entry.id);
    if (one == nullptr) {
      same_order = false;
      continue;
    }
    if (one->pass == last_pass && last_pass != 0) ++still_there;
    one->pass = stream.pass;
    impl_->write(*one, entry.id, block, slot, std::bit_cast<std::uint64_t>(entry.value));
    same_order = same_order && stream.present[i] == entry.id;
  }
  if (still_there != stream.present.size()) {
    for (const SeriesId id : stream.present) {
      Impl::Series* one = impl_->find(id);
      if (one == nullptr || one->pass == stream.pass || one->stream != index_of(stream_id)) continue;
      impl_->write(*one, id, block, slot, kStaleBits);
    }
  }
  if (!same_order) {
    stream.present.clear();
    for (const FrameEntry& entry : entries) {
      const Impl::Series* one = impl_->find(entry.id);
      if (one != nullptr && one->pass == stream.pass && one->stream == index_of(stream_id)) {
        stream.present.push_back(entry.id);
      }
    }
  }
  impl_->newest = std::max(impl_->newest, t);
}

void Store::end_stream(StreamId stream, TimestampMs t) {
  {
    const ReaderLock lock(mutex_);
    if (impl_->streams[index_of(stream)].present.empty()) return;
  }
  append(stream, t, {});
}

void Store::trim(TimestampMs now) {
  const TimestampMs horizon =
      now - std::chrono::duration_cast<std::chrono::milliseconds>(options_.retention).count();
  std::vector<SeriesId> empty;
  {
    const WriterLock lock(mutex_);
    for (Impl::Stream& stream : impl_->streams) {
      while (!stream.blocks.empty() && stream.blocks.front()->count > 0 &&
             stream.blocks.front()->times[stream.blocks.front()->count - 1] < horizon) {
        impl_->drop_front(stream, empty);
      }
    }
    while (impl_->bytes > options_.memory) {
      Impl::Stream* oldest = nullptr;
      for (Impl::Stream& stream : impl_->streams) {
        if (stream.blocks.size() < 2) continue;
        if (oldest == nullptr || stream.blocks.front()->times[0] < oldest->blocks.front()->times[0])
          oldest = &stream;
      }
      if (oldest == nullptr) break;
      const std::size_t before = impl_->samples;
      impl_->drop_front(*oldest, empty);
      impl_->evicted += before - impl_->samples;
    }
  }
  const std::vector<SeriesId> unwritten = long_unwritten(now);
  empty.insert(empty.end(), unwritten.begin(), unwritten.end());
  catalogue_.forget(empty);
}

// A collector may intern series that it then never writes (the exit code of a container that is removed while
// it runs); nothing else would ever take them out again.
std::vector<SeriesId> Store::long_unwritten(TimestampMs now) {
  const auto retention = std::chrono::duration_cast<std::chrono::milliseconds>(options_.retention).count();
  std::vector<SeriesId> long_since;
  if (now - looked_ < retention / 2) return long_since;
  looked_ = now;
  std::vector<SeriesId> without;
  catalogue_.select({}, without);
  {
    const ReaderLock lock(mutex_);
    std::erase_if(without,
                  [&](SeriesId id) CHIRON_REQUIRES_SHARED(mutex_) { return impl_->find(id) != nullptr; });
  }
  std::set_intersection(without.begin(), without.end(), unwritten_.begin(), unwritten_.end(),
                        std::back_inserter(long_since));
  unwritten_ = std::move(without);
  return long_since;
}

std::optional<StreamId> Store::stream_of(SeriesId id) const {
  const ReaderLock lock(mutex_);
  const Impl::Series* one = impl_->find(id);
  if (one == nullptr) return std::nullopt;
  return StreamId{static_cast<std::uint32_t>(one->stream)};
}

std::size_t Store::bytes() const {
  const ReaderLock lock(mutex_);
  return impl_->bytes;
}
std::size_t Store::samples() const {
  const ReaderLock lock(mutex_);
  return impl_->samples;
}
std::uint64_t Store::evicted() const {
  const ReaderLock lock(mutex_);
  return impl_->evicted;
}

std::optional<Sample> Store::latest(SeriesId id, TimestampMs after, TimestampMs until) const {
  const ReaderLock lock(mutex_);
  const Impl::Series* one = impl_->find(id);
  if (one == nullptr) return std::nullopt;
  const Impl::Stream& stream = impl_->streams[one->stream];
  for (auto column = one->columns.rbegin(); column != one->columns.rend(); ++column) {
    const Block& block = stream.block(column->block);
    for (std::size_t slot = block.slots_until(until); slot-- > 0;) {
      if (block.times[slot] <= after) return std::nullopt;
      const std::uint64_t bits = (*column->values)[slot];
      if (bits == kAbsentBits) continue;
      if (bits == kStaleBits) return std::nullopt;
      return Sample{block.times[slot], std::bit_cast<double>(bits)};
    }
  }
  return std::nullopt;
}

void Store::range(SeriesId id, TimestampMs after, TimestampMs until, std::vector<Sample>& out) const {
  const ReaderLock lock(mutex_);
  const Impl::Series* one = impl_->find(id);
  if (one == nullptr) return;
  const Impl::Stream& stream = impl_->streams[one->stream];
  for (const BlockColumn& column : one->columns) {
    const Block& block = stream.block(column.block);
    if (block.times[block.count - 1] <= after) continue;
    if (block.times[0] > until) break;
    const std::size_t end = block.slots_until(until);
    for (std::size_t slot = block.slots_until(after); slot < end; ++slot) {
      const std::uint64_t bits = (*column.values)[slot];
      if (bits == kAbsentBits || bits == kStaleBits) continue;
      out.push_back({block.times[slot], std::bit_cast<double>(bits)});
    }
  }
}

TimestampMs Store::newest() const {
  const ReaderLock lock(mutex_);
  return impl_->newest;
}

TimestampMs Store::oldest() const {
  const ReaderLock lock(mutex_);
  TimestampMs oldest = impl_->newest;
  for (const Impl::Stream& stream : impl_->streams) {
    if (!stream.blocks.empty()) oldest = std::min(oldest, stream.blocks.front()->times[0]);
  }
  return oldest;
}

}  // namespace chiron
