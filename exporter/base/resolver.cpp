#include "exporter/base/resolver.h"

#include "exporter/base/file.h"
#include "exporter/base/thread_annotations.h"

#include <cerrno>
#include <map>
#include <memory>
#include <system_error>
#include <thread>

#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

namespace chiron {
namespace {

constexpr std::size_t kMostThreads = 16;

/// What getaddrinfo(3) said.
struct Answer {
  int failure = 0;
  int system_error = 0;  // with EAI_SYSTEM
  std::vector<std::string> addresses;
};

Answer ask(const std::string& host, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  Answer answer;
  answer.failure = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  answer.system_error = errno;
  for (const addrinfo* each = found; answer.failure == 0 && each != nullptr; each = each->ai_next) {
    char text[NI_MAXHOST];
    const int failure =
        ::getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
    if (failure == 0) answer.addresses.emplace_back(text);
  }
  if (found != nullptr) ::freeaddrinfo(found);
  return answer;
}

Error failure(const std::string& host, ErrorCode code, const std::string& why) {
  return {code, "resolve " + host + ": " + why};
}

Result<std::vector<std::string>> result_of(Answer answer, const std::string& host) {
  if (answer.failure == EAI_SYSTEM) {
    return failure(host, ErrorCode::unavailable, std::generic_category().message(answer.system_error));
  }
  if (answer.failure != 0) return failure(host, ErrorCode::unavailable, ::gai_strerror(answer.failure));
  if (answer.addresses.empty()) return failure(host, ErrorCode::unavailable, "it has no address");
  return std::move(answer.addresses);
}

/// A name that is being looked up. Shared by the thread that does and all who wait for it.
struct Lookup {
  const FileDescriptor done{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};  // readable once there is an answer
  Mutex mutex;
  Answer answer CHIRON_GUARDED_BY(mutex);
};

struct Lookups {
  Mutex mutex;
  std::map<std::string, std::shared_ptr<Lookup>> running CHIRON_GUARDED_BY(mutex);
};

/// Never destroyed: a thread that was left behind may outlive the end of main().
Lookups& lookups() {
  static Lookups& all = *new Lookups;
  return all;
}

void look_up(const std::string& host, Lookup& lookup) {
  Answer answer = ask(host, 0);
  {
    const MutexLock lock(lookup.mutex);
    lookup.answer = std::move(answer);
  }
  ::eventfd_write(lookup.done.get(), 1);
  Lookups& all = lookups();
  const MutexLock lock(all.mutex);
  all.running.erase(host);
}

Result<std::shared_ptr<Lookup>> join_or_start(const std::string& host) {
  Lookups& all = lookups();
  const MutexLock lock(all.mutex);
  if (const auto known = all.running.find(host); known != all.running.end()) return known->second;
  if (all.running.size() >= kMostThreads) {
    return failure(host, ErrorCode::exhausted,
                   std::to_string(kMostThreads) + " earlier look-ups still wait for the name server");
  }
  auto lookup = std::make_shared<Lookup>();
  if (!lookup->done) return Error::from_errno(errno, "resolve " + host);
  try {
    std::thread([lookup, host] { look_up(host, *lookup); }).detach();
  } catch (const std::system_error& error) {
    return failure(host, ErrorCode::exhausted, std::string("no thread: ") + error.what());
  }
  // The thread takes itself off the list under the same lock, so it cannot have done so yet.
  all.running.emplace(host, lookup);
  return lookup;
}

}  // namespace

Result<std::vector<std::string>> resolve_host(const std::string& host, const SocketWait& wait) {
  Answer numeric = ask(host, AI_NUMERICHOST);
  if (numeric.failure != EAI_NONAME) return result_of(std::move(numeric), host);

  const Result<std::shared_ptr<Lookup>> lookup = join_or_start(host);
  if (!lookup) return lookup.error();
  if (Status done = wait_for_socket((*lookup)->done.get(), POLLIN, wait); !done) {
    return std::move(done).error().wrap("resolve " + host);
  }
  const MutexLock lock((*lookup)->mutex);
  return result_of((*lookup)->answer, host);
}

}  // namespace chiron
