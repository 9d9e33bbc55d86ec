#include "exporter/collectors/udp_queues.h"

#include "exporter/collectors/kernel_text.h"
#include "exporter/collectors/socket_table.h"

#include <array>
#include <optional>

namespace chiron {
namespace {

class UdpQueuesCollector final : public Collector {
 public:
  explicit UdpQueuesCollector(const CollectorContext& context)
      : catalogue_(context.catalogue),
        family_(catalogue_.declare("node_udp_queues",
                                   "Memory that datagrams take in the queues of UDP sockets, in bytes.",
                                   MetricType::gauge)),
        tables_{Table{"v4", KernelFile(context.paths.proc("net/udp"), KernelFile::Records::brief), {}},
                Table{"v6", KernelFile(context.paths.proc("net/udp6"), KernelFile::Records::brief), {}}} {}

  Status collect(Frame& frame) override {
    Problems problems;
    bool any = false;
    for (Table& table : tables_) any = report(table, frame, problems) || any;
    if (!any) return absent(tables_.front().file.path());
    return problems.report(frame);
  }

 private:
  struct Queues {
    SeriesId to_send;
    SeriesId received;
  };
  struct Table {
    std::string_view ip;
    KernelFile file;
    std::optional<Queues> series;
  };

  /// A sum with a row missing tells nothing: a table with a bad row is left out.
  bool report(Table& table, Frame& frame, Problems& problems) {
    SocketTotals totals;
    Problems found;
    const bool there = add_sockets(table.file, totals, found);
    if (!there || !found.empty()) {
      table.series.reset();
      problems.add(found);
      return there;
    }
    if (!table.series) table.series = Queues{queue(table, "tx"), queue(table, "rx")};
    frame.add(table.series->to_send, static_cast<double>(totals.to_send));
    frame.add(table.series->received, static_cast<double>(totals.received));
    return true;
  }

  SeriesId queue(const Table& table, std::string_view name) const {
    return catalogue_.series(family_, Labels{{"queue", std::string(name)}, {"ip", std::string(table.ip)}});
  }

  Catalogue& catalogue_;
  const FamilyId family_;
  std::array<Table, 2> tables_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_udp_queues_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new UdpQueuesCollector(context));
}

}  // namespace chiron
