#pragma once

#include "exporter/collectors/collector.h"

#include <memory>

namespace chiron {

inline constexpr CollectorOption kNetstatOptions[] = {
    {.name = "fields",
     .default_value =
         "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|"
         "TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|"
         "Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|"
         "Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$",
     .help = "Fields of net/netstat, net/snmp and net/snmp6 to report, as PROTOCOL_FIELD",
     .is_pattern = true},
};

/// node_netstat_PROTOCOL_FIELD: the network protocols' counters (kernel: Documentation/networking/
/// snmp_counter.rst), a few of which are settings or counts of now, hence untyped.
Result<std::unique_ptr<Collector>> make_netstat_collector(CollectorContext context);

}  // namespace chiron
