#include "remediation/actions/cache_prune.h"

#include "exporter/base/parse.h"
#include "exporter/base/stream_socket.h"
#include "remediation/actions/redis_session.h"

#include <fmt/format.h>

namespace chiron::remediation {
namespace {

/// Redis keeps the time of last use as 24 bits of seconds (server.h, LRU_BITS).
constexpr Duration kLongestIdle = std::chrono::seconds((1 << 24) - 1);

/// Keys in one command that removes: a few hundred microseconds during which the server answers nobody else.
constexpr std::size_t kKeysAtOnce = 100;

/// How many keys of a page have their memory asked for, to estimate that of all.
constexpr std::size_t kSampledKeys = 8;

/// KEYS: candidates. ARGV: least idle time in seconds, most keys to remove. Atomic, so that no client can use
/// a key between the look and the removal. UNLINK gives large values back on a thread of the server's own.
constexpr const char* kRemoveIdle = R"(
local removed = 0
for _, key in ipairs(KEYS) do
  if removed >= tonumber(ARGV[2]) then break end
  local idle = redis.call('OBJECT', 'IDLETIME', key)
  if idle and idle >= tonumber(ARGV[1]) then removed = removed + redis.call('UNLINK', key) end
end
return removed)";

std::int64_t whole_seconds(Duration duration) {
  return std::chrono::ceil<std::chrono::seconds>(duration).count();
}

bool matches_everything(std::string_view pattern) { return pattern.find_first_not_of("*?") == pattern.npos; }

}  // namespace

void CachePrune::declare(Arguments& arguments) {
  arguments.add("server", &server_, Need::required,
                "the Redis server: HOST:PORT or the path of its Unix socket");
  arguments.add_patterns("patterns", &patterns_,
                         "keys to remove, as patterns of Redis' own: session:*, cache:page:*");
  arguments.add("idle", &idle_, Need::optional, "remove only keys that nobody used for at least this long");
  arguments.add("target_memory", &target_memory_, Need::optional,
                "stop when the server uses less memory than this; a share is of its maxmemory");
  arguments.add("max_keys", &max_keys_, Need::optional, "remove at most so many keys; 0: no limit");
  arguments.add("batch", &batch_, Need::optional, "keys to look at between two pauses (COUNT of SCAN)");
  arguments.add("password_file", &password_file_, Need::optional,
                "file whose first line is the server's password");
  arguments.add("db", &db_, Need::optional, "number of the database");
}

