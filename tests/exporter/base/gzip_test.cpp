#include "exporter/base/gzip.h"

#include <gtest/gtest.h>
#include <libdeflate.h>

namespace chiron {
namespace {

std::string gunzip(const std::string& bytes, std::size_t size) {
  std::string out(size, '\0');
  std::size_t got = 0;
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  EXPECT_EQ(
      libdeflate_gzip_decompress(decompressor, bytes.data(), bytes.size(), out.data(), out.size(), &got),
      LIBDEFLATE_SUCCESS);
  libdeflate_free_decompressor(decompressor);
  out.resize(got);
  return out;
}

TEST(Gzip, ReadsBack) {
  std::string mixed;
  for (unsigned i = 0; i < 100'000; ++i) mixed += static_cast<char>(i * i >> 3);
  for (const std::string& text : {std::string(), std::string("x"), std::string(1 << 20, 'a'), mixed}) {
    EXPECT_EQ(gunzip(gzip(text), text.size()), text);
  }
  EXPECT_LT(gzip(std::string(1 << 20, 'a')).size(), 20'000U);
}

}  // namespace
}  // namespace chiron
