// vmstat, netstat, sockstat: files of named fields, each of which becomes a family.
#include "exporter/collectors/field_families.h"
#include "tests/exporter/collectors/host_fixture.h"

#include <unistd.h>

namespace chiron {
namespace {

using testing::HostFixture;
using Lines = std::vector<std::string>;

class FieldCollectors : public HostFixture {};

TEST(FieldFamilies, AFieldIsFoundWhereverItMovesTo) {
  Catalogue catalogue;
  FieldFamilies fields(catalogue, {"x_", MetricType::gauge, "The field *."}, {});
  fields.begin_pass();
  const SeriesId a = *fields.next("G", "a").series;
  const SeriesId b = *fields.next("G", "b").series;
  fields.end_pass(true);
  fields.begin_pass();
  EXPECT_EQ(fields.next("G", "new").series,
            catalogue.series(catalogue.declare("x_G_new", "", MetricType::gauge), {}));
  EXPECT_EQ(fields.next("G", "a").series, a);
  EXPECT_EQ(fields.next("G", "b").series, b);
  fields.end_pass(true);
  EXPECT_EQ(catalogue.family(catalogue.family_of(a)).help, "The field G_a.");
}

TEST(FieldFamilies, GroupAndNameAreNotMixedUp) {
  Catalogue catalogue;
  FieldFamilies fields(catalogue, {"x_", MetricType::gauge, "*"}, {});
  fields.begin_pass();
  const SeriesId one = *fields.next("Tcp", "InSegs").series;
  fields.end_pass(true);
  for (const auto& [group, name] : {std::pair{"Tc", "InSegs"},
                                    {"Tcp", "Segs"},
                                    {"TcpExt", "InSegs"},
                                    {"Ucp", "InSegs"},
                                    {"Tcp", "OnSegs"},
                                    {"Tcp_", "nSegs"},
                                    {"", "Tcp"}}) {
    fields.begin_pass();
    EXPECT_NE(fields.next(group, name).series, one) << group << ' ' << name;
    fields.end_pass(true);
    fields.begin_pass();
    EXPECT_EQ(fields.next("Tcp", "InSegs").series, one);
    fields.end_pass(true);
  }
}

TEST(FieldFamilies, WhatCannotBeAMetricNameIsSaidSo) {
  Catalogue catalogue;
  FieldFamilies fields(catalogue, {"x_", MetricType::gauge, "*"}, {});
  fields.begin_pass();
  for (const char* name : {"", "a-b", "a b", "a:b", "\xff"})
    EXPECT_FALSE(fields.next({}, name).named) << name;
  EXPECT_EQ(catalogue.size(), 0u);
}

TEST_F(FieldCollectors, VmstatReportsTheFieldsWanted) {
  proc("vmstat",
       "nr_free_pages 945322\npgpgin 7\npgpgout 8\npswpin 0\npgfault 228647704\npgmajfault 5932\noom_kill "
       "1\n");
  make("vmstat");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(),
            (Lines{"node_vmstat_oom_kill 1", "node_vmstat_pgfault 228647704", "node_vmstat_pgmajfault 5932",
                   "node_vmstat_pgpgin 7", "node_vmstat_pgpgout 8", "node_vmstat_pswpin 0"}));
  const Family& family = catalogue_.family(catalogue_.family_of(frame_.entries().front().id));
  EXPECT_EQ(family.type, MetricType::untyped);
}

TEST_F(FieldCollectors, VmstatFieldsAreChosenByAPattern) {
  proc("vmstat", "nr_free_pages 945322\npgpgin 7\n");
  option("fields", {"^nr_"});
  make("vmstat");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), Lines{"node_vmstat_nr_free_pages 945322"});
}

