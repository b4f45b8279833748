// Refresh tokens: long-lived, used once each, kept in any store. They buy short access tokens.
//
// A family is what one login on one device gets; its refresh token is replaced at every use (RFC 9700, 4.14.2).
// A retry with the token before, within the grace window and while its successor was not used, gets the same
// successor again, so that a lost response is survivable. Any other use of an old token is taken for theft: the
// family is revoked, and both the thief and the owner have to log in again.
//
// A token is `ccr1.` family id `.` secret, and the secret is computed from the key ring, never stored: a stolen store
// holds nothing that refreshes (docs/formats.md, "Refresh tokens"). Every write is a compare-and-set: of any number of
// concurrent uses of one token, one rotates and the others get the same successor.
//
// Time is the hosts' wall clock: keep their clocks within the grace window of each other, or a retry at a host that is
// ahead is taken for theft.
//
// An epoch per owner ends access tokens before their time where it is asked for: revoke_all moves it, and `check` tells
// whether a token that was issued under an epoch is still good.
//
// Synchronous stores: completions run before the call returns. Thread safety: that of the store.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/error.hpp"
#include "coatcheck/key_ring.hpp"
#include "coatcheck/store.hpp"

namespace coatcheck {

inline constexpr std::size_t max_device_label = 256;          // bytes of UTF-8
inline constexpr std::size_t max_family_payload = 64 * 1024;  // bytes

struct refresh_options {
  key_ring keys;
  std::shared_ptr<store> where{};
  const clock* time = nullptr;                   // not owned; null: the system clock
  duration_ms idle_timeout = 2'592'000'000;      // without a refresh for this long a family ends; 30 days
  duration_ms absolute_timeout = 7'776'000'000;  // a family never lives longer; 90 days. 0: unbounded
  duration_ms grace = 10'000;                    // 0 (every repetition is theft) to 600,000
};

enum class family_kind : std::uint8_t {
  refresh,  // issued by refresh_tokens
  session,  // of an engine in a token mode (token_sessions.hpp)
};

// One login on one device. Holds no token and nothing to make one of.
struct token_family {
  std::string id;  // 22 characters; not a secret
  family_kind kind = family_kind::refresh;
  std::string owner;
  std::string device;          // as the host named it
  std::string payload = "{}";  // JSON object text, what access tokens of this family say
  epoch_ms created = 0;
  epoch_ms last_used = 0;    // when the token was last replaced
  epoch_ms expires_at = 0;   // idle deadline
  epoch_ms absolute_at = 0;  // 0: unbounded
  epoch_ms epoch = 0;        // the owner's, when the family began: goes into access tokens
};

enum class issue_status : std::uint8_t { issued, refused, unknown };
struct issue_result {
  issue_status status = issue_status::unknown;
  std::string token;
  token_family family;
  error why;  // when refused (an argument, no key may sign) or unknown
};

enum class refresh_status : std::uint8_t {
  rotated,    // `token` replaces the one that was presented
  reused,     // theft: the family is revoked. why: token_reused
  revoked,    // the family was revoked before. why: token_revoked
  expired,    // its idle or absolute time is over. why: token_expired
  not_found,  // well-formed, but no such token: never issued here, or its family is gone. why: token_revoked
  malformed,  // not a refresh token at all. why: token_malformed
  unknown,    // the store did not answer: the token is as good as before; try again
};
// "rotated", "not_found", …: the same words in every language.
[[nodiscard]] std::string_view name_of(refresh_status status) noexcept;
struct refresh_result {
  refresh_status status = refresh_status::unknown;
  std::string token;      // when rotated
  bool repeated = false;  // rotated: a retry; the same successor was given out before
  token_family family;    // when rotated; when reused its id and owner, for the alarm
  error why;              // otherwise
};

struct families_result {
  bool known = false;
  std::vector<token_family> families;
  error why;
};

struct revoke_all_result {
  bool known = false;
  std::uint64_t count = 0;  // families that were revoked
  epoch_ms epoch = 0;       // the owner's new epoch
  error why;                // when not known: some may be revoked, call again
};

enum class epoch_status : std::uint8_t { current, revoked, unknown };
struct epoch_result {
  epoch_status status = epoch_status::unknown;
  error why;  // revoked: token_revoked
};

class refresh_tokens {
 public:
  // Errors: invalid_option.
  [[nodiscard]] static result<std::shared_ptr<refresh_tokens>> create(refresh_options options);
  ~refresh_tokens();

  [[nodiscard]] store_capabilities capabilities() const noexcept;  // of its store

  // Begins a family. `owner`: 1 to 256 bytes; `device`: up to 256 bytes of UTF-8, may be empty; `payload`: a JSON
  // object.
  void issue(std::string_view owner, std::string_view device, std::string_view payload,
             completion<issue_result> done) const;
  // Uses a token.
  void refresh(std::string_view token, completion<refresh_result> done) const;
  // The live families of an owner, newest first.
  void list(std::string_view owner, completion<families_result> done) const;
  // Ends one family, by its id. removed: it was live.
  void revoke(std::string_view family_id, completion<remove_result> done) const;
  // Logout: ends the family of a token, if the token is genuine (an old one will do).
  void revoke_token(std::string_view token, completion<remove_result> done) const;
  // Ends every family of an owner but `except` (an id; empty: none) and moves the owner's epoch. The family that is
  // spared goes on under the new epoch, from its next refresh.
  void revoke_all(std::string_view owner, std::string_view except, completion<revoke_all_result> done) const;
  // Whether a token that was issued under `epoch` (token_family::epoch; or its iat in ms) is still good.
  void check(std::string_view owner, epoch_ms epoch, completion<epoch_result> done) const;

 private:
  struct impl;
  explicit refresh_tokens(std::shared_ptr<const impl> state) noexcept;
  std::shared_ptr<const impl> impl_;
};

}  // namespace coatcheck
