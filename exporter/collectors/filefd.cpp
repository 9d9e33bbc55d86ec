#include "exporter/collectors/filefd.h"

#include "exporter/collectors/number_files.h"

namespace chiron {
namespace {

/// The word between them is 0 since Linux 2.6.
constexpr FileNumber kNumbers[] = {
    {"sys/fs/file-nr", 0, "node_filefd_allocated", "File handles that the kernel has allocated."},
    {"sys/fs/file-nr", 2, "node_filefd_maximum", "Most file handles that the kernel allocates."},
};

}  // namespace

Result<std::unique_ptr<Collector>> make_filefd_collector(CollectorContext context) {
  return make_number_files_collector(context, kNumbers);
}

}  // namespace chiron
