// What the driver last saw of a connection, so that it is told when it has to look again and not otherwise.
//
// Thread safety: the thread of the driver.
#pragma once

#include "coatcheck/driver.hpp"

namespace coatcheck::net {

class announcement {
 public:
  // Tells the driver what changed of `of`. A deadline that moved back is not worth a call: it fires once for nothing.
  // `always`: also when nothing changed.
  void tell(pollable& of, driver& loop, bool always) {
    const int now_fd = of.fd();
    const bool write = of.wants_write();
    const bool waited_for = of.busy();
    const steady_ms next = of.deadline();
    if (always || unseen_ || now_fd != fd_ || write != write_ || waited_for != busy_ || next < deadline_) {
      unseen_ = false;
      fd_ = now_fd;
      write_ = write;
      busy_ = waited_for;
      deadline_ = next;
      loop.update(of);
    }
  }
  // The driver must look, even if all is the same: the next descriptor may have the number of the last one.
  void forget() noexcept { unseen_ = true; }
  // Whether it knows of nothing that it would have to let go of.
  [[nodiscard]] bool settled() const noexcept { return fd_ < 0 && !unseen_; }

 private:
  bool unseen_ = false;
  int fd_ = -1;
  bool write_ = false;
  bool busy_ = false;
  steady_ms deadline_ = no_deadline;
};

}  // namespace coatcheck::net
