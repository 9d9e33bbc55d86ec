#pragma once

#include "remediation/actions/http_call.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace chiron::remediation {

/// http.request: one request to a server of HTTP, and what its answer has to be. Secrets come from files and
/// are in no argument, log, plan or record. Asks once: whether asking again does harm only its remedy knows.
class HttpRequestAction final : public Action {
 public:
  void declare(Arguments& arguments) override;
  Status validate() const override;
  Result<Plan> plan(ActionContext& context) override;
  Status run(ActionContext& context, Report& report) override;

 private:
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  Status check_message() const;
  Status check_expectations() const;
  Result<HttpCall> call() const;
  bool expects(int status) const;
  std::string shown() const;

  std::string url_, path_ = "/", method_ = "GET";
  Pairs headers_, json_;
  std::string body_;
  std::string username_, credentials_file_, credentials_type_ = "Bearer";
  Pairs header_files_;
  std::string secret_path_file_;
  std::string ca_file_;
  bool insecure_skip_verify_ = false;
  std::vector<std::string> expect_status_ = {"2xx"};
  std::string expect_body_;
  std::int64_t redirects_ = 0;
  std::string max_answer_ = "1MB";
  bool record_answer_ = true;
};

}  // namespace chiron::remediation
