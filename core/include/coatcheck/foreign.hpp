// Sessions of other packages, read on the way in: whoever has one there goes on with it here, and nobody is logged out
// by a move. One list of formats, for every language; each knows its cookie, and the record that the cookie names or
// is.
//
// What is read is JSON text, to be checked as what an application commits is. Types that JSON has no word for are tags
// of one member (docs/guide.md): bytes as {" b": base64}, a date as {" d": RFC 1123}.
//
// Thread safety: immutable after creation.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/error.hpp"
#include "coatcheck/key_ring.hpp"
#include "coatcheck/peers.hpp"
#include "coatcheck/store.hpp"

namespace coatcheck {

// The names of the formats:
//   flask            Flask's signed cookie
//   starlette        Starlette's
//   django           Django's signed_cookies
//   flask-session    Flask-Session 0.8: a record of MessagePack or JSON under the cookie's id, signed or not
//   express-session  a record of JSON under the id of an express-session cookie, as connect-redis keeps it
//   starsessions     starsessions 2: a record of JSON under the cookie's id
[[nodiscard]] std::span<const std::string_view> foreign_formats() noexcept;

struct foreign_source {
  std::string format{};
  std::vector<std::string> secrets{};      // that its cookies were signed with, newest first
  std::string cookie_name{};               // empty: the format's own
  std::optional<duration_ms> max_age{};    // of a session in its cookie; unset: the format's own (31 or 14 days)
  std::shared_ptr<store> where = nullptr;  // of records: a store whose layout is the format's (`?layout=`)
  bool keep = false;                       // leave the record for services that have not moved yet
};

class foreign_reader {
 public:
  // Errors: invalid_option (an unknown format, a record's format without a store, no secret where one is needed).
  [[nodiscard]] static result<foreign_reader> create(foreign_source source);

  [[nodiscard]] const std::string& cookie_name() const noexcept { return source_.cookie_name; }
  // Null where the cookie is the session itself.
  [[nodiscard]] store* where() const noexcept { return source_.where.get(); }
  [[nodiscard]] bool keeps() const noexcept { return source_.keep; }

  // For a session in its cookie: its JSON text. Errors: as peer_cookie::decode.
  [[nodiscard]] result<std::string> read_cookie(std::string_view value, epoch_ms now, std::size_t most) const;
  // For records: the key that a cookie's value names, or nothing: it is no cookie of this format.
  [[nodiscard]] std::optional<std::string> record_key(std::string_view value, epoch_ms now) const;
  // A record as JSON text. Errors: record_damaged (none of this format, a pickle, too deep or too large).
  [[nodiscard]] result<std::string> read_record(std::string_view bytes, std::size_t most) const;

 private:
  foreign_reader() = default;

  foreign_source source_;
  std::size_t format_ = 0;                       // in the list
  std::optional<peer_cookie> cookie_{};          // of a session in its cookie
  std::optional<itsdangerous_signer> signer_{};  // of Flask-Session's signed ids
  std::optional<key_ring> keys_{};               // of express-session's
};

}  // namespace coatcheck
