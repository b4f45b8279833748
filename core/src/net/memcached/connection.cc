// Opaques, and replies to their operations: see connection.hpp here.
#include "net/memcached/connection.hpp"

#include <charconv>

#include "crypto/random.hpp"
#include "net/memcached/error.hpp"

namespace coatcheck::net {

// It begins anywhere, so that two connections do not use the same ones at the same time.
meta_connection::meta_connection(const pipeline_limits& bounds) : pipeline(bounds) {
  if (!crypto::random_bytes(&next_opaque_, sizeof next_opaque_)) next_opaque_ = 1;
}

bool meta_connection::submit(const meta_handler& done, steady_ms deadline, std::string_view line,
                             std::optional<std::string_view> data, on_loss then) {
  if (++next_opaque_ == 0) ++next_opaque_;  // 0: none
  char text[8];
  const auto* const end = std::to_chars(text, text + sizeof text, next_opaque_, 16).ptr;
  const std::string_view opaque(text, static_cast<std::size_t>(end - text));
  if (data) return queue(done, deadline, {line, " O", opaque, "\r\n", *data, "\r\n"}, then, next_opaque_);
  return queue(done, deadline, {line, " O", opaque, "\r\n"}, then, next_opaque_);
}

bool meta_connection::receive(std::string_view bytes) {
  const std::uint64_t started = life();
  while (!bytes.empty()) {
    meta_reply got;
    const auto read = reader_.next(bytes, got);
    if (read == meta_reader::outcome::more) return true;
    if (read == meta_reader::outcome::broken) return doubt(reader_.why());
    if (on_wire() == 0) return doubt("a reply that nothing asked for");
    if (got.code != meta_code::error && got.opaque != first().mark) return doubt("a reply to another operation");
    operation one = answered();
    if (!one.done) continue;
    if (got.code == meta_code::error) {
      one.done(meta_answer::none(classify_memcached_error(got.value)));
    } else {
      one.done(meta_answer{&got, {}, {}});
    }
    if (started != life()) return true;  // the rest belongs to a connection that is gone
  }
  return true;
}

}  // namespace coatcheck::net
