// The record: what a store keeps for one session, less the store's own envelope (docs/formats.md, "Record").
//
//   cc1 CREATED ABSOLUTE IDLE CHECK LENGTH EXTRAS "\n" PAYLOAD
//
// CREATED and ABSOLUTE are 13-digit milliseconds since the epoch (ABSOLUTE 0000000000000: unbounded), IDLE
// is the session's idle timeout in ms, CHECK the first 16 characters of the store key, LENGTH the payload's
// bytes, EXTRAS `-` or a JSON object with `owner` and `cookie`, PAYLOAD a JSON object in UTF-8.
//
// CHECK makes a record name itself: one that comes back for another key is never taken for data.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "coatcheck/engine.hpp"

namespace coatcheck::session {

inline constexpr std::size_t key_check_size = 16;

[[nodiscard]] std::string encode_record(const snapshot& session, std::string_view store_key);

// Takes the bytes apart into `session` (created, absolute_at, idle, owner, cookie, payload). Errors:
// record_damaged (cut, altered, of an unknown format), record_mismatch (of another key).
// The mark that a session leaves when its id is renewed: where requests that had read it may write until then. It holds
// the successor's store key, which is no id: a stolen store is not worth more for it.
//   cc1> UNTIL CHECK KEY "\n"
struct forwarding {
  epoch_ms until = 0;
  std::string key;
};
[[nodiscard]] std::string encode_forwarding(const forwarding& mark, std::string_view store_key);
// Empty: the bytes are no mark of this key.
[[nodiscard]] std::optional<forwarding> decode_forwarding(std::string_view bytes, std::string_view store_key);
// Where the mark stands once the session's own key is free.
[[nodiscard]] inline std::string forwarding_key(std::string_view store_key) { return "f-" + std::string(store_key); }

[[nodiscard]] result<void> decode_record(std::string bytes, std::string_view store_key, snapshot& session);

}  // namespace coatcheck::session
