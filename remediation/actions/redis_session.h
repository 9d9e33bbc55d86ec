#pragma once

#include "exporter/base/redis_client.h"
#include "remediation/actions/action.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace chiron::remediation {

/// What INFO tells of a server that cache.prune decides on.
struct RedisFacts {
  bool is_replica = false;
  bool is_cluster = false;  ///< a command may then name keys of one slot only
  bool is_lfu = false;      ///< keeps access frequency in place of idle time
  std::string policy;       ///< maxmemory-policy
  std::uint64_t used_memory = 0;
  std::uint64_t max_memory = 0;       ///< 0: no limit
  std::uint64_t freeing_objects = 0;  ///< unlinked, memory not given back yet
};

/// A connection that works on behalf of one step: nothing it does outlasts the step's deadline or a
/// cancellation.
class RedisSession {
 public:
  static Result<RedisSession> open(const RedisOptions& options, ActionContext& context);

  Result<RedisFacts> facts();
  Result<RedisReply> command(const RedisCommand& command);
  Result<std::vector<RedisReply>> pipeline(const std::vector<RedisCommand>& commands);
  Error error_of(const RedisReply& reply) const { return client_.error_of(reply); }

  /// The next page of SCAN. `cursor` begins as "0" and is "0" again after the last page.
  Result<std::vector<std::string>> scan(std::string& cursor, const std::string& pattern, std::int64_t count);

  /// Leaves the server to its other clients for as long as it just worked for us, 5 ms at most.
  void give_way();

 private:
  RedisSession(RedisClient client, ActionContext& context) : client_(std::move(client)), context_(&context) {}

  RedisClient client_;
  ActionContext* context_;
  Duration worked_{};  // by the server, for us, since give_way()
};

}  // namespace chiron::remediation
