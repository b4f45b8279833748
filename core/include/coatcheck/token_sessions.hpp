// Sessions on tokens: the whole session in one cookie, behind the same calls as a stored one (engine.hpp).
//
// The cookie is a JWT (typ `cc-session+jwt`) that holds the payload and names a family in the store. Until its short
// `exp` a request needs no store. After it, `open` asks the store once whether the family still lives and moves the
// family's counter on; `commit` sends the new cookie. A cookie that is older than its successor's first use, or than
// the grace window, is taken for stolen: the family is revoked (refresh_tokens.hpp has the same rules).
//
// What a token cannot do, and `session_mode::store` can:
//   - Concurrent requests do not merge. Each answers with a cookie, and the browser keeps the last one.
//   - A revoked session ends at its next refresh, so within `access_ttl`; with `check_epoch`, revoke_all
//     (refresh_tokens) ends it at once, for one read of the store per request.
//   - A cookie holds 4,096 bytes with its name. A session that is larger is refused at commit (payload_too_large).
//   - There is nothing to read by id: engine::load answers `unknown` (invalid_state).
//
// Thread safety: plain values.
#pragma once

#include <cstdint>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/jose/key.hpp"

namespace coatcheck {

enum class session_mode : std::uint8_t {
  store,       // the cookie carries an id, the store the session
  jwt_signed,  // the cookie carries the session, readable and tamper-proof (JWS)
  jwt_sealed,  // the same, unreadable (JWE, dir + A256GCM)
};

struct token_session_options {
  session_mode mode = session_mode::store;
  // How long a request is served without asking the store; 1 s to 1 h. Never more than half of the idle timeout.
  duration_ms access_ttl = 300'000;
  // How long a cookie that was replaced still gets its successor; 0 to 600,000. Requests that were under way during a
  // refresh need it. Where responses get lost (mobile networks), a longer one logs fewer people out.
  duration_ms refresh_grace = 10'000;
  // Ask the store for the owner's epoch at every request of a session that has an owner.
  bool check_epoch = false;
  // Own keys instead of the ring's: the first signs (or encrypts), all are tried. jwt_signed: keys that sign;
  // jwt_sealed: symmetric ones (a public key would let anybody make a session). Empty: derived from the ring, and
  // subject to its states and dates.
  std::vector<jose::key> keys{};
};

}  // namespace coatcheck
