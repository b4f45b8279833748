// From a reply of the server to a result of the contract. A decoder returns false when the reply is not of the kind
// that its command has: then nothing in it is used, and the connection must not be trusted any further.
//
// Thread safety: pure functions.
#pragma once

#include <string>

#include "coatcheck/store.hpp"

#include "net/reply_handler.hpp"

namespace coatcheck {

// One page of stats().
struct page_result {
  bool known = false;
  std::string cursor;  // empty: the last one
  store_stats sum;
  error why;
};

[[nodiscard]] error to_error(const net::answer& given);
[[nodiscard]] error unfit_reply();      // store_protocol
[[nodiscard]] error no_random_error();  // random_failed

[[nodiscard]] bool decode_get(const net::answer& given, epoch_ms now, get_result& out);
[[nodiscard]] bool decode_put(const net::answer& given, const etag& tag, put_result& out);
[[nodiscard]] bool decode_touch(const net::answer& given, const etag&, touch_result& out);
[[nodiscard]] bool decode_remove(const net::answer& given, const etag&, remove_result& out);
[[nodiscard]] bool decode_owned(const net::answer& given, const etag&, keys_result& out);
[[nodiscard]] bool decode_count(const net::answer& given, const etag&, count_result& out);
[[nodiscard]] bool decode_scan(const net::answer& given, const etag&, keys_result& out);
[[nodiscard]] bool decode_page(const net::answer& given, const etag&, page_result& out);
[[nodiscard]] bool decode_pong(const net::answer& given, count_result& out);

}  // namespace coatcheck
