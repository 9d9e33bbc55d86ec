#include "exporter/base/gzip.h"

#include <memory>

#include <libdeflate.h>

namespace chiron {
namespace {

/// Of a page of 65 KB level 1 makes 11.0 KB in 94 us, level 2 10.8 in 178, level 6 10.2 in 443
/// (libdeflate 1.14).
constexpr int kLevel = 1;

struct FreeCompressor {
  void operator()(libdeflate_compressor* compressor) const { libdeflate_free_compressor(compressor); }
};

}  // namespace

std::string gzip(std::string_view bytes) {
  // Made for each use: that costs 6 us, keeping its tables costs 200 KB for good.
  const std::unique_ptr<libdeflate_compressor, FreeCompressor> compressor(
      libdeflate_alloc_compressor(kLevel));
  if (!compressor) return {};
  const std::size_t bound = libdeflate_gzip_compress_bound(compressor.get(), bytes.size());
  // Not zeroed: it is several times as large as what comes to stand in it.
  const auto out = std::make_unique_for_overwrite<char[]>(bound);
  return {out.get(),
          libdeflate_gzip_compress(compressor.get(), bytes.data(), bytes.size(), out.get(), bound)};
}

}  // namespace chiron
