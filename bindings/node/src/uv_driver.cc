// Sockets, deadlines and flushes on a libuv loop.
#include "uv_driver.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "environment.hpp"

namespace coatcheck::node {

// One connection as the loop sees it. Freed by forget(); its handles free themselves once they are closed.
struct uv_driver::watch {
  uv_driver* owner;
  pollable* what;
  uv_poll_t* poll = nullptr;
  int fd = -1;
  int events = 0;
  uv_timer_t* timer = nullptr;
  steady_ms armed = no_deadline;
  bool flushing = false;
  lookup* looking = nullptr;
};

// A name being looked up. Freed when the loop is done with it, also where nobody waits for it any more.
struct uv_driver::lookup {
  std::shared_ptr<uv_driver> driver;
  watch* of;  // null: nobody waits
  uv_getaddrinfo_t request{};
};

uv_driver::uv_driver(uv_loop_t* loop, environment& where) noexcept : loop_(loop), where_(where) {}
uv_driver::~uv_driver() = default;

template <class Handle>
Handle* uv_driver::make_handle(uv_handle_type type) {
  auto* handle = static_cast<Handle*>(std::calloc(1, uv_handle_size(type)));
  if (handle == nullptr) std::abort();
  ++open_handles_;
  return handle;
}

void uv_driver::close_handle(uv_handle_t* handle) {
  // The driver outlives its handles, also when the environment has let go of it.
  uv_handle_set_data(handle, new std::shared_ptr<uv_driver>(shared_from_this()));
  uv_close(handle, on_closed);
}

void uv_driver::on_closed(uv_handle_t* handle) {
  const std::unique_ptr<std::shared_ptr<uv_driver>> held(
      static_cast<std::shared_ptr<uv_driver>*>(uv_handle_get_data(handle)));
  uv_driver& self = **held;
  std::free(handle);
  self.one_less();
}

void uv_driver::one_less() {
  if (--open_handles_ == 0 && when_closed_) std::exchange(when_closed_, nullptr)();
}

uv_driver::watch& uv_driver::watch_of(pollable& what) {
  if (what.slot != nullptr) return *static_cast<watch*>(what.slot);
  auto one = std::make_unique<watch>(watch{this, &what});
  one->timer = make_handle<uv_timer_t>(UV_TIMER);
  uv_timer_init(loop_, one->timer);
  uv_handle_set_data(reinterpret_cast<uv_handle_t*>(one->timer), one.get());
  uv_unref(reinterpret_cast<uv_handle_t*>(one->timer));
  what.slot = one.get();
  watches_.push_back(std::move(one));
  return *watches_.back();
}

void uv_driver::drop_poll(watch& one) {
  if (one.poll == nullptr) return;
  uv_poll_stop(one.poll);
  close_handle(reinterpret_cast<uv_handle_t*>(std::exchange(one.poll, nullptr)));
  one.fd = -1;
  one.events = 0;
}

void uv_driver::drop_watch(watch& one) {
  drop_poll(one);
  drop_lookup(one);
  uv_timer_stop(one.timer);
  close_handle(reinterpret_cast<uv_handle_t*>(one.timer));
  if (one.flushing) std::erase(to_flush_, one.what);
  one.what->slot = nullptr;
  std::erase_if(watches_, [&](const auto& other) { return other.get() == &one; });
}

void uv_driver::update(pollable& what) {
  if (shut_) return;
  watch& one = watch_of(what);
  const int fd = what.fd();
  if (fd != one.fd) {
    drop_poll(one);
    if (fd >= 0) {
      auto* poll = make_handle<uv_poll_t>(UV_POLL);
      if (uv_poll_init(loop_, poll, fd) != 0) {
        // Never initialised, so never closed. The connection's own deadline ends what waits for this socket.
        std::free(poll);
        --open_handles_;
      } else {
        uv_handle_set_data(reinterpret_cast<uv_handle_t*>(poll), &one);
        one.poll = poll;
        one.fd = fd;
      }
    }
  }
  if (one.poll != nullptr) {
    const int events = UV_READABLE | (what.wants_write() ? UV_WRITABLE : 0);
    if (events != one.events && uv_poll_start(one.poll, events, on_poll) == 0) one.events = events;
  }
  arm(one, what.deadline());
  set_referenced(one, what.busy());
}

// A timer that fires too early is cheap: it looks, and is armed again. So a deadline that moves away, as it
// does with every operation, costs nothing here.
void uv_driver::arm(watch& one, steady_ms deadline) {
  if (deadline == no_deadline || deadline >= one.armed) return;
  const steady_ms wait = std::max<steady_ms>(deadline - steady_now(), 0);
  uv_update_time(loop_);
  uv_timer_start(one.timer, on_timer, static_cast<std::uint64_t>(wait), 0);
  one.armed = deadline;
}

void uv_driver::set_referenced(watch& one, bool referenced) {
  const auto change = referenced ? uv_ref : uv_unref;
  if (one.poll != nullptr) change(reinterpret_cast<uv_handle_t*>(one.poll));
  change(reinterpret_cast<uv_handle_t*>(one.timer));
}

void uv_driver::drop_fd(pollable& what, int) {
  if (what.slot != nullptr) drop_poll(*static_cast<watch*>(what.slot));
}

void uv_driver::forget(pollable& what) {
  if (what.slot != nullptr) drop_watch(*static_cast<watch*>(what.slot));
}

// By getaddrinfo on a thread of libuv's, as dns.lookup does.
void uv_driver::resolve(pollable& what, const std::string& host, std::uint16_t port) {
  if (shut_) return;
  watch& one = watch_of(what);
  drop_lookup(one);
  auto* made = new lookup{shared_from_this(), &one};
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  made->request.data = made;
  const int failed =
      uv_getaddrinfo(loop_, &made->request, on_looked_up, host.c_str(), std::to_string(port).c_str(), &hints);
  if (failed != 0) {
    delete made;
    what.on_resolved({errc::store_unavailable, uv_strerror(failed)});
    return;
  }
  ++open_handles_;
  one.looking = made;
}

void uv_driver::drop_lookup(watch& one) {
  if (one.looking == nullptr) return;
  one.looking->of = nullptr;
  uv_cancel(reinterpret_cast<uv_req_t*>(&std::exchange(one.looking, nullptr)->request));
}

void uv_driver::on_looked_up(uv_getaddrinfo_t* request, int status, addrinfo* found) {
  const std::unique_ptr<lookup> mine(static_cast<lookup*>(request->data));
  const auto self = mine->driver;
  watch* const one = mine->of;
  if (one != nullptr) {
    callback_frame frame(self->where_);
    one->looking = nullptr;
    pollable* const what = one->what;
    if (status != 0) {
      what->on_resolved({errc::store_unavailable, uv_strerror(status)});
    } else {
      what->on_resolved(copy_addresses(found));
    }
    if (self->watches(*one)) self->update(*what);
  }
  uv_freeaddrinfo(found);
  self->one_less();
}

void uv_driver::flush_soon(pollable& what) {
  if (shut_) return;
  watch& one = watch_of(what);
  if (one.flushing) return;
  one.flushing = true;
  to_flush_.push_back(&what);
  if (prepare_ == nullptr) {
    prepare_ = make_handle<uv_prepare_t>(UV_PREPARE);
    uv_prepare_init(loop_, prepare_);
    uv_handle_set_data(reinterpret_cast<uv_handle_t*>(prepare_), this);
  }
  uv_prepare_start(prepare_, on_prepare);
}

// JavaScript that runs while results are handed over may submit more, and the loop is about to wait: go on
// until nothing is left.
void uv_driver::flush_all() {
  const auto alive = shared_from_this();
  while (!to_flush_.empty()) {
    callback_frame frame(where_);
    pollable* what = to_flush_.back();
    to_flush_.pop_back();
    static_cast<watch*>(what->slot)->flushing = false;
    what->flush();
  }
  if (prepare_ != nullptr) uv_prepare_stop(prepare_);
}

// A callback may have ended it.
bool uv_driver::watches(const watch& one) const noexcept {
  return std::any_of(watches_.begin(), watches_.end(), [&](const auto& other) { return other.get() == &one; });
}

void uv_driver::on_prepare(uv_prepare_t* handle) {
  static_cast<uv_driver*>(uv_handle_get_data(reinterpret_cast<uv_handle_t*>(handle)))->flush_all();
}

void uv_driver::on_poll(uv_poll_t* handle, int status, int events) {
  auto* one = static_cast<watch*>(uv_handle_get_data(reinterpret_cast<uv_handle_t*>(handle)));
  const auto self = one->owner->shared_from_this();
  callback_frame frame(self->where_);
  pollable* what = one->what;
  // A callback may close this socket or forget the connection altogether.
  const auto still_there = [&] {
    return std::any_of(self->watches_.begin(), self->watches_.end(),
                       [&](const auto& other) { return other.get() == one && other->what == what; });
  };
  if (status < 0 || (events & (UV_READABLE | UV_DISCONNECT)) != 0) {
    what->on_readable();
    if (!still_there()) return;
  }
  if ((events & UV_WRITABLE) != 0 && one->poll == handle) {
    what->on_writable();
    if (!still_there()) return;
  }
  self->update(*what);
}

void uv_driver::on_timer(uv_timer_t* handle) {
  auto* one = static_cast<watch*>(uv_handle_get_data(reinterpret_cast<uv_handle_t*>(handle)));
  const auto self = one->owner->shared_from_this();
  callback_frame frame(self->where_);
  one->armed = no_deadline;
  pollable* what = one->what;
  const steady_ms now = steady_now();
  if (what->deadline() <= now) what->on_deadline(now);
  if (self->watches(*one)) self->update(*what);
}

void uv_driver::shut_down(std::function<void()> done) {
  shut_ = true;
  when_closed_ = std::move(done);
  while (!watches_.empty()) drop_watch(*watches_.back());
  to_flush_.clear();
  if (prepare_ != nullptr) close_handle(reinterpret_cast<uv_handle_t*>(std::exchange(prepare_, nullptr)));
  if (open_handles_ == 0) std::exchange(when_closed_, nullptr)();
}

}  // namespace coatcheck::node
