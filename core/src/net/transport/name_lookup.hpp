// A name being looked up for an event_loop, whose caller waits in it: getaddrinfo(3) may take longer than the caller's
// deadline, so it runs on a thread of its own, the only one that the core ever starts. The thread ends when the
// resolver does, whether or not somebody still waits, and touches nothing but its own state.
//
// In a child after fork the thread is not there: the lookup never ends, and the connection's deadline does.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "coatcheck/driver.hpp"

namespace coatcheck::net {

class name_lookup final : public pollable {
 public:
  // `ready` is called by the loop, once, when the answer is there (take).
  name_lookup(pollable& wanted_by, const std::string& host, std::uint16_t port,
              std::function<void(name_lookup&)> ready);
  ~name_lookup() override;

  [[nodiscard]] pollable& wanted_by() const noexcept { return wanted_by_; }
  [[nodiscard]] result<socket_addresses> take();

  [[nodiscard]] int fd() const noexcept override;
  [[nodiscard]] bool wants_write() const noexcept override { return false; }
  [[nodiscard]] steady_ms deadline() const noexcept override { return no_deadline; }
  [[nodiscard]] bool busy() const noexcept override { return false; }  // who wants it is
  void on_readable() override { ready_(*this); }
  void on_writable() override {}
  void on_deadline(steady_ms) override {}
  void flush() override {}

 private:
  struct shared;
  pollable& wanted_by_;
  const std::function<void(name_lookup&)> ready_;
  const std::shared_ptr<shared> shared_;
};

}  // namespace coatcheck::net
