#include "exporter/collectors/xfs.h"

#include "exporter/collectors/device_collector.h"

namespace chiron {
namespace {

constexpr FieldAttribute counter(std::string_view line, std::size_t word, std::string_view family,
                                 std::string_view help) {
  return {line, word, {"", family, help, 1, MetricType::counter}};
}

constexpr FieldAttribute kFields[] = {
    counter("extent_alloc", 0, "node_xfs_extent_allocation_extents_allocated_total", "Extents allocated."),
    counter("extent_alloc", 1, "node_xfs_extent_allocation_blocks_allocated_total", "Blocks allocated."),
    counter("extent_alloc", 2, "node_xfs_extent_allocation_extents_freed_total", "Extents freed."),
    counter("extent_alloc", 3, "node_xfs_extent_allocation_blocks_freed_total", "Blocks freed."),
    counter("abt", 0, "node_xfs_allocation_btree_lookups_total", "Lookups in the trees of free space."),
    counter("abt", 1, "node_xfs_allocation_btree_compares_total", "Compares in the trees of free space."),
    counter("abt", 2, "node_xfs_allocation_btree_records_inserted_total",
            "Records put into the trees of free space."),
    counter("abt", 3, "node_xfs_allocation_btree_records_deleted_total",
            "Records taken out of the trees of free space."),
    counter("blk_map", 0, "node_xfs_block_mapping_reads_total", "Block mappings looked up to read."),
    counter("blk_map", 1, "node_xfs_block_mapping_writes_total", "Block mappings looked up to write."),
    counter("blk_map", 2, "node_xfs_block_mapping_unmaps_total", "Blocks unmapped."),
    counter("blk_map", 3, "node_xfs_block_mapping_extent_list_insertions_total", "Extents put into lists."),
    counter("blk_map", 4, "node_xfs_block_mapping_extent_list_deletions_total",
            "Extents taken out of lists."),
    counter("blk_map", 5, "node_xfs_block_mapping_extent_list_lookups_total", "Lookups in lists of extents."),
    counter("blk_map", 6, "node_xfs_block_mapping_extent_list_compares_total",
            "Compares in lists of extents."),
    counter("bmbt", 0, "node_xfs_block_map_btree_lookups_total", "Lookups in the trees of block mappings."),
    counter("bmbt", 1, "node_xfs_block_map_btree_compares_total", "Compares in the trees of block mappings."),
    counter("bmbt", 2, "node_xfs_block_map_btree_records_inserted_total",
            "Records put into the trees of block mappings."),
    counter("bmbt", 3, "node_xfs_block_map_btree_records_deleted_total",
            "Records taken out of the trees of block mappings."),
    counter("dir", 0, "node_xfs_directory_operation_lookup_total", "Names looked up in directories."),
    counter("dir", 1, "node_xfs_directory_operation_create_total", "Names put into directories."),
    counter("dir", 2, "node_xfs_directory_operation_remove_total", "Names taken out of directories."),
    counter("dir", 3, "node_xfs_directory_operation_getdents_total", "Directories listed."),
    counter("ig", 0, "node_xfs_inode_operation_attempts_total", "Lookups in the cache of inodes."),
    counter("ig", 1, "node_xfs_inode_operation_found_total", "Lookups that found their inode in the cache."),
    counter("ig", 2, "node_xfs_inode_operation_recycled_total",
            "Lookups that found an inode about to be recycled."),
    counter("ig", 3, "node_xfs_inode_operation_missed_total",
            "Lookups that did not find their inode in the cache."),
    counter("ig", 4, "node_xfs_inode_operation_duplicates_total",
            "Inodes that somebody else had put into the cache meanwhile."),
    counter("ig", 5, "node_xfs_inode_operation_reclaims_total",
            "Inodes taken out of the cache for their memory."),
    counter("ig", 6, "node_xfs_inode_operation_attribute_changes_total",
            "Changes of the attributes of inodes."),
    counter("rw", 0, "node_xfs_write_calls_total", "Calls of write(2)."),
    counter("rw", 1, "node_xfs_read_calls_total", "Calls of read(2)."),
    counter("vnodes", 0, "node_xfs_vnode_active_total", "Vnodes not on a free list."),
    counter("vnodes", 1, "node_xfs_vnode_allocate_total", "Vnodes allocated."),
    counter("vnodes", 2, "node_xfs_vnode_get_total", "Vnodes got."),
    counter("vnodes", 3, "node_xfs_vnode_hold_total", "Vnodes held."),
    counter("vnodes", 4, "node_xfs_vnode_release_total", "Vnodes released."),
    counter("vnodes", 5, "node_xfs_vnode_reclaim_total", "Vnodes reclaimed."),
    counter("vnodes", 6, "node_xfs_vnode_remove_total", "Vnodes removed."),
};

class XfsCollector final : public DeviceCollector {
 public:
  explicit XfsCollector(const CollectorContext& context) : DeviceCollector(context, "fs/xfs", {}) {}

 private:
  void find(const std::string& directory, std::span<const std::string> names, AttributeSeries& series,
            Problems& /*problems*/) override {
    // Beside the file systems there are "stats", of all together, and debug.
    for (const std::string& name : names)
      series.add_fields(directory + '/' + name + "/stats/stats", kFields, {{"device", name}});
  }
};

}  // namespace

Result<std::unique_ptr<Collector>> make_xfs_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new XfsCollector(context));
}

}  // namespace chiron
