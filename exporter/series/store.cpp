#include "exporter/series/store.h"

#include "exporter/series/columns.h"

namespace chiron {
namespace {

std::size_t index_of(SeriesId id) { return static_cast<std::uint32_t>(id); }
std::size_t index_of(StreamId id) { return static_cast<std::uint32_t>(id); }

}  // namespace

struct Store::Impl {
  struct Stream {
    std::deque<std::unique_ptr<Block>> blocks;  // numbers without a gap
    std::uint32_t next_number = 0;
    std::uint64_t pass = 0;
    std::vector<SeriesId> present;  // in the last frame

    const Block& block(std::uint32_t number) const { return *blocks[number - blocks.front()->number]; }
  };
  struct Series {
    std::size_t stream = 0;
    std::uint64_t pass = 0;            // of its stream, when last written
    std::vector<SealedColumn> sealed;  // oldest first
    OpenColumn open;
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

  std::optional<Sample> latest(SeriesId id, TimestampMs after, TimestampMs until) const {
    const Series* one = find(id);
    if (one == nullptr) return std::nullopt;
    const Stream& stream = streams[one->stream];
    std::optional<Sample> found;
    if (!one->open.empty() &&
        last_in(
            stream.block(one->open.block), [&](std::size_t slot) { return one->open.at(slot); }, after, until,
            found)) {
      return found;
    }
    Column column;
    for (auto sealed = one->sealed.rbegin(); sealed != one->sealed.rend(); ++sealed) {
      const Block& block = stream.block(sealed->block);
      if (block.times[0] > until) continue;
      if (block.times[block.count - 1] <= after) break;
      sealed->values.decode(column);
      if (last_in(
              block, [&](std::size_t slot) { return column[slot]; }, after, until, found))
        break;
    }
    return found;
  }

  void drop_columns(Series& one) {
    while (!one.sealed.empty()) drop_oldest(one);
    drop_open(one);
  }

  void drop_oldest(Series& one) {
    samples -= one.sealed.front().samples;
    bytes -= one.sealed.front().bytes();
    one.sealed.erase(one.sealed.begin());
  }

  void drop_open(Series& one) {
    for (std::size_t slot = 0; slot < one.open.end; ++slot)
      samples -= one.open.at(slot) != kAbsentBits ? 1U : 0U;
    if (one.open.values) bytes -= kOpenBytes;
    one.open = {};
  }

  void seal(Series& one, const Block& block) {
    if (one.open.empty() || one.open.block != block.number) return;
    if (one.open.values) bytes -= kOpenBytes;
    const Column column = one.open.column();
    // Doubling would leave room for as many again, of each series.
    if (one.sealed.size() == one.sealed.capacity()) one.sealed.reserve(one.sealed.size() + 2);
    one.sealed.push_back({block.number, count_samples(column), Chunk(column)});
    bytes += one.sealed.back().bytes();
    one.open = {};
  }

  Block& open_block(Stream& stream) {
    if (stream.blocks.empty() || stream.blocks.back()->count == kSlots) {
      if (!stream.blocks.empty()) {
        const Block& full = *stream.blocks.back();
        for (const SeriesId id : full.members) {
          Series* one = find(id);
          if (one != nullptr && &streams[one->stream] == &stream) seal(*one, full);
        }
      }
      stream.blocks.push_back(std::make_unique<Block>());
      stream.blocks.back()->number = stream.next_number++;
      bytes += kBlockBytes;
    }
    return *stream.blocks.back();
  }

  void write(Series& one, SeriesId id, Block& block, std::size_t slot, std::uint64_t value) {
    OpenColumn& open = one.open;
    if (open.empty()) {
      open.block = block.number;
      open.begin = slot;
      open.bits = value;
      block.members.push_back(id);
      bytes += sizeof(SeriesId);
    }
    if (!open.values && (value != open.bits || slot > open.end) && !open.empty()) {
      open.values = std::make_unique<Column>(open.column());
      bytes += kOpenBytes;
    }
    const bool is_new = open.at(slot) == kAbsentBits;
    if (open.values) (*open.values)[slot] = value;
    open.end = slot + 1;
    if (is_new) ++samples;
  }

  void drop_front(Stream& stream, std::vector<SeriesId>& empty) {
    const Block& block = *stream.blocks.front();
    for (const SeriesId id : block.members) {
      bytes -= sizeof(SeriesId);
      Series* one = find(id);
      if (one == nullptr || &streams[one->stream] != &stream) continue;
      if (!one->sealed.empty() && one->sealed.front().block == block.number) {
        drop_oldest(*one);
      } else if (!one->open.empty() && one->open.block == block.number) {
        drop_open(*one);
      } else {
        continue;
      }
      if (one->sealed.empty() && one->open.empty()) {
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
  return impl_->latest(id, after, until);
}

void Store::latest(std::span<const SeriesId> ids, TimestampMs after, TimestampMs until,
                   std::span<Sample> out) const {
  const ReaderLock lock(mutex_);
  for (std::size_t i = 0; i < ids.size(); ++i)
    out[i] = impl_->latest(ids[i], after, until).value_or(Sample{kNever, 0});
}

void Store::range(SeriesId id, TimestampMs after, TimestampMs until, Markers markers,
                  std::vector<Sample>& out) const {
  const ReaderLock lock(mutex_);
  const Impl::Series* one = impl_->find(id);
  if (one == nullptr || after >= until) return;
  const Impl::Stream& stream = impl_->streams[one->stream];
  const auto add = [&](const Block& block, const auto& value_at) {
    const std::size_t end = block.slots_until(until);
    const std::size_t begin = block.slots_until(after);
    std::size_t size = out.size();
    out.resize(size + (end - begin));
    for (std::size_t slot = begin; slot < end; ++slot) {
      const std::uint64_t bits = value_at(slot);
      if (bits == kAbsentBits || (bits == kStaleBits && markers == Markers::left_out)) continue;
      out[size++] = {block.times[slot], std::bit_cast<double>(bits)};
    }
    out.resize(size);
  };
  Column column;
  for (const SealedColumn& sealed : one->sealed) {
    const Block& block = stream.block(sealed.block);
    if (block.times[block.count - 1] <= after) continue;
    if (block.times[0] > until) return;
    sealed.values.decode(column);
    add(block, [&](std::size_t slot) { return column[slot]; });
  }
  if (one->open.empty()) return;
  const Block& block = stream.block(one->open.block);
  if (one->open.values) {
    add(block, [&values = *one->open.values](std::size_t slot) { return values[slot]; });
  } else {
    add(block, [&](std::size_t slot) { return one->open.at(slot); });
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
