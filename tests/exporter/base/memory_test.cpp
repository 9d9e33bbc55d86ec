#include "exporter/base/memory.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"

#include <array>
#include <memory>
#include <numeric>
#include <ranges>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace chiron {
namespace {

// Made by the compiler: 1 MiB of the test program's constants.
constexpr auto kConstants = [] {
  std::array<std::uint64_t, (1 << 20) / sizeof(std::uint64_t)> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = i + 1;
  return values;
}();

std::uint64_t sum_of_constants() {
  const volatile std::uint64_t* values = kConstants.data();
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kConstants.size(); ++i) sum += values[i];
  return sum;
}

/// RssFile: or RssAnon: of proc(5).
std::size_t resident_kib(std::string_view kind) {
  const Result<std::string> status = read_file("/proc/self/status");
  const std::size_t at = status->find(kind) + kind.size();
  return *parse_int<std::size_t>(trim(std::string_view(*status).substr(at, status->find("kB", at) - at)));
}
std::size_t resident_file_kib() { return resident_kib("RssFile:"); }

struct Virtual {
  virtual ~Virtual() = default;
  virtual int answer() const = 0;
};
struct Answer final : Virtual {
  int answer() const override { return 42; }
};

TEST(Memory, TouchedCodeAndConstantsAreGivenBackAndReadTheSame) {
  constexpr std::uint64_t kCount = kConstants.size();
  constexpr std::uint64_t kSum = kCount * (kCount + 1) / 2;
  ASSERT_EQ(sum_of_constants(), kSum);
  const std::size_t before = resident_file_kib();
  release_unused_memory();
  const std::size_t after = resident_file_kib();
  EXPECT_LT(after + 900, before);
  EXPECT_EQ(sum_of_constants(), kSum);
  EXPECT_GT(resident_file_kib(), after + 900);
  // Relocated by the loader: not to be lost.
  const std::unique_ptr<Virtual> object = std::make_unique<Answer>();
  release_unused_memory();
  EXPECT_EQ(object->answer(), 42);
}

TEST(Memory, ResidentMemoryIsWhatTheKernelSays) {
  const std::size_t before = resident_memory();
  const std::vector<char> touched(8 << 20, 'x');
  EXPECT_GT(resident_memory(), before + (7 << 20));
}

TEST(Memory, IsReleasedAfterTheStartAfterRareWorkAndEveryTenMinutes) {
  constexpr std::size_t kOrdinary = 12 << 20, kMiB = 1 << 20;
  ReleaseTimes times;
  for (int look = 1; look < 6; ++look) EXPECT_FALSE(times.due(kOrdinary + 5 * kMiB)) << look;
  EXPECT_TRUE(times.due(kOrdinary + 5 * kMiB)) << "the start is over";
  for (int look = 1; look < 6; ++look) EXPECT_FALSE(times.due(kOrdinary - 3 * kMiB)) << look;
  EXPECT_FALSE(times.due(kOrdinary)) << "a minute later it is known what a minute needs";
  EXPECT_FALSE(times.due(kOrdinary + kMiB));
  EXPECT_TRUE(times.due(kOrdinary + 2 * kMiB));
  EXPECT_TRUE(times.due(kOrdinary + 2 * kMiB)) << "it goes on";
  for (int look = 10; look < 60; ++look) EXPECT_FALSE(times.due(kOrdinary)) << look;
  EXPECT_TRUE(times.due(kOrdinary));
  for (int look = 1; look < 6; ++look) EXPECT_FALSE(times.due(kOrdinary)) << look;
  EXPECT_FALSE(times.due(kOrdinary + 2 * kMiB)) << "what is ordinary is learned anew";
  EXPECT_FALSE(times.due(kOrdinary + 3 * kMiB));
}

