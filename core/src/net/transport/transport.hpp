// A connection's bytes: connect, read, write, whatever stands between them and the socket (nothing today; TLS).
//
// Nothing here blocks or calls back. A link asks again when the driver says that the socket is ready.
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
    int code = 0;           // errno, when failed
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
  // Why that outcome of the last call here is a failure: for a message. REQUIRES: failed or closed.
  [[nodiscard]] virtual std::string why(const outcome& got) const;
  // Whether bytes that came wait in here: of those no event of the socket tells.
  [[nodiscard]] virtual bool holds_bytes() const noexcept = 0;
  // Whether it waits to write something of its own.
  [[nodiscard]] virtual bool wants_write() const noexcept = 0;
  // -1: none.
  [[nodiscard]] virtual int fd() const noexcept = 0;
  // Drops the socket. The driver has been told (drop_fd). Idempotent.
  virtual void close() noexcept = 0;
};

}  // namespace coatcheck::net