Status CachePrune::validate() const {
  const auto fault = [](std::string message) {
    return Error(ErrorCode::invalid_argument, std::move(message));
  };
  if (const auto address = parse_stream_address(server_); !address.ok()) {
    return Error(address.error()).wrap("server");
  }
  if (patterns_.empty() && !has_target()) {
    return fault("give patterns, or a target_memory to stop at, so that it is clear what may be removed");
  }
  for (const std::string& pattern : patterns_) {
    if (pattern.empty()) return fault("patterns: an empty pattern matches nothing");
  }
  const std::vector<std::string> all = patterns();
  if (idle_ <= Duration::zero() && std::any_of(all.begin(), all.end(), matches_everything)) {
    return fault(
        "a pattern that matches every key needs `idle`: otherwise the whole database would be removed; "
        "if that is meant, use command.run with redis-cli FLUSHDB");
  }
  if (idle_ < Duration::zero()) return fault("idle: a negative time");
  if (idle_ > kLongestIdle) return fault("idle: Redis counts idle time up to 194 days only");
  if (batch_ < 1 || batch_ > 10'000) return fault("batch: from 1 to 10000");
  if (max_keys_ < 0) return fault("max_keys: not negative; 0 is no limit");
  if (db_ < 0) return fault("db: not negative");
  return {};
}

std::vector<std::string> CachePrune::patterns() const {
  return patterns_.empty() ? std::vector<std::string>{"*"} : patterns_;
}

/// The connection, the server's facts, and what was asked for in the server's own numbers.
class CachePrune::Session {
 public:
  RedisSession redis;
  RedisFacts facts;
  std::uint64_t target = 0;  ///< bytes; 0: none

  bool target_met(std::uint64_t used) const { return target > 0 && used < target; }
};

Result<CachePrune::Session> CachePrune::open(ActionContext& context) const {
  const Result<std::string> password = read_redis_password(password_file_);
  if (!password.ok()) return password.error();
  Result<RedisSession> redis = RedisSession::open(
      {.server = server_, .password = *password, .database = static_cast<int>(db_)}, context);
  if (!redis.ok()) return std::move(redis).error();
  Result<RedisFacts> facts = redis->facts();
  if (!facts.ok()) return std::move(facts).error();

  const auto refuse = [&](std::string why) {
    return Error(ErrorCode::failed_precondition, fmt::format("redis {}: {}", server_, why));
  };
  if (facts->is_replica) return refuse("this is a replica; keys are removed on its primary");
  if (facts->is_lfu && idle_ > Duration::zero()) {
    return refuse(
        fmt::format("maxmemory-policy is {}, and under an LFU policy Redis keeps no idle time; "
                    "use an LRU policy, or remove by pattern without `idle`",
                    facts->policy));
  }
  if (target_memory_.is_percent && facts->max_memory == 0) {
    return refuse("target_memory is a share of maxmemory, but the server has none set; give a size");
  }
  const double share = static_cast<double>(facts->max_memory) * target_memory_.percent / 100;
  const std::uint64_t target =
      target_memory_.is_percent ? static_cast<std::uint64_t>(share) : target_memory_.bytes;
  return Session{std::move(*redis), std::move(*facts), target};
}

namespace {

/// What a plan counted for one pattern.
struct Count {
  std::uint64_t scanned = 0;
  std::uint64_t matching = 0;
  std::uint64_t sampled = 0;
  std::uint64_t sampled_bytes = 0;

  std::uint64_t bytes() const {
    return sampled == 0
               ? 0
               : static_cast<std::uint64_t>(static_cast<double>(sampled_bytes) /
                                            static_cast<double>(sampled) * static_cast<double>(matching));
  }
};

/// Drops the keys that were used lately. OBJECT IDLETIME does not count as a use; TYPE or GET would.
Result<std::vector<std::string>> keep_idle(RedisSession& redis, std::vector<std::string> keys,
                                           Duration idle) {
  if (idle <= Duration::zero() || keys.empty()) return keys;
  std::vector<RedisCommand> questions;
  questions.reserve(keys.size());
  for (const std::string& key : keys) questions.push_back({"OBJECT", "IDLETIME", key});
  const Result<std::vector<RedisReply>> answers = redis.pipeline(questions);
  if (!answers.ok()) return answers.error();
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const RedisReply& answer = (*answers)[i];
    if (answer.is_error()) return redis.error_of(answer);
    if (answer.is_integer() && answer.integer >= whole_seconds(idle)) kept.push_back(std::move(keys[i]));
  }
  return kept;
}

Status sample_memory(RedisSession& redis, const std::vector<std::string>& keys, Count& count) {
  std::vector<RedisCommand> questions;
  for (std::size_t i = 0; i < std::min(keys.size(), kSampledKeys); ++i)
    questions.push_back({"MEMORY", "USAGE", keys[i]});
  if (questions.empty()) return {};
  const Result<std::vector<RedisReply>> answers = redis.pipeline(questions);
  if (!answers.ok()) return answers.error();
  for (const RedisReply& answer : *answers) {
    if (!answer.is_integer() || answer.integer < 0) continue;  // gone meanwhile, or a server before 4.0
    ++count.sampled;
    count.sampled_bytes += static_cast<std::uint64_t>(answer.integer);
  }
  return {};
}

Result<Count> count_keys(RedisSession& redis, ActionContext& context, const std::string& pattern,
                         Duration idle, std::int64_t batch) {
  Count count;
  std::string cursor = "0";
  do {
    Result<std::vector<std::string>> keys = redis.scan(cursor, pattern, batch);
    if (!keys.ok()) return std::move(keys).error();
    count.scanned += keys->size();
    keys = keep_idle(redis, std::move(*keys), idle);
    if (!keys.ok()) return std::move(keys).error();
    count.matching += keys->size();
    if (Status sampled = sample_memory(redis, *keys, count); !sampled.ok()) return sampled.error();
    redis.give_way();
  } while (cursor != "0" && !context.should_stop());
  if (cursor != "0") return Error(ErrorCode::timed_out, "the deadline passed before all keys were counted");
  return count;
}

}  // namespace

Result<Plan> CachePrune::plan(ActionContext& context) {
  Result<Session> session = open(context);
  if (!session.ok()) return std::move(session).error();
  Plan plan;
  if (session->target_met(session->facts.used_memory)) {
    plan.summary = fmt::format("nothing: {} uses {}, which is below the target of {}", server_,
                               format_bytes(session->facts.used_memory), format_bytes(session->target));
    return plan;
  }
  for (const std::string& pattern : patterns()) {
    const Result<Count> count = count_keys(session->redis, context, pattern, idle_, batch_);
    if (!count.ok()) return Error(count.error()).wrap("pattern " + pattern);
    plan.objects += count->matching;
    plan.bytes += count->bytes();
    plan.items.push_back({.what = "keys " + pattern,
                          .bytes = count->bytes(),
                          .objects = count->matching,
                          .note = idle_ > Duration::zero()
                                      ? fmt::format("of {} that match, those idle for {}", count->scanned,
                                                    format_duration(idle_))
                                      : std::string()});
  }
  std::sort(plan.items.begin(), plan.items.end(),
            [](const PlanItem& a, const PlanItem& b) { return a.bytes > b.bytes; });
  if (plan.items.size() > 200) plan.items.resize(200);
  plan.summary =
      fmt::format("remove {} keys of {}, about {}{}{}", plan.objects, server_, format_bytes(plan.bytes),
                  patterns_.size() > 1 ? " (a key under two patterns counts twice)" : "",
                  session->target > 0 ? ", stopping below " + format_bytes(session->target) : "");
  return plan;
}

