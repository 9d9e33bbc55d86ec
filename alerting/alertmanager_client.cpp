#include "alerting/alertmanager_client.h"

#include "rules/engine/alerting_rule.h"

#include <algorithm>

namespace chiron::alerting {
namespace {

/// How soon a cancelled delivery is given up.
constexpr Duration kLook = std::chrono::milliseconds(100);

}  // namespace

AlertmanagerClient::AlertmanagerClient(SelfMetrics& metrics, EventLog& log, Labels identity)
    : metrics_(metrics),
      log_(log),
      identity_(std::move(identity)),
      discovered_(metrics.gauge("chiron_notifications_alertmanagers_discovered",
                                "Alertmanagers that alerts are sent to.")) {}

void AlertmanagerClient::configure(std::vector<AlertmanagerSpec> specs) {
  const MutexLock lock(mutex_);
  std::erase_if(retired_, [](const auto& peer) { return peer->wait_ended(Duration::zero()); });
  std::vector<std::unique_ptr<AlertmanagerPeer>> kept;
  for (AlertmanagerSpec& spec : specs) {
    const auto same = std::ranges::find_if(
        peers_, [&](const auto& peer) { return peer != nullptr && peer->spec() == spec; });
    kept.push_back(same != peers_.end()
                       ? std::move(*same)
                       : std::make_unique<AlertmanagerPeer>(std::move(spec), metrics_, log_));
  }
  for (auto& peer : peers_) {
    if (peer == nullptr) continue;
    peer->finish();
    retired_.push_back(std::move(peer));
  }
  peers_ = std::move(kept);
  discovered_.set(static_cast<double>(peers_.size()));
}

std::size_t AlertmanagerClient::enqueue(std::span<const Notice> notices,
                                        const std::shared_ptr<Delivery>& delivery) {
  std::vector<AlertmanagerPeer::Word> words;
  words.reserve(notices.size());
  for (const Notice& notice : notices) {
    words.push_back({.alert = rules::fingerprint_of(notice.labels),
                     .json = std::make_shared<const std::string>(to_json(notice)),
                     .waiting = {}});
    if (delivery) words.back().waiting.push_back(delivery);
  }
  const MutexLock lock(mutex_);
  for (const auto& peer : peers_) peer->enqueue(words);
  return peers_.size();
}

void AlertmanagerClient::send(std::span<const Notice> notices) {
  if (!notices.empty() && !receivers().empty()) enqueue(notices, nullptr);
}

std::vector<std::string> AlertmanagerClient::receivers() const {
  const MutexLock lock(mutex_);
  std::vector<std::string> urls;
  for (const auto& peer : peers_) urls.push_back(peer->spec().url);
  return urls;
}

Result<std::string> AlertmanagerClient::deliver(const Notice& notice, Duration within,
                                                const CancelToken& cancel) {
  Notice told = notice;
  for (const Label& label : identity_) {
    if (!told.labels.has(label.name)) told.labels.set(label.name, label.value);
  }
  const auto delivery = std::make_shared<Delivery>();
  const std::size_t peers = enqueue(std::span(&told, 1), delivery);
  if (peers == 0) {
    return Error(ErrorCode::unavailable, "no Alertmanager is configured; set alertmanagers: in chiron.yml");
  }
  const BootTime deadline = deadline_after(within);
  for (;;) {
    const Duration left = deadline - system_clock().boot();
    const bool over = delivery->wait(peers, std::clamp(left, Duration::zero(), kLook));
    if (std::optional<std::string> taker = delivery->taker()) return *std::move(taker);
    if (over) return Error(ErrorCode::unavailable, "no Alertmanager took it: " + delivery->why());
    if (cancel.cancelled()) return Error(ErrorCode::cancelled, "cancelled; it stays queued");
    if (left > Duration::zero()) continue;
    const std::string why = delivery->why();
    return Error(ErrorCode::timed_out,
                 "no Alertmanager took it in time" + (why.empty() ? why : ": " + why) + "; it stays queued");
  }
}

void AlertmanagerClient::stop(Duration wait) {
  const MutexLock lock(mutex_);
  const BootTime deadline = deadline_after(wait);
  for (const auto& peer : peers_) peer->finish();
  for (const auto& peer : peers_) {
    peer->wait_ended(std::max(Duration::zero(), deadline - system_clock().boot()));
  }
}

}  // namespace chiron::alerting
