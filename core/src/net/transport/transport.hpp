// A connection's bytes: connect, read, write, whatever stands between them and the socket (nothing, or TLS).
//
// Nothing here blocks or calls back. A link asks again when the driver says that the socket is ready: for reading
// always, for writing while wants_write() says so. Under TLS a read may have to write, and a write to read: what the
// socket was waited for says nothing about which of the two to try.
//
// Thread safety: the thread of the link.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "coatcheck/driver.hpp"

namespace coatcheck::net {

class transport {
 public:
  enum class status { done, again, closed, failed };
  struct outcome {
    status what = status::failed;
    std::size_t bytes = 0;  // of read and write: 1 or more when done
    int code = 0;           // errno, when failed; 0: it was no call of the system
    // It will fail again until somebody changes a setting: a certificate that is not trusted.
    bool lasting = false;
  };

  transport() = default;
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;
  virtual ~transport() = default;

  // Begins to connect: done, again (when the socket is ready call go_on) or failed. `host`: what the address was found
  // under, empty for a Unix socket. REQUIRES: not connected.
  [[nodiscard]] virtual outcome connect(const socket_address& to, const std::string& host) = 0;
  [[nodiscard]] virtual outcome go_on() = 0;
  // again: nothing to read, or nothing taken, for now. closed: the peer sends no more.
  [[nodiscard]] virtual outcome read(char* into, std::size_t size) = 0;
  [[nodiscard]] virtual outcome write(std::string_view bytes) = 0;
  // Why that outcome of the last call here is a failure: for a message, so nothing that the peer sent. REQUIRES: failed
  // or closed.
  [[nodiscard]] virtual std::string why(const outcome& got) const;
  // Whether bytes that came wait in here: of those no event of the socket tells.
  [[nodiscard]] virtual bool holds_bytes() const noexcept = 0;
  // Whether it waits until the socket takes bytes: to be connected, for the rest of a write, for bytes of its own.
  [[nodiscard]] virtual bool wants_write() const noexcept = 0;
  // What a connection that is not up after a while seems to wait for, to stand behind a colon; empty: nothing to add.
  [[nodiscard]] virtual std::string_view waits_for() const noexcept { return {}; }
  // -1: none.
  [[nodiscard]] virtual int fd() const noexcept = 0;
  // Drops the socket. The driver has been told (drop_fd). Idempotent.
  virtual void close() noexcept = 0;
};

}  // namespace coatcheck::net
