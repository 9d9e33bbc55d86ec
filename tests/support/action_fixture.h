#pragma once

#include "exporter/base/cancel.h"
#include "remediation/actions/action.h"
#include "tests/support/recording_log.h"

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace chiron::testing {

/// What an action's context refers to, with the host's own clock unless another is given.
struct ActionFixture {
  explicit ActionFixture(const Clock& the_clock = system_clock()) : clock(the_clock) {}

  remediation::ActionContext context(Duration within = std::chrono::seconds(30)) {
    return {.paths = paths,
            .clock = clock,
            .log = log,
            .isolation = isolation,
            .cancel = cancel,
            .deadline = clock.boot() + within,
            .deletion = deletion,
            .bus = {},
            .watched_services = watched_services,
            .run_id = "run-1"};
  }

  const Clock& clock;
  HostPaths paths;
  RecordingLog log;
  Isolation isolation;
  CancelToken cancel;
  remediation::DeletionPolicy deletion;
  std::vector<std::string> watched_services;
};

/// Fills an action as a step would: texts by name; {"stages", {"a", "b"}} for lists.
class ArgumentBuilder {
 public:
  ArgumentBuilder& text(std::string name, std::string value) {
    values_.emplace_back(std::move(name),
                         remediation::ArgumentValue{.shape = remediation::ArgumentValue::Shape::text,
                                                    .texts = {std::move(value)},
                                                    .pairs = {},
                                                    .file = "test.yml",
                                                    .where = {1, 1}});
    return *this;
  }
  ArgumentBuilder& list(std::string name, std::vector<std::string> values) {
    values_.emplace_back(std::move(name),
                         remediation::ArgumentValue{.shape = remediation::ArgumentValue::Shape::list,
                                                    .texts = std::move(values),
                                                    .pairs = {},
                                                    .file = "test.yml",
                                                    .where = {1, 1}});
    return *this;
  }
  ArgumentBuilder& pairs(std::string name, std::vector<std::pair<std::string, std::string>> values) {
    values_.emplace_back(std::move(name),
                         remediation::ArgumentValue{.shape = remediation::ArgumentValue::Shape::pairs,
                                                    .texts = {},
                                                    .pairs = std::move(values),
                                                    .file = "test.yml",
                                                    .where = {1, 1}});
    return *this;
  }
  /// Declares, binds and validates; the action then is ready to plan or run.
  Status fill(remediation::Action& action) const {
    remediation::Arguments arguments;
    action.declare(arguments);
    if (Status status = arguments.bind(values_); !status) return status;
    return action.validate();
  }

 private:
  remediation::ArgumentValues values_;
};

}  // namespace chiron::testing
