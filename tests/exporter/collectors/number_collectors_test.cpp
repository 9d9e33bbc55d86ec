// filefd, entropy, conntrack: files of a few numbers.
#include "tests/exporter/collectors/host_fixture.h"

namespace chiron {
namespace {

using testing::HostFixture;
using Lines = std::vector<std::string>;

class NumberCollectors : public HostFixture {};

TEST_F(NumberCollectors, Filefd) {
  proc("sys/fs/file-nr", "1890\t0\t9223372036854775807\n");
  make("filefd");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{"node_filefd_allocated 1890", "node_filefd_maximum 9223372036854775808"}));
  EXPECT_EQ(catalogue_.family(catalogue_.family_of(frame_.entries().front().id)).type, MetricType::gauge);
}

TEST_F(NumberCollectors, FilefdBadFiles) {
  make("filefd");
  expect_no_data();
  proc("sys/fs/file-nr", "1890\t0\n");
  expect_failure("sys/fs/file-nr:1: expected a number, found ''");
  EXPECT_EQ(lines(), Lines{"node_filefd_allocated 1890"});
  proc("sys/fs/file-nr", "many\t0\t5\n");
  expect_failure("sys/fs/file-nr:1: expected a number, found 'many'");
  EXPECT_TRUE(frame_.entries().empty());
  proc("sys/fs/file-nr", "1\t0\t5\t6\n");
  expect_failure("sys/fs/file-nr:1: expected no more numbers, found '6'");
  proc("sys/fs/file-nr", "1890\t0\t");
  expect_failure("sys/fs/file-nr:1: expected a number, found ''");
  proc("sys/fs/file-nr", "1890\t0\t92233");
  EXPECT_TRUE(collect().ok()) << "a captured file may lack its last newline";
  proc("sys/fs/file-nr", "");
  expect_failure("sys/fs/file-nr:1: expected a line of numbers");
}

TEST_F(NumberCollectors, EntropyOneFileIsEnough) {
  make("entropy");
  expect_no_data();
  proc("sys/kernel/random/poolsize", "256\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), Lines{"node_entropy_pool_size_bits 256"});
  proc("sys/kernel/random/entropy_avail", "\n");
  expect_failure("entropy_avail:1: expected a number");
  EXPECT_EQ(lines(), Lines{"node_entropy_pool_size_bits 256"});
  proc("sys/kernel/random/entropy_avail", "128\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{"node_entropy_available_bits 128", "node_entropy_pool_size_bits 256"}));
}

TEST_F(NumberCollectors, NumbersAreResolvedAgainAfterAFailure) {
  proc("sys/kernel/random/poolsize", "256\n");
  make("entropy");
  ASSERT_TRUE(collect().ok());
  proc("sys/kernel/random/poolsize", "?\n");
  ASSERT_FALSE(collect().ok());
  forget_everything();
  proc("sys/kernel/random/poolsize", "256\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), Lines{"node_entropy_pool_size_bits 256"});
}

constexpr std::string_view kConntrack =
    "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop "
    "icmp_error  expect_new expect_create expect_delete search_restart\n"
    "0000001b  00000000 00000003 00000000 00000588 00010000 00000000 00000000 00000001 00000002 00000003 "
    "00000004 00000000  00000000 00000000 00000000 00000005\n"
    "0000001b  00000000 00000002 00000000 00000002 0000000a 00000000 00000000 00000000 00000000 00000000 "
    "00000000 00000000  00000000 00000000 00000000 00000001\n";

TEST_F(NumberCollectors, ConntrackSumsTheCpus) {
  proc("sys/net/netfilter/nf_conntrack_count", "27\n");
  proc("sys/net/netfilter/nf_conntrack_max", "262144\n");
  proc("net/stat/nf_conntrack", kConntrack);
  make("conntrack");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(),
            (Lines{"node_nf_conntrack_entries 27", "node_nf_conntrack_entries_limit 262144",
                   "node_nf_conntrack_stat_drop 3", "node_nf_conntrack_stat_early_drop 4",
                   "node_nf_conntrack_stat_found 5", "node_nf_conntrack_stat_ignore 65546",
                   "node_nf_conntrack_stat_insert 1", "node_nf_conntrack_stat_insert_failed 2",
                   "node_nf_conntrack_stat_invalid 1418", "node_nf_conntrack_stat_search_restart 6"}));
  EXPECT_EQ(catalogue_.family(catalogue_.family_of(frame_.entries().back().id)).type, MetricType::gauge);
}

TEST_F(NumberCollectors, ConntrackColumnsAreFoundByTheirHeadings) {
  proc("net/stat/nf_conntrack", "drop searched found\n00000001 00000002 00000010\n");
  make("conntrack");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{"node_nf_conntrack_stat_drop 1", "node_nf_conntrack_stat_found 16"}));
}

TEST_F(NumberCollectors, ConntrackBadStatisticsLeaveTheEntries) {
  make("conntrack");
  expect_no_data();
  proc("sys/net/netfilter/nf_conntrack_count", "27\n");
  ASSERT_TRUE(collect().ok());
  for (const auto& [text, place] :
       {std::pair{"found drop\n00000001 00000002\n0000000x 00000001\n", "nf_conntrack:3: expected a hex"},
        {"found drop\n00000001\n", "nf_conntrack:2: expected a hex"},
        {"found drop\n00000001 00000002\n0000", "nf_conntrack:3: expected a hex"},
        {"found drop\n", "nf_conntrack: expected headings"},
        {"non sense\n1 2\n", "nf_conntrack: expected headings"},
        {"", "nf_conntrack: expected headings"}}) {
    proc("net/stat/nf_conntrack", text);
    expect_failure(place);
    EXPECT_EQ(lines(), Lines{"node_nf_conntrack_entries 27"}) << text;
  }
}

}  // namespace
}  // namespace chiron