TEST(Memory, IsNotReleasedAgainAndAgainForWhatStays) {
  constexpr std::size_t kOrdinary = 12 << 20, kGrown = kOrdinary + (2 << 20);
  ReleaseTimes times;
  for (int look = 0; look < 12; ++look) times.due(kOrdinary);
  for (int look = 0; look < 6; ++look) EXPECT_TRUE(times.due(kGrown)) << look;
  for (int look = 0; look < 6; ++look) EXPECT_FALSE(times.due(kGrown)) << look;
  EXPECT_TRUE(times.due(kGrown + (2 << 20)));
}

constexpr std::size_t kDeep = 96 << 10;

/// Where the touched bytes were.
[[gnu::noinline]] std::uintptr_t touch_stack() {
  std::array<volatile char, kDeep> bytes;
  for (std::size_t i = 0; i < kDeep; i += 512) bytes[i] = 'x';
  return reinterpret_cast<std::uintptr_t>(&bytes[0]);
}

[[gnu::noinline]] void touch_some_stack() {
  std::array<volatile char, 12 << 10> bytes;
  for (std::size_t i = 0; i < bytes.size(); i += 512) bytes[i] = 'x';
}

std::size_t resident_pages(std::uintptr_t begin) {
  constexpr std::size_t kPage = 4096;
  std::array<unsigned char, kDeep / kPage> pages{};
  const std::uintptr_t first = (begin + kPage - 1) & ~(kPage - 1);
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  EXPECT_EQ(::mincore(reinterpret_cast<void*>(first), kDeep - kPage, pages.data()), 0);
  return static_cast<std::size_t>(std::ranges::count_if(pages, [](unsigned char p) { return (p & 1) != 0; }));
}

TEST(Memory, TheStackBelowIsGivenBackAndWhatIsAboveStays) {
  std::thread([] {
    const std::vector<int> kept = {1, 2, 3};
    const int above = 42;
    const volatile int* seen = &above;
    const std::uintptr_t begin = touch_stack();
    const std::size_t before = resident_pages(begin);
    release_unused_stack();
    EXPECT_GT(before, kDeep / 4096 / 2);
    // Some of it may be in use by now.
    EXPECT_LT(resident_pages(begin), 8U);
    EXPECT_EQ(*seen, 42);
    EXPECT_EQ(kept, (std::vector<int>{1, 2, 3}));
    EXPECT_NE(touch_stack(), 0U);
  }).join();
}

TEST(Memory, AStackThatWasNotDeepIsLeftAlone) {
  std::thread([] {
    touch_stack();
    release_unused_stack();
    const std::uintptr_t near = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) - (10 << 10);
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    void* const page = reinterpret_cast<void*>(near & ~std::uintptr_t{4095});
    unsigned char resident = 0;
    ASSERT_EQ(::mincore(page, 4096, &resident), 0);
    ASSERT_EQ(resident & 1, 0) << "given back";
    touch_some_stack();
    release_unused_stack();
    ASSERT_EQ(::mincore(page, 4096, &resident), 0);
    EXPECT_EQ(resident & 1, 1);
  }).join();
}

TEST(Memory, TheFirstThreadKeepsItsStack) {
  const std::uintptr_t begin = touch_stack();
  const std::size_t before = resident_pages(begin);
  release_unused_stack();
  EXPECT_EQ(resident_pages(begin), before);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they have an allocator of their own
// What glibc does by itself: after the first large block is freed, the next are taken from the heap.
TEST(Memory, ALargeBlockGoesBackThoughASmallOneWasMadeAfterIt) {
  share_one_heap();
  constexpr std::size_t kLarge = 16 << 20;
  for (int round = 0; round < 3; ++round) {
    const std::size_t before = resident_kib("RssAnon:");
    auto large = std::make_unique<std::vector<char>>(kLarge, 'x');
    const auto small = std::make_unique<std::vector<char>>(1000, 'x');
    EXPECT_GT(resident_kib("RssAnon:"), before + kLarge / 1024 / 2);
    large.reset();
    EXPECT_LT(resident_kib("RssAnon:"), before + 1024) << round << (*small)[0];
  }
}
#endif

}  // namespace
}  // namespace chiron
