#include "alerting/alertmanager_peer.h"

#include "exporter/base/http_client.h"
#include "exporter/base/http_credentials.h"
#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"

#include <algorithm>

#include <fmt/format.h>
#include <pthread.h>

namespace chiron::alerting {
namespace {

constexpr Duration kFirstPause = std::chrono::seconds(1);
constexpr Duration kLongestPause = std::chrono::seconds(30);
constexpr std::size_t kAnswerLimit = 64 << 10;
constexpr std::size_t kShown = 300;

std::vector<double> latency_buckets() { return {0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}; }

}  // namespace

void Delivery::taken(const std::string& by) {
  const MutexLock lock(mutex_);
  if (!taker_) taker_ = by;
  changed_.notify_all();
}

void Delivery::refused(const std::string& why) {
  const MutexLock lock(mutex_);
  ++refusals_;
  why_ = why;
  changed_.notify_all();
}

void Delivery::delayed(const std::string& why) {
  const MutexLock lock(mutex_);
  why_ = why;
}

bool Delivery::wait(std::size_t peers, Duration within) {
  MutexLock lock(mutex_);
  return changed_.wait_for(lock, within,
                           [&]() CHIRON_REQUIRES(mutex_) { return taker_ || refusals_ >= peers; });
}

std::optional<std::string> Delivery::taker() const {
  const MutexLock lock(mutex_);
  return taker_;
}

std::string Delivery::why() const {
  const MutexLock lock(mutex_);
  return why_;
}

AlertmanagerPeer::AlertmanagerPeer(AlertmanagerSpec spec, SelfMetrics& metrics, EventLog& log)
    : spec_(std::move(spec)),
      log_(log),
      sent_(metrics.counter("chiron_notifications_sent_total",
                            "Alerts that an Alertmanager has taken, each time that it was told of them.",
                            {{"alertmanager", spec_.url}})),
      errors_(metrics.counter("chiron_notifications_errors_total",
                              "Alerts in requests to an Alertmanager that failed.",
                              {{"alertmanager", spec_.url}})),
      dropped_(
          metrics.counter("chiron_notifications_dropped_total",
                          "Alerts that an Alertmanager was not told of: it refused them, or the queue was "
                          "full.",
                          {{"alertmanager", spec_.url}})),
      length_(metrics.gauge("chiron_notifications_queue_length", "Alerts that wait to be sent.",
                            {{"alertmanager", spec_.url}})),
      latency_(metrics.histogram("chiron_notifications_latency_seconds",
                                 "How long requests to an Alertmanager took.", latency_buckets(),
                                 {{"alertmanager", spec_.url}})) {
  metrics
      .gauge("chiron_notifications_queue_capacity", "Alerts that may wait to be sent.",
             {{"alertmanager", spec_.url}})
      .set(kCapacity);
  thread_ = std::thread([this] { run(); });
}

AlertmanagerPeer::~AlertmanagerPeer() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
    queue_.clear();
    by_alert_.clear();
    changed_.notify_all();
  }
  thread_.join();
}

void AlertmanagerPeer::enqueue(std::vector<Word> words) {
  const MutexLock lock(mutex_);
  for (Word& word : words) {
    hurry_ = hurry_ || !word.waiting.empty();
    if (const auto known = by_alert_.find(word.alert); known != by_alert_.end()) {
      known->second->json = std::move(word.json);
      std::ranges::move(word.waiting, std::back_inserter(known->second->waiting));
      continue;
    }
    queue_.push_back(std::move(word));
    by_alert_[queue_.back().alert] = std::prev(queue_.end());
  }
  drop_oldest();
  changed_.notify_all();
}

void AlertmanagerPeer::drop_oldest() {
  while (queue_.size() > kCapacity) {
    for (const auto& delivery : queue_.front().waiting) delivery->refused("the queue was full");
    by_alert_.erase(queue_.front().alert);
    queue_.pop_front();
    dropped_.increment();
  }
  length_.set(static_cast<double>(queue_.size()));
}

void AlertmanagerPeer::finish() {
  const MutexLock lock(mutex_);
  stop_ = true;
  changed_.notify_all();
}

bool AlertmanagerPeer::wait_ended(Duration within) {
  MutexLock lock(mutex_);
  return changed_.wait_for(lock, within, [this]() CHIRON_REQUIRES(mutex_) { return ended_; });
}

/// Returns false when there is nothing left to do.
bool AlertmanagerPeer::wait_for_work(MutexLock& lock) {
  if (pause_ > Duration::zero()) {
    changed_.wait_for(lock, pause_, [this]() CHIRON_REQUIRES(mutex_) { return stop_ || hurry_; });
  }
  changed_.wait(lock, [this]() CHIRON_REQUIRES(mutex_) { return stop_ || !queue_.empty(); });
  hurry_ = false;
  return !queue_.empty();
}

