#pragma once

#include "remediation/actions/action.h"
#include "remediation/actions/logs/logs_work.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// logs.rotate: removes old parts of logs, compresses what is a day old, and rotates logs past a size; only
/// below deletion.roots, and nothing that logrotate, journald or auditd looks after. Fails when a file that
/// was due could not be taken care of (the others are); the report tells what was done all the same.
class LogsRotate final : public Action {
 public:
  explicit LogsRotate(LogsWork::MakeManager make_manager = make_systemd_manager)
      : make_manager_(std::move(make_manager)) {}
  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 private:
  LogsRequest request() const;

  const LogsWork::MakeManager make_manager_;
  std::vector<std::string> globs_;
  std::string max_size_ = "10MB";
  std::int64_t keep_ = 7;
  Duration compress_after_ = std::chrono::hours(24);
  Duration delete_after_ = std::chrono::hours(24 * 14);
  std::string writer_ = "leave";
  std::string unit_;
  std::string signal_ = "HUP";
  std::string reload_;
};

}  // namespace chiron::remediation
