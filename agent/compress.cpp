#include "agent/compress.h"

#include "exporter/base/gzip.h"
#include "exporter/http/accept.h"

namespace chiron::agent {

http::Response compressed(http::Response response, const http::Request& request) {
  response.headers.emplace_back("Vary", "Accept-Encoding");
  if (response.body.size() < kLeastGzipped ||
      !http::prefers_coding(request.header_list("accept-encoding"), "gzip")) {
    return response;
  }
  std::string zipped = gzip(response.body);
  if (zipped.empty()) return response;
  response.body = std::move(zipped);
  response.headers.emplace_back("Content-Encoding", "gzip");
  return response;
}

}  // namespace chiron::agent