TEST_F(FieldCollectors, VmstatGoesOnAfterABadLine) {
  make("vmstat");
  expect_no_data();
  proc("vmstat", "pgpgin 7\npgpgout -8\npswpin 1 2\npg-fault 1\npswpout 4\npgfault 2 2");
  expect_failure("4 problems, the first: " + (dir_ / "proc/vmstat") +
                 ":2: expected 'NAME NUMBER', found 'pgpgout -8'");
  EXPECT_EQ(lines(), (Lines{"node_vmstat_pgpgin 7", "node_vmstat_pswpout 4"}));
  proc("vmstat", "pgpgin many\n");
  expect_failure("vmstat:1: expected 'NAME NUMBER', found 'pgpgin many'");
  proc("vmstat", "");
  expect_failure("vmstat: expected lines");
}

TEST_F(FieldCollectors, VmstatResolvesAgainWhatItCouldNotRead) {
  proc("vmstat", "pgpgin 7\npgpgout 8\n");
  make("vmstat");
  ASSERT_TRUE(collect().ok());
  proc("vmstat", "pgpgin 7\npgpgout x\n");
  ASSERT_FALSE(collect().ok());
  forget_everything();
  proc("vmstat", "pgpgin 7\npgpgout 8\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{"node_vmstat_pgpgin 7", "node_vmstat_pgpgout 8"}));
}

constexpr std::string_view kNetstat =
    "TcpExt: SyncookiesSent ListenDrops TW TCPOFOQueue\nTcpExt: 1 2 3 4\n"
    "IpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 233281344 18446744073709551615\n";
constexpr std::string_view kSnmp =
    "Ip: Forwarding DefaultTTL\nIp: 2 64\n"
    "Tcp: RtoAlgorithm MaxConn CurrEstab\nTcp: 1 -1 2\n"
    "UdpLite: InDatagrams InErrors\nUdpLite: 5 6\n";
constexpr std::string_view kSnmp6 =
    "Ip6InReceives                   \t1\nIp6InOctets                     \t128\n"
    "Icmp6InErrors                   \t3\nUdpLite6InErrors \t4\n";

TEST_F(FieldCollectors, NetstatReportsTheFieldsWanted) {
  proc("net/netstat", kNetstat);
  proc("net/snmp", kSnmp);
  proc("net/snmp6", kSnmp6);
  make("netstat");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(),
            (Lines{"node_netstat_Icmp6_InErrors 3", "node_netstat_Ip6_InOctets 128",
                   "node_netstat_IpExt_InOctets 233281344",
                   "node_netstat_IpExt_OutOctets 18446744073709551616", "node_netstat_Ip_Forwarding 2",
                   "node_netstat_TcpExt_ListenDrops 2", "node_netstat_TcpExt_SyncookiesSent 1",
                   "node_netstat_TcpExt_TCPOFOQueue 4", "node_netstat_Tcp_CurrEstab 2",
                   "node_netstat_UdpLite6_InErrors 4", "node_netstat_UdpLite_InErrors 6"}));
  EXPECT_EQ(catalogue_.family(catalogue_.family_of(frame_.entries().front().id)).type, MetricType::untyped);
}

TEST_F(FieldCollectors, NetstatWithoutIpv6AndWithAnyField) {
  proc("net/netstat", kNetstat);
  proc("net/snmp", kSnmp);
  option("fields", {"Tcp_"});
  make("netstat");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{"node_netstat_Tcp_CurrEstab 2", "node_netstat_Tcp_MaxConn -1",
                            "node_netstat_Tcp_RtoAlgorithm 1"}));
}

TEST_F(FieldCollectors, NetstatFieldsThatAppearLaterMoveTheOthers) {
  proc("net/snmp", "Icmp: InMsgs InErrors\nIcmp: 1 0\nTcp: CurrEstab\nTcp: 2\n");
  make("netstat");
  ASSERT_TRUE(collect().ok());
  proc("net/snmp",
       "Icmp: InMsgs InErrors\nIcmp: 1 0\nIcmpMsg: InType3\nIcmpMsg: 1\nTcp: CurrEstab\nTcp: 3\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{"node_netstat_Icmp_InErrors 0", "node_netstat_Icmp_InMsgs 1",
                            "node_netstat_Tcp_CurrEstab 3"}));
}

