#pragma once

#include "remediation/actions/logs/logs_work.h"

#include <string>

namespace chiron::remediation {

/// Who has the logs open, as `writer: signal` and `writer: reload` name it. What it is made of outlives it.
class LogWriter {
 public:
  LogWriter(ActionContext& context, const LogsWork::MakeManager& make_manager, const LogsRequest& request)
      : context_(context), make_manager_(make_manager), request_(request) {}

  /// Tells the writer to open its logs again, and waits, for ten seconds and until the action's deadline at
  /// most, until nobody has `old_part` open for writing. `name`: of the log, for messages.
  Status let_go(const std::string& name, int old_part) const;

 private:
  Status tell() const;

  ActionContext& context_;
  const LogsWork::MakeManager& make_manager_;
  const LogsRequest& request_;
};

}  // namespace chiron::remediation
