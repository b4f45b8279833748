// Where a server listens.
//
// Thread safety: plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace coatcheck::net {

struct endpoint {
  std::string host;  // a name or an address; empty: a Unix socket
  std::uint16_t port = 0;
  std::string path;  // of a Unix socket
  // For messages: host and port, or the path.
  [[nodiscard]] std::string name() const;

  friend bool operator==(const endpoint&, const endpoint&) = default;
};
// Asked for each connection: a server may have moved since the last one. One with neither host nor path: not known yet
// (link::located).
using endpoint_source = std::function<endpoint()>;

}  // namespace coatcheck::net
