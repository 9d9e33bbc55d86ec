#include "exporter/collectors/tcpstat.h"

#include "exporter/collectors/kernel_text.h"
#include "exporter/collectors/tcp_diag.h"

#include <array>
#include <optional>

namespace chiron {
namespace {

/// By number (include/net/tcp_states.h), then the queues. No socket has state 0.
constexpr std::array<std::string_view, SocketTotals::kStates + 2> kStates = {
    "",      "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2",       "time_wait",
    "close", "close_wait",  "last_ack", "listen",   "closing",   "rx_queued_bytes", "tx_queued_bytes"};
constexpr std::size_t kReceived = SocketTotals::kStates;
constexpr std::size_t kToSend = kReceived + 1;

class TcpstatCollector final : public Collector {
 public:
  explicit TcpstatCollector(const CollectorContext& context)
      : catalogue_(context.catalogue),
        ask_(context.paths.live()),
        family_(catalogue_.declare("node_tcp_connection_states",
                                   "TCP sockets per state, and the bytes in their queues.",
                                   MetricType::gauge)),
        files_{KernelFile(context.paths.proc("net/tcp"), KernelFile::Records::brief),
               KernelFile(context.paths.proc("net/tcp6"), KernelFile::Records::brief)} {}

  Status collect(Frame& frame) override {
    SocketTotals totals;
    Status status;
    if (!ask_ || !diag_.add_sockets(totals)) {
      totals = {};
      status = read(totals, frame);
    }
    if (!status) {
      series_.fill({});
      return status;
    }
    for (std::size_t state = 1; state < totals.by_state.size(); ++state) {
      if (totals.by_state[state] != 0) {
        add(state, totals.by_state[state], frame);
      } else {
        series_[state].reset();
      }
    }
    add(kReceived, totals.received, frame);
    add(kToSend, totals.to_send, frame);
    return {};
  }

 private:
  /// Counts with a row missing tell nothing: a bad file fails the pass.
  Status read(SocketTotals& totals, Frame& frame) {
    Problems problems;
    bool any = false;
    for (KernelFile& file : files_) any = add_sockets(file, totals, problems) || any;
    if (!any) return absent(files_.front().path());
    return problems.report(frame);
  }

  void add(std::size_t state, std::uint64_t value, Frame& frame) {
    if (!series_[state])
      series_[state] = catalogue_.series(family_, Labels{{"state", std::string(kStates[state])}});
    frame.add(*series_[state], static_cast<double>(value));
  }

  Catalogue& catalogue_;
  const bool ask_;
  const FamilyId family_;
  TcpDiag diag_;
  std::array<KernelFile, 2> files_;
  std::array<std::optional<SeriesId>, kStates.size()> series_{};
};

}  // namespace

Result<std::unique_ptr<Collector>> make_tcpstat_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new TcpstatCollector(context));
}

}  // namespace chiron
