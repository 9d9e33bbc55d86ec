#include "exporter/base/resolver.h"

#include "exporter/base/parse.h"

#include <system_error>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace chiron {
namespace {

constexpr int kMostThreads = 16;

/// Shared by the thread that looks up and the caller that may have gone.
struct Lookup {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;  // guarded by mutex, as the rest
  int failure = 0;    // of getaddrinfo
  std::vector<std::string> addresses;
};

std::atomic<int>& running_lookups() {
  static std::atomic<int> count = 0;
  return count;
}

bool is_ip_address(const std::string& host) {
  in_addr four{};
  in6_addr six{};
  return ::inet_pton(AF_INET, host.c_str(), &four) == 1 || ::inet_pton(AF_INET6, host.c_str(), &six) == 1;
}

void look_up(const std::string& host, Lookup& lookup) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  std::vector<std::string> addresses;
  for (const addrinfo* at = found; failure == 0 && at != nullptr; at = at->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
      addresses.emplace_back(text);
    }
  }
  if (found != nullptr) ::freeaddrinfo(found);
  const std::lock_guard lock(lookup.mutex);
  lookup.failure = failure;
  lookup.addresses = std::move(addresses);
  lookup.done = true;
  lookup.changed.notify_all();
}

}  // namespace

Result<std::vector<std::string>> resolve_host(const std::string& host, Duration timeout) {
  if (is_ip_address(host)) return std::vector{host};
  if (running_lookups().fetch_add(1) >= kMostThreads) {
    running_lookups().fetch_sub(1);
    return Error(ErrorCode::exhausted, "resolve " + host + ": " + std::to_string(kMostThreads) +
                                           " earlier look-ups still wait for the name server");
  }
  auto lookup = std::make_shared<Lookup>();
  try {
    std::thread([lookup, host] {
      look_up(host, *lookup);
      running_lookups().fetch_sub(1);
    }).detach();
  } catch (const std::system_error& e) {
    running_lookups().fetch_sub(1);
    return Error(ErrorCode::exhausted, "resolve " + host + ": no thread: " + e.what());
  }
  std::unique_lock lock(lookup->mutex);
  if (!lookup->changed.wait_for(lock, timeout, [&] { return lookup->done; })) {
    return Error(ErrorCode::timed_out, "resolve " + host + ": no answer within " + format_duration(timeout));
  }
  if (lookup->failure != 0 || lookup->addresses.empty()) {
    const char* why = lookup->failure != 0 ? ::gai_strerror(lookup->failure) : "no address";
    return Error(ErrorCode::unavailable, "resolve " + host + ": " + why);
  }
  return std::move(lookup->addresses);
}

}  // namespace chiron
