#include "exporter/base/http_credentials.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"

#include <openssl/evp.h>

namespace chiron {
namespace {

constexpr std::size_t kSecretLimit = 64 << 10;

std::string base64(std::string_view text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

}  // namespace

Result<std::string> read_secret(const std::string& path) {
  const Result<std::string> content = read_file(path, kSecretLimit);
  if (!content) return content.error();
  std::string secret(trim(*content));
  if (secret.empty()) return Error(ErrorCode::invalid_argument, path + ": holds no secret");
  if (secret.find_first_of("\r\n") != std::string::npos) {
    return Error(ErrorCode::invalid_argument, path + ": more than one line");
  }
  return secret;
}

Result<std::string> authorization_of(const HttpCredentials& credentials) {
  if (!credentials.username.empty() || !credentials.password_file.empty()) {
    if (credentials.password_file.empty()) return "Basic " + base64(credentials.username + ':');
    const Result<std::string> password = read_secret(credentials.password_file);
    if (!password) return password.error();
    return "Basic " + base64(credentials.username + ':' + *password);
  }
  if (credentials.file.empty()) return std::string();
  const Result<std::string> secret = read_secret(credentials.file);
  if (!secret) return secret.error();
  return credentials.type + ' ' + *secret;
}

}  // namespace chiron
