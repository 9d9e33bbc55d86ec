#pragma once

#include "exporter/base/result.h"

#include <string>

namespace chiron {

/// What a server is shown to be let in. The secrets stand in files of their own.
struct HttpCredentials {
  std::string username = {}, password_file = {};  ///< basic auth (RFC 7617)
  std::string type = "Bearer";
  std::string file = {};  ///< Authorization: TYPE CONTENT
};

/// The value of the header Authorization; "" when there are none. Reads the file each time: secrets are
/// changed under a running agent.
Result<std::string> authorization_of(const HttpCredentials& credentials);

/// The content of a file that holds a secret, without blanks and line breaks around it, at most 64 KiB.
/// Errors: invalid_argument when it has more than one line, or none.
Result<std::string> read_secret(const std::string& path);

}  // namespace chiron