TEST_F(FieldCollectors, NetstatBadFiles) {
  make("netstat");
  expect_no_data();
  proc("net/snmp", "Ip: Forwarding DefaultTTL\nIp: 2\nTcp: CurrEstab\nTcp: 2\n");
  expect_failure("net/snmp:2: expected one number for each name above, found 'Ip: 2'");
  EXPECT_EQ(lines(), Lines{"node_netstat_Tcp_CurrEstab 2"});
  proc("net/snmp", "Ip: Forwarding\nIp: 2 3\n");
  expect_failure("net/snmp:2: expected one number");
  proc("net/snmp", "Ip: Forwarding\nTcp: CurrEstab\nTcp: 2\n");
  expect_failure("net/snmp:2: expected the numbers of the names above, found 'Tcp: CurrEstab'");
  EXPECT_EQ(lines(), Lines{"node_netstat_Tcp_CurrEstab 2"});
  proc("net/snmp", "nonsense\nTcp: CurrEstab\nTcp: many\nTcp: CurrEstab\n");
  expect_failure("3 problems, the first: ");
  expect_failure("net/snmp:1: expected 'PROTOCOL: NAMES'");
  proc("net/snmp", "Tcp: CurrEstab\nTcp: 2");
  EXPECT_TRUE(collect().ok()) << "a captured file may lack its last newline";
  proc("net/snmp", "");
  expect_failure("net/snmp: expected network statistics");
  remove("proc/net/snmp");
  make("netstat");
  proc("net/snmp6", "Ip6InOctets 5\nOctets 1\nIp6OutOctets\nIp6OutOctets 1 2\n");
  expect_failure("3 problems, the first: ");
  expect_failure("net/snmp6:2: expected 'PROTOCOL6NAME NUMBER', found 'Octets 1'");
  EXPECT_EQ(lines(), Lines{"node_netstat_Ip6_InOctets 5"});
}

TEST_F(FieldCollectors, SockstatFigures) {
  proc("net/sockstat",
       "sockets: used 18\nTCP: inuse 4 orphan 0 tw 1 alloc 5 mem 33\nFRAG: inuse 0 memory 12\n");
  proc("net/sockstat6", "TCP6: inuse 2\nFRAG6: inuse 0 memory 0\n");
  make("sockstat");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(),
            (Lines{"node_sockstat_FRAG6_inuse 0", "node_sockstat_FRAG6_memory 0",
                   "node_sockstat_FRAG_inuse 0", "node_sockstat_FRAG_memory 12", "node_sockstat_TCP6_inuse 2",
                   "node_sockstat_TCP_alloc 5", "node_sockstat_TCP_inuse 4", "node_sockstat_TCP_mem 33",
                   "node_sockstat_TCP_mem_bytes " + std::to_string(33 * ::sysconf(_SC_PAGESIZE)),
                   "node_sockstat_TCP_orphan 0", "node_sockstat_TCP_tw 1", "node_sockstat_sockets_used 18"}));
  EXPECT_EQ(catalogue_.family(catalogue_.family_of(frame_.entries().front().id)).type, MetricType::gauge);
}

TEST_F(FieldCollectors, SockstatBadFiles) {
  make("sockstat");
  expect_no_data();
  proc("net/sockstat",
       "sockets: used 18\nTCP: inuse 4 orphan\nUDP inuse 0\nRAW:\nUDP: inuse x\nFRAG: in-use 1\n");
  expect_failure("5 problems, the first: ");
  expect_failure("net/sockstat:2: expected 'PROTOCOL: NAME NUMBER ...', found 'TCP: inuse 4 orphan'");
  EXPECT_EQ(lines(), (Lines{"node_sockstat_TCP_inuse 4", "node_sockstat_sockets_used 18"}));
  proc("net/sockstat", "sockets: used 18\nTCP: inu");
  expect_failure("net/sockstat:2: expected 'PROTOCOL: NAME NUMBER ...'");
  EXPECT_EQ(lines(), Lines{"node_sockstat_sockets_used 18"});
  proc("net/sockstat", "");
  expect_failure("net/sockstat: expected socket statistics");
}

}  // namespace
}  // namespace chiron
