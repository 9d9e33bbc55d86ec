#include "exporter/collectors/socket_table.h"

#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"

namespace chiron {
namespace {

/// "0: 00000000:07E8 00000000:0000 0A 00000000:00000000 ...": slot, local and remote address, state, and the
/// queues to send and received, all hexadecimal.
bool add_row(std::string_view line, SocketTotals& totals) {
  std::string_view word, to_send;
  for (int skipped = 0; skipped < 3; ++skipped) {
    if (!next_word(line, word)) return false;
  }
  const std::optional<std::uint64_t> state = next_hex(line);
  if (!state || *state >= SocketTotals::kStates || !next_word(line, word) || !next_field(word, ':', to_send))
    return false;
  const auto sending = parse_int<std::uint64_t>(to_send, 16);
  const auto received = parse_int<std::uint64_t>(word, 16);
  if (!sending || !received) return false;
  ++totals.by_state[*state];
  totals.to_send += *sending;
  totals.received += *received;
  return true;
}

}  // namespace

bool add_sockets(KernelFile& file, SocketTotals& totals, Problems& problems) {
  const Result<std::string_view> text = file.read();
  if (!text) {
    if (text.error().code() == ErrorCode::not_found) return false;
    problems.add(text.error());
    return true;
  }
  KernelLines lines(*text, file.path(), problems);
  std::string_view line, word;
  if (!lines.next(line)) {
    if (problems.empty()) problems.corrupt(file.path(), 1, "expected a line of headings", *text);
    return true;
  }
  std::string_view headings = line;
  if (!next_word(headings, word) || word != "sl") lines.bad("expected a line of headings", line);
  while (lines.next(line)) {
    if (!add_row(line, totals)) lines.bad("expected 'SLOT: LOCAL REMOTE STATE TX:RX'", line);
  }
  return true;
}

}  // namespace chiron
