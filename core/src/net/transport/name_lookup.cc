// The thread of a lookup, and how it says that it is done: see name_lookup.hpp.
#include "net/transport/name_lookup.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <sys/eventfd.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace coatcheck::net {

// Lives as long as the thread or the lookup, whichever ends later.
struct name_lookup::shared {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::mutex lock;
  std::optional<result<socket_addresses>> found;

  shared() = default;
  shared(const shared&) = delete;
  shared& operator=(const shared&) = delete;
  ~shared() {
    if (fd >= 0) ::close(fd);
  }
  void set(result<socket_addresses> answer) {
    {
      const std::lock_guard held(lock);
      found = std::move(answer);
    }
    const std::uint64_t one = 1;
    (void)!::write(fd, &one, sizeof one);
  }
};

name_lookup::name_lookup(pollable& wanted_by, const std::string& host, std::uint16_t port,
                         std::function<void(name_lookup&)> ready)
    : wanted_by_(wanted_by), ready_(std::move(ready)), shared_(std::make_shared<shared>()) {
  // The host's signals are not for this thread: a handler would run on it.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  try {
    std::thread([to = shared_, host, port] { to->set(resolve_blocking(host, port)); }).detach();
  } catch (const std::system_error& no_thread) {
    shared_->set({errc::store_unavailable, no_thread.what()});
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

name_lookup::~name_lookup() = default;

int name_lookup::fd() const noexcept { return shared_->fd; }

result<socket_addresses> name_lookup::take() {
  const std::lock_guard held(shared_->lock);
  if (!shared_->found) return {errc::store_unavailable, "no answer"};
  return *std::exchange(shared_->found, std::nullopt);
}

}  // namespace coatcheck::net
