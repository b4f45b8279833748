// How an engine's sessions stand in its store: as records of our own (record.hpp), or in the layout of another package
// that reads and writes them at the same time (store_capabilities::layout).
//
// A foreign record has no place for what an own one says in its header: who owns the session, when it began, when it
// ends whatever happens. What a layout can't keep is refused, when the engine is made or at the commit that asks for
// it.
//
// Thread safety: immutable.
#pragma once

#include <string>
#include <string_view>

#include "coatcheck/engine.hpp"

#include "session/cookie_policy.hpp"

namespace coatcheck::session {

class session_layout {
 public:
  session_layout() = default;  // our own
  // Fills what `policy` leaves to the layout: how long a session lives, and for how long its old id says where it went.
  // Errors: invalid_option, for what the layout can't keep.
  [[nodiscard]] static result<session_layout> create(engine_options& options);

  [[nodiscard]] bool own() const noexcept { return layout_ == record_layout::own; }
  // Empty: no session can have that id in this layout.
  [[nodiscard]] std::string key_of(const key_ring& keys, std::string_view id, std::size_t key) const;

  // `settings`: what session.cookie says. Errors: invalid_option, not_serialisable (what the layout can't keep).
  [[nodiscard]] result<std::string> encode(const snapshot& session, const cookie_settings& settings,
                                           std::string_view store_key, epoch_ms now, bool secure) const;
  // As decode_record; `session.expires_at` is the store's.
  [[nodiscard]] result<void> decode(std::string bytes, std::string_view store_key, snapshot& session) const;

 private:
  record_layout layout_ = record_layout::own;
  cookie_options cookie_;
  duration_ms lifetime_ = 0;  // of a session whose record names no time
};

}  // namespace coatcheck::session