/// One run: goes through the keys and keeps the report current, so that a failure half-way still tells.
class CachePrune::Removal {
 public:
  Removal(const CachePrune& action, Session& session, ActionContext& context, Report& report)
      : action_(action),
        session_(session),
        context_(context),
        report_(report),
        before_(session.facts.used_memory) {}

  Status run() {
    Status status = remove_all();
    // What UNLINK left to the server's own threads is not counted before they are done.
    if (status.ok()) status = settle();
    conclude();
    if (!status.ok()) {
      return Error(status.error()).wrap(fmt::format("stopped after {} keys", report_.removed_objects));
    }
    return {};
  }

 private:
  Status remove_all() {
    for (const std::string& pattern : action_.patterns()) {
      std::string cursor = "0";
      do {
        if (context_.cancel.cancelled()) return Error(ErrorCode::cancelled, "cancelled");
        if (context_.should_stop()) return Error(ErrorCode::timed_out, "the deadline passed");
        if (enough()) return {};
        const Result<std::vector<std::string>> keys = session_.redis.scan(cursor, pattern, action_.batch_);
        if (!keys.ok()) return keys.error();
        if (Status status = remove_page(*keys); !status.ok()) return status;
        // A target is not overshot because memory comes back late.
        const Status settled = session_.target > 0 && freeing_ > 0 ? settle() : Status();
        if (!settled.ok()) return settled;
        session_.redis.give_way();
      } while (cursor != "0");
    }
    return {};
  }

  bool enough() const { return left() == 0 || session_.target_met(used_); }

  std::uint64_t left() const {
    if (action_.max_keys_ == 0) return std::numeric_limits<std::int64_t>::max();
    const auto most = static_cast<std::uint64_t>(action_.max_keys_);
    return most > report_.removed_objects ? most - report_.removed_objects : 0;
  }

  Status remove_page(std::span<const std::string> keys) {
    const std::size_t at_once = session_.facts.is_cluster ? 1 : kKeysAtOnce;
    while (!keys.empty() && !enough()) {
      const std::span<const std::string> now = keys.first(std::min(keys.size(), at_once));
      keys = keys.subspan(now.size());
      const Result<RedisReply> reply = session_.redis.command(request(now));
      if (!reply.ok()) return reply.error();
      if (reply->integer <= 0) continue;
      report_.removed_objects += static_cast<std::uint64_t>(reply->integer);
      if (Status status = measure(); !status.ok()) return status;
    }
    return {};
  }

  RedisCommand request(std::span<const std::string> keys) const {
    if (action_.idle_ <= Duration::zero()) {
      RedisCommand unlink = {"UNLINK"};
      const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(left(), keys.size()));
      unlink.insert(unlink.end(), keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(most));
      return unlink;
    }
    RedisCommand eval = {"EVAL", kRemoveIdle, std::to_string(keys.size())};
    eval.insert(eval.end(), keys.begin(), keys.end());
    eval.push_back(std::to_string(whole_seconds(action_.idle_)));
    eval.push_back(std::to_string(left()));
    return eval;
  }

  Status measure() {
    const Result<RedisReply> info = session_.redis.command({"INFO", "memory"});
    if (!info.ok()) return info.error();
    used_ = parse_int<std::uint64_t>(redis_info_field(info->text, "used_memory")).value_or(used_);
    freeing_ = parse_int<std::uint64_t>(redis_info_field(info->text, "lazyfree_pending_objects")).value_or(0);
    // Others write meanwhile: the difference is what the server gained, and never less than nothing.
    report_.freed_bytes = before_ > used_ ? before_ - used_ : 0;
    return {};
  }

  Status settle() {
    const BootTime end = std::min(context_.clock.boot() + std::chrono::seconds(1), context_.deadline);
    do {
      if (Status status = measure(); !status.ok()) return status;
      if (freeing_ == 0) return {};
    } while (!context_.cancel.wait_for(std::chrono::milliseconds(10)) && context_.clock.boot() < end);
    return {};
  }

  void conclude() {
    report_.summary = fmt::format("removed {} keys of {}, {} freed", report_.removed_objects, action_.server_,
                                  format_bytes(report_.freed_bytes));
    report_.facts.emplace_back("used_memory_before", std::to_string(before_));
    report_.facts.emplace_back("used_memory_after", std::to_string(used_));
    if (session_.target > 0) {
      report_.facts.emplace_back("target_memory", std::to_string(session_.target));
      report_.facts.emplace_back("target_reached", session_.target_met(used_) ? "yes" : "no");
    }
    if (left() == 0) report_.facts.emplace_back("stopped_by", "max_keys");
  }

  const CachePrune& action_;
  Session& session_;
  ActionContext& context_;
  Report& report_;
  const std::uint64_t before_;
  std::uint64_t used_ = before_;
  std::uint64_t freeing_ = 0;
};

Status CachePrune::run(ActionContext& context, Report& report) {
  Result<Session> session = open(context);
  if (!session.ok()) return std::move(session).error();
  return Removal(*this, *session, context, report).run();
}

}  // namespace chiron::remediation
