// What a link turns: the state machine of one connection of a protocol, without a socket. Bytes in, bytes out, a
// deadline, completions. A protocol adds how its operations are submitted (resp_connection).
//
// Operations wait in a queue until `stage` moves them to the wire, where each has a place in the order of replies. The
// handlers of operations run inside receive, expire, lose and end, and may call anything here.
//
// Thread safety: none; one loop's thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "coatcheck/driver.hpp"
#include "coatcheck/error.hpp"

namespace coatcheck::net {

// Why operations end without a reply.
struct failure {
  errc code = errc::store_unavailable;
  std::string_view why;  // for a message: holds nothing that the server or the caller sent. Valid during the call only
};

class machine {
 public:
  machine() = default;
  machine(const machine&) = delete;
  machine& operator=(const machine&) = delete;
  virtual ~machine() = default;

  // Moves what waits to the wire, once the bytes before it are gone. Call before output().
  virtual void stage() = 0;
  // What to send next. consume() says how much of it was sent.
  [[nodiscard]] virtual std::string_view output() const noexcept = 0;
  virtual void consume(std::size_t bytes) noexcept = 0;

  // Takes received bytes in and runs handlers. False: the stream is in doubt, `why()` says why.
  [[nodiscard]] virtual bool receive(std::string_view bytes) = 0;
  [[nodiscard]] virtual std::string_view why() const noexcept = 0;

  // Ends what is past its deadline.
  virtual void expire(steady_ms now, const failure& late) = 0;
  // Whether abandoned operations say that the server does not answer any more.
  [[nodiscard]] virtual bool stuck(steady_ms now) noexcept = 0;
  // When expire or stuck may have something to say. May be early, never late.
  [[nodiscard]] virtual steady_ms next_deadline() const noexcept = 0;

  // The connection is gone: ends what is on the wire, save what may be sent again. What waits goes on waiting, behind
  // that. `in_doubt`: its stream broke the protocol, so nothing that was sent is sent again.
  virtual void lose(const failure& lost, bool in_doubt) = 0;
  // Ends everything.
  virtual void end(const failure& ended) = 0;

  [[nodiscard]] virtual std::size_t waiting() const noexcept = 0;
  [[nodiscard]] virtual std::size_t on_wire() const noexcept = 0;
  // Operations somebody waits for.
  [[nodiscard]] virtual std::size_t awaited() const noexcept = 0;
};

}  // namespace coatcheck::net
