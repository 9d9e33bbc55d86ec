#include "exporter/collectors/entropy.h"

#include "exporter/collectors/number_files.h"

namespace chiron {
namespace {

/// Since Linux 5.18 both are 256 once the generator is seeded.
constexpr FileNumber kNumbers[] = {
    {"sys/kernel/random/entropy_avail", 0, "node_entropy_available_bits", "Bits of entropy available."},
    {"sys/kernel/random/poolsize", 0, "node_entropy_pool_size_bits", "Bits that the entropy pool holds."},
};

}  // namespace

Result<std::unique_ptr<Collector>> make_entropy_collector(CollectorContext context) {
  return make_number_files_collector(context, kNumbers);
}

}  // namespace chiron
