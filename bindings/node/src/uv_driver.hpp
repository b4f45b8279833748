// The core's driver interface on a libuv loop: uv_poll for sockets, one timer per connection for its deadline,
// and a prepare handle that flushes what was submitted before the loop waits again.
//
// A handle is referenced only while a caller waits for a result, so none keeps a finished process alive.
// Handles are sized at run time: the header may be older than the node that runs.
//
// Thread safety: belongs to the thread of its loop.
#pragma once

#include <functional>
#include <memory>
#include <uv.h>
#include <vector>

#include "coatcheck/driver.hpp"

namespace coatcheck::node {

class environment;

class uv_driver final : public driver, public std::enable_shared_from_this<uv_driver> {
 public:
  uv_driver(uv_loop_t* loop, environment& where) noexcept;
  ~uv_driver() override;

  void update(pollable& what) override;
  void drop_fd(pollable& what, int fd) override;
  void flush_soon(pollable& what) override;
  void resolve(pollable& what, const std::string& host, std::uint16_t port) override;
  void forget(pollable& what) override;

  // Closes every handle; `done` runs once the loop has let go of them all.
  void shut_down(std::function<void()> done);

 private:
  struct watch;
  struct lookup;

  template <class Handle>
  Handle* make_handle(uv_handle_type type);
  void close_handle(uv_handle_t* handle);
  watch& watch_of(pollable& what);
  void drop_poll(watch& one);
  void drop_watch(watch& one);
  void arm(watch& one, steady_ms deadline);
  void set_referenced(watch& one, bool referenced);
  void flush_all();
  [[nodiscard]] bool watches(const watch& one) const noexcept;

  static void on_poll(uv_poll_t* handle, int status, int events);
  static void on_timer(uv_timer_t* handle);
  static void on_prepare(uv_prepare_t* handle);
  static void on_closed(uv_handle_t* handle);
  static void on_looked_up(uv_getaddrinfo_t* request, int status, addrinfo* found);
  static void drop_lookup(watch& one);
  void one_less();

  uv_loop_t* loop_;
  environment& where_;
  std::vector<std::unique_ptr<watch>> watches_;
  std::vector<pollable*> to_flush_;
  uv_prepare_t* prepare_ = nullptr;
  int open_handles_ = 0;
  bool shut_ = false;
  std::function<void()> when_closed_;
};

}  // namespace coatcheck::node