std::vector<AlertmanagerPeer::Word> AlertmanagerPeer::take_batch() {
  std::vector<Word> batch;
  while (!queue_.empty() && batch.size() < kBatch) {
    by_alert_.erase(queue_.front().alert);
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  length_.set(static_cast<double>(queue_.size()));
  return batch;
}

/// To the front, in their order; where a newer word has come meanwhile it stands.
void AlertmanagerPeer::put_back(std::vector<Word> batch) {
  for (auto it = batch.rbegin(); it != batch.rend(); ++it) {
    if (const auto known = by_alert_.find(it->alert); known != by_alert_.end()) {
      std::ranges::move(it->waiting, std::back_inserter(known->second->waiting));
      continue;
    }
    queue_.push_front(std::move(*it));
    by_alert_[queue_.front().alert] = queue_.begin();
  }
  drop_oldest();
}

void AlertmanagerPeer::run() {
  ::pthread_setname_np(::pthread_self(), "alertmanager");
  MutexLock lock(mutex_);
  while (wait_for_work(lock)) {
    std::vector<Word> batch = take_batch();
    lock.unlock();
    std::string why;
    const Outcome outcome = send(batch, why);
    note(outcome, batch.size(), why);
    for (const Word& word : batch) {
      for (const auto& delivery : word.waiting) {
        if (outcome == Outcome::taken) delivery->taken(spec_.url);
        if (outcome == Outcome::refused) delivery->refused(why);
        if (outcome == Outcome::failed) delivery->delayed(why);
      }
    }
    lock.lock();
    if (outcome != Outcome::failed) {
      pause_ = Duration::zero();
      continue;
    }
    if (stop_) break;
    put_back(std::move(batch));
    pause_ = pause_ == Duration::zero() ? kFirstPause : std::min(2 * pause_, kLongestPause);
  }
  length_.set(0);
  ended_ = true;
  changed_.notify_all();
}

AlertmanagerPeer::Outcome AlertmanagerPeer::send(const std::vector<Word>& batch, std::string& why) {
  HttpRequest request{.method = "POST",
                      .url = spec_.url + "/api/v2/alerts",
                      .headers = {{"Content-Type", "application/json"}},
                      .timeout = spec_.timeout,
                      .body_limit = kAnswerLimit,
                      .verify_tls = !spec_.insecure_skip_verify,
                      .ca_file = spec_.ca_file};
  Result<std::string> secret = authorization_of({.username = spec_.username,
                                                 .password_file = spec_.password_file,
                                                 .type = spec_.credentials_type,
                                                 .file = spec_.credentials_file});
  if (!secret) {
    why = secret.error().to_string();
    return Outcome::failed;
  }
  if (!secret->empty()) request.headers.emplace_back("Authorization", *std::move(secret));
  request.body.assign(1, '[');
  for (const Word& word : batch) {
    if (request.body.size() > 1) request.body += ',';
    request.body += *word.json;
  }
  request.body += ']';
  const auto started = std::chrono::steady_clock::now();
  const Result<HttpResponse> answer = http_request(request);
  latency_.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
  if (!answer) {
    why = answer.error().to_string();
    return Outcome::failed;
  }
  if (answer->status >= 200 && answer->status < 300) return Outcome::taken;
  why = fmt::format("HTTP status {}: {}", answer->status,
                    replace_invalid_utf8(trim(std::string_view(answer->body).substr(0, kShown))));
  // What a wrong password or a proxy refuses may be taken once that is mended; only 400 and 422 are about the
  // alerts.
  return answer->status == 400 || answer->status == 422 ? Outcome::refused : Outcome::failed;
}

void AlertmanagerPeer::note(Outcome outcome, std::size_t words, const std::string& why) {
  const auto count = static_cast<double>(words);
  if (outcome == Outcome::taken) {
    sent_.increment(count);
    if (failing_) log_.info("alertmanager takes alerts again", {{"alertmanager", spec_.url}});
    failing_ = false;
    return;
  }
  errors_.increment(count);
  if (outcome == Outcome::refused) {
    dropped_.increment(count);
    log_.error("alertmanager refused alerts",
               {{"alertmanager", spec_.url}, {"alerts", static_cast<std::uint64_t>(words)}, {"error", why}});
    return;
  }
  if (failing_) return;
  failing_ = true;
  log_.warning("alertmanager not told",
               {{"alertmanager", spec_.url}, {"error", why}, {"effect", "it is tried again"}});
}

}  // namespace chiron::alerting
