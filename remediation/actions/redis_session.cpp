#include "remediation/actions/redis_session.h"

#include "exporter/base/parse.h"

namespace chiron::remediation {
namespace {

std::uint64_t number(std::string_view info, std::string_view name) {
  return parse_int<std::uint64_t>(redis_info_field(info, name)).value_or(0);
}

}  // namespace

Result<RedisSession> RedisSession::open(const RedisOptions& options, ActionContext& context) {
  RedisOptions bounded = options;
  bounded.timeout = context.remaining();
  bounded.wake_descriptor = context.cancel.descriptor();
  Result<RedisClient> client = RedisClient::connect(bounded);
  if (!client.ok()) return std::move(client).error();
  return RedisSession(std::move(*client), context);
}

Result<RedisReply> RedisSession::command(const RedisCommand& command) {
  const BootTime start = system_clock().boot();
  Result<RedisReply> reply = client_.command(command, context_->remaining());
  worked_ += system_clock().boot() - start;
  return reply;
}

Result<std::vector<RedisReply>> RedisSession::pipeline(const std::vector<RedisCommand>& commands) {
  const BootTime start = system_clock().boot();
  Result<std::vector<RedisReply>> replies = client_.pipeline(commands, context_->remaining());
  worked_ += system_clock().boot() - start;
  return replies;
}

Result<RedisFacts> RedisSession::facts() {
  std::string info;
  // Asked for one by one: servers before 7.0 take one section at a time, and "everything" costs them ten
  // times more.
  for (const char* section : {"replication", "memory", "cluster"}) {
    const Result<RedisReply> reply = command({"INFO", section});
    if (!reply.ok()) return reply.error();
    info += reply->text;
    info += "\r\n";
  }
  RedisFacts facts;
  facts.is_replica = redis_info_field(info, "role") == "slave";
  facts.is_cluster = redis_info_field(info, "cluster_enabled") == "1";
  facts.policy = redis_info_field(info, "maxmemory_policy");
  facts.is_lfu = facts.policy.find("lfu") != std::string::npos;
  facts.used_memory = number(info, "used_memory");
  facts.max_memory = number(info, "maxmemory");
  facts.freeing_objects = number(info, "lazyfree_pending_objects");
  return facts;
}

Result<std::vector<std::string>> RedisSession::scan(std::string& cursor, const std::string& pattern,
                                                    std::int64_t count) {
  RedisCommand request = {"SCAN", cursor, "COUNT", std::to_string(count)};
  if (pattern != "*") request.insert(request.end(), {"MATCH", pattern});
  Result<RedisReply> reply = command(request);
  if (!reply.ok()) return std::move(reply).error();
  const bool well_formed = reply->is_array() && reply->elements.size() == 2 && reply->elements[0].is_text() &&
                           reply->elements[1].is_array();
  if (!well_formed) {
    return Error(ErrorCode::corrupt,
                 "redis " + client_.server() + ": SCAN answered something else than a cursor and keys");
  }
  cursor = reply->elements[0].text;
  std::vector<std::string> keys;
  keys.reserve(reply->elements[1].elements.size());
  for (RedisReply& key : reply->elements[1].elements) keys.push_back(std::move(key.text));
  return keys;
}

void RedisSession::give_way() {
  constexpr Duration kMost = std::chrono::milliseconds(5);
  const Duration pause = std::min({worked_, kMost, context_->remaining()});
  if (pause > Duration::zero()) context_->cancel.wait_for(pause);
  worked_ = {};
}

}  // namespace chiron::remediation
