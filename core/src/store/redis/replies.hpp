// From a reply of the server to a result of the contract. A decoder returns false when the reply is not of the kind
// that its command has: then nothing in it is used, and the connection must not be trusted any further.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/store.hpp"

#include "net/redis/reply_handler.hpp"
#include "store/redis/names.hpp"

namespace coatcheck {

[[nodiscard]] error to_error(const net::answer& given);
// For a reply that is not of its command's kind: the order of replies is in doubt, so the connection that it came on
// goes. store_protocol.
[[nodiscard]] error unfit_reply(const net::answer& given);

[[nodiscard]] bool decode_get(const net::answer& given, epoch_ms now, get_result& out);
[[nodiscard]] bool decode_put(const net::answer& given, const etag& tag, put_result& out);
[[nodiscard]] bool decode_touch(const net::answer& given, touch_result& out);
[[nodiscard]] bool decode_remove(const net::answer& given, remove_result& out);
// The owner's digest in the reply of touch and remove; empty: the session has none.
[[nodiscard]] std::string_view owner_in(const net::answer& given);
// The keys of an index.
[[nodiscard]] bool take_keys(net::reply_view array, std::vector<std::string>& keys);
// A page of SCAN: the next cursor (empty: there is none), and the keys of ours among the names.
[[nodiscard]] bool take_page(net::reply_view page, const redis_names& names, std::string& cursor,
                             std::vector<std::string>& keys);
[[nodiscard]] bool decode_pong(const net::answer& given, count_result& out);

}  // namespace coatcheck
