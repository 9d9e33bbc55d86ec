#include "exporter/base/memory.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

namespace chiron {
namespace {

constexpr int kLargeBlock = 1 << 20;
/// What an ordinary call may keep of a stack: to give it back costs more, as all processors are told.
constexpr std::uintptr_t kShallow = 16 << 10;

/// Whether the loader writes into the read-only segments (DT_TEXTREL, elf(5)): then they are not as the file
/// is.
bool has_text_relocations(const dl_phdr_info& object) {
  for (const ElfW(Phdr)* header = object.dlpi_phdr; header != object.dlpi_phdr + object.dlpi_phnum;
       ++header) {
    if (header->p_type != PT_DYNAMIC) continue;
    const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + header->p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry) {
      if (entry->d_tag == DT_TEXTREL) return true;
      if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0) return true;
    }
  }
  return false;
}

/// Segments that nobody can have written to are the file's pages, and come back from it (madvise(2),
/// MADV_DONTNEED on a private mapping). Relocated constants (RELRO) are in a writable segment, and stay.
int release_object(dl_phdr_info* object, std::size_t /*size*/, void* /*data*/) {
  if (has_text_relocations(*object)) return 0;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (const ElfW(Phdr)* header = object->dlpi_phdr; header != object->dlpi_phdr + object->dlpi_phnum;
       ++header) {
    if (header->p_type != PT_LOAD || (header->p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (object->dlpi_addr + header->p_vaddr) & ~(page - 1);
    const std::uintptr_t end =
        (object->dlpi_addr + header->p_vaddr + header->p_filesz + page - 1) & ~(page - 1);
    // Best effort: the vdso, which is no file, refuses.
    static_cast<void>(::madvise(reinterpret_cast<void*>(begin), end - begin,
                                MADV_DONTNEED));  // NOLINT(performance-no-int-to-ptr)
  }
  return 0;
}

/// The lowest address of the calling thread's stack; 0 where it grows by itself (the first thread), or is not
/// to be learned.
std::uintptr_t stack_begin() {
  if (::gettid() == ::getpid()) return 0;
  pthread_attr_t attributes;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return 0;
  void* begin = nullptr;
  std::size_t size = 0;
  if (::pthread_attr_getstack(&attributes, &begin, &size) != 0) begin = nullptr;
  ::pthread_attr_destroy(&attributes);
  return reinterpret_cast<std::uintptr_t>(begin);
}

/// Whether pages of the stack between `begin` and `end` have memory. A call that goes deep touches some of
/// the nearest.
bool was_deep(std::uintptr_t begin, std::uintptr_t end, std::uintptr_t page) {
  if (end <= begin) return false;
  std::array<unsigned char, 64> pages{};
  const std::size_t looked_at = std::min<std::size_t>((end - begin) / page, pages.size());
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  void* const first = reinterpret_cast<void*>(end - looked_at * page);
  if (::mincore(first, looked_at * page, pages.data()) != 0) return true;
  return std::any_of(pages.begin(), pages.end(), [](unsigned char one) { return (one & 1U) != 0; });
}

}  // namespace

void share_one_heap() {
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_THRESHOLD, kLargeBlock);
  ::mallopt(M_TRIM_THRESHOLD, 2 * kLargeBlock);
}

void release_unused_memory() {
  ::malloc_trim(0);
  ::dl_iterate_phdr(release_object, nullptr);
}

std::size_t resident_memory() {
  const Result<std::string> statm = read_file("/proc/self/statm");
  if (!statm.ok()) return 0;
  std::string_view rest = *statm, mapped, resident;
  if (!next_word(rest, mapped) || !next_word(rest, resident)) return 0;
  return parse_int<std::size_t>(resident).value_or(0) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

bool ReleaseTimes::due(std::size_t resident) {
  if (++looks_ >= kTenMinutes) {
    looks_ = 0;
    ordinary_ = 0;
    return true;
  }
  // What no release brings down is no rare work: the history grows.
  const bool learns = ordinary_ == 0 ? looks_ >= kMinute : in_vain_ >= kMinute;
  if (learns) ordinary_ = resident;
  const bool is_worth_it = ordinary_ != 0 && resident > ordinary_ + kWorthIt;
  in_vain_ = is_worth_it ? in_vain_ + 1 : 0;
  return is_worth_it;
}

void release_unused_stack() {
  static thread_local const std::uintptr_t begin = stack_begin();
  if (begin == 0) return;
  // For the frames of what is called from here. Signals come before or after the system call, not in it.
  constexpr std::uintptr_t kCallee = 4096;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const std::uintptr_t end = (here - kCallee) & ~(page - 1);
  if (end <= begin || !was_deep(begin, end - kShallow, page)) return;
  static_cast<void>(::madvise(reinterpret_cast<void*>(begin), end - begin,
                              MADV_DONTNEED));  // NOLINT(performance-no-int-to-ptr)
}

}  // namespace chiron
