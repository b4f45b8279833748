// The loop of event_loop.hpp. Few things are watched (one per store), so each turn looks at all of them.
#include "coatcheck/event_loop.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <time.h>

#include "net/transport/name_lookup.hpp"

namespace coatcheck {

steady_ms steady_now() noexcept {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);  // cannot fail on Linux
  return steady_ms{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

event_loop::event_loop(waiter* how) noexcept : waiter_(how) {}

event_loop::~event_loop() {
  assert(std::all_of(watched_.begin(), watched_.end(), [](const pollable* one) { return one == nullptr; }) &&
         "a store outlives its loop");
}

// Everything is looked at afresh each turn: only that it is there is noted.
void event_loop::update(pollable& what) {
  if (what.slot == nullptr) {
    what.slot = this;
    watched_.push_back(&what);
  }
}

// A descriptor of that number may be opened before this turn is over: what poll said of the old one must not reach it.
void event_loop::drop_fd(pollable&, int fd) {
  for (pollfd& one : polled_) {
    if (one.fd == fd) {
      one.fd = -1;
    }
  }
}

void event_loop::resolve(pollable& what, const std::string& host, std::uint16_t port) {
  if (waiter_ != nullptr) {
    what.on_resolved(waiter_->resolve(host, port));
    return;
  }
  drop_lookup(what);
  const auto ready = [this](net::name_lookup& done) {
    pollable& wanted_by = done.wanted_by();
    auto found = done.take();
    drop_lookup(wanted_by);  // `done` is gone
    wanted_by.on_resolved(std::move(found));
  };
  lookups_.push_back(std::make_unique<net::name_lookup>(what, host, port, ready));
  update(*lookups_.back());
}

void event_loop::drop_lookup(const pollable& wanted_by) {
  const auto at =
      std::find_if(lookups_.begin(), lookups_.end(), [&](const auto& one) { return &one->wanted_by() == &wanted_by; });
  if (at == lookups_.end()) {
    return;
  }
  const auto over = std::move(*at);
  lookups_.erase(at);
  drop_fd(*over, over->fd());
  forget(*over);
}

void event_loop::flush_soon(pollable& what) { to_flush_.push_back(&what); }

void event_loop::forget(pollable& what) {
  drop_lookup(what);
  std::replace(watched_.begin(), watched_.end(), &what, static_cast<pollable*>(nullptr));
  std::replace(to_flush_.begin(), to_flush_.end(), &what, static_cast<pollable*>(nullptr));
  what.slot = nullptr;
}

void event_loop::flush_all() {
  // A flush may plan another one. That one has its turn after the descriptors had theirs, so that a caller who starts
  // over in each completion cannot keep them from it.
  const std::size_t planned = to_flush_.size();
  for (std::size_t i = 0; i < planned; ++i) {
    if (to_flush_[i] != nullptr) {
      to_flush_[i]->flush();
    }
  }
  to_flush_.erase(to_flush_.begin(), to_flush_.begin() + static_cast<std::ptrdiff_t>(planned));
}

bool event_loop::run_once(duration_ms timeout) {
  if (turning_) {
    return false;  // from inside a completion
  }
  turning_ = true;
  const auto count_busy = [this] {
    return std::count_if(watched_.begin(), watched_.end(),
                         [](const pollable* one) { return one != nullptr && one->busy(); });
  };
  const auto busy = to_flush_.empty() ? 0 : count_busy();
  flush_all();
  const bool ended = busy != 0 && count_busy() < busy;  // what was waited for may have ended there: look before waiting
  watched_.erase(std::remove(watched_.begin(), watched_.end(), nullptr), watched_.end());

  steady_ms next = no_deadline;
  bool open = false;
  polled_.clear();
  for (const pollable* one : watched_) {
    const int fd = one->fd();
    polled_.push_back({fd, static_cast<short>(POLLIN | (one->wants_write() ? POLLOUT : 0)), 0});
    next = std::min(next, one->deadline());
    open = open || fd >= 0;
  }
  const bool more = !to_flush_.empty();
  const bool something = open || more || next != no_deadline;
  if (something) {
    duration_ms wait = more || (ended && timeout < 0) ? 0 : timeout < 0 ? std::numeric_limits<int>::max() : timeout;
    if (next != no_deadline) {
      wait = std::min(wait, std::max<duration_ms>(0, next - steady_now()));
    }
    wait = std::min<duration_ms>(wait, std::numeric_limits<int>::max());
    if (waiter_ != nullptr) {
      waiter_->wait(polled_.data(), polled_.size(), static_cast<int>(wait));
    } else {
      (void)::poll(polled_.data(), polled_.size(), static_cast<int>(wait));  // interrupted: the turn is a short one
    }
    dispatch(polled_.size());
  }
  turning_ = false;
  return something;
}

void event_loop::dispatch(std::size_t count) {
  // A callback may forget any of them, or add more: an index stays what it was until the turn is over.
  for (std::size_t i = 0; i < count; ++i) {
    const short events = polled_[i].revents;
    if (polled_[i].fd >= 0 && watched_[i] != nullptr && (events & POLLOUT) != 0) {
      watched_[i]->on_writable();
    }
    if (polled_[i].fd >= 0 && watched_[i] != nullptr && (events & (POLLIN | POLLERR | POLLHUP)) != 0) {
      watched_[i]->on_readable();
    }
  }
  const steady_ms now = steady_now();
  for (std::size_t i = 0; i < count; ++i) {
    if (watched_[i] != nullptr && watched_[i]->deadline() <= now) {
      watched_[i]->on_deadline(now);
    }
  }
  flush_all();
}

bool event_loop::run_until(const bool& done) {
  stopped_ = false;
  while (!done && !stopped_) {
    const bool anyone = std::any_of(watched_.begin(), watched_.end(),
                                    [](const pollable* one) { return one != nullptr && one->busy(); });
    if (!anyone) {
      break;
    }
    run_once();
  }
  return done;
}

void event_loop::run() {
  const bool never = false;
  (void)run_until(never);
}

}  // namespace coatcheck
