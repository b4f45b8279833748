// Memcached's error lines, each with what an operator should do about it (memcached 1.6, proto_text.c and memcached.c).
#include "net/memcached/error.hpp"

namespace coatcheck::net {
namespace {

struct error_line {
  std::string_view start;
  failure means;
};
constexpr error_line error_lines[] = {
    {"SERVER_ERROR object too large",
     {errc::payload_too_large, "the session is larger than Memcached takes: raise its item size (-I), or store less"}},
    {"SERVER_ERROR out of memory",
     {errc::store_full, "Memcached has no memory left: raise -m, or let it evict (no -M)"}},
    {"ERROR Too many open connections",
     {errc::store_refused, "Memcached has as many clients as it takes: raise its limit (-c)"}},
    {"SERVER_ERROR Too many open connections",
     {errc::store_refused, "Memcached has as many clients as it takes: raise its limit (-c)"}},
    {"CLIENT_ERROR unauthenticated",
     {errc::store_refused,
      "Memcached wants a login: name user and password in the store's URL (those of its -Y file)"}},
    {"CLIENT_ERROR authentication failure",
     {errc::store_refused, "Memcached refused the login: user and password are those of its -Y file"}},
    {"CLIENT_ERROR flush_all not allowed",
     {errc::store_refused,
      "Memcached may not be emptied (-F): a node that was away can't be used again (see ?failover=)"}},
    {"ERROR",
     {errc::store_refused,
      "Memcached does not know a command that is needed: version 1.6 or later is (meta commands)"}},
};

}  // namespace

failure classify_memcached_error(std::string_view line) noexcept {
  for (const auto& one : error_lines) {
    if (line.starts_with(one.start)) return one.means;
  }
  return {errc::store_refused, "Memcached refused the operation with an error of its own: see the server's log"};
}

}  // namespace coatcheck::net
