// Cookies on the wire: the Cookie header read as browsers send it, Set-Cookie written strictly (RFC 6265bis).
//
// Reading: names match byte for byte; every value of a repeated name is a candidate; a value is
// percent-decoded where that gives valid text, as npm's cookie does; one pair of surrounding double quotes
// is removed. A header over 16 KiB, or a value over 4,096 bytes, is refused, never cut.
// Writing: control characters, separators and bytes outside ASCII are impossible in every part; the
// prefixes __Secure-, __Host-, __Http- and __Host-Http- are checked in any case of letters.
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/error.hpp"

namespace coatcheck {

inline constexpr std::size_t max_cookie_header = 16 * 1024;
inline constexpr std::size_t max_cookie_size = 4096;           // name + value (RFC 6265bis, 5.6)
inline constexpr std::size_t max_cookie_candidates = 8;        // further values of one name are ignored
inline constexpr duration_ms max_cookie_age = 34'560'000'000;  // 400 days (RFC 6265bis, 5.6)

struct cookie_candidates {
  std::vector<std::string> values;  // in the header's order, decoded
  bool refused = false;             // something was over a limit
};
// The values that `header` holds for `name`. Several Cookie headers: join them with "; " (RFC 9113, 8.2.3).
[[nodiscard]] cookie_candidates find_cookie(std::string_view header, std::string_view name);

// For WSGI, where a server joins several Cookie headers with a comma (gunicorn does; RFC 9113, 8.2.3 wants "; "): the
// header as it was meant for the cookie `name`. A comma after its value ends it, for our values hold none. One before
// its name begins it, unless the name has a prefix that browsers hold to rules (__Host-, __Secure-): a page of a
// sibling domain could write such a pair into a value of its own, and for other names it can set the cookie itself.
[[nodiscard]] std::string split_joined_cookies(std::string_view header, std::string_view name);

enum class same_site : std::uint8_t { unset, lax, strict, none };
enum class cookie_priority : std::uint8_t { unset, low, medium, high };

struct set_cookie {
  std::string_view name;
  std::string_view value;  // percent-encoded as encodeURIComponent does before it is written
  std::string_view domain;
  std::string_view path;
  std::optional<epoch_ms> expires;      // Expires; rounded down to the second
  std::optional<std::int64_t> max_age;  // Max-Age, in seconds
  bool http_only = false;
  bool secure = false;
  bool partitioned = false;
  cookie_priority priority = cookie_priority::unset;
  coatcheck::same_site same_site = same_site::unset;
};
// The value of a Set-Cookie header. Attributes stand in the order of npm's cookie 0.7.2: Max-Age, Domain,
// Path, Expires, HttpOnly, Secure, Partitioned, Priority, SameSite. Errors: invalid_cookie, naming the part.
[[nodiscard]] result<std::string> serialise(const set_cookie& cookie);
// The same bytes, refused only where npm's cookie 0.7.2 refuses it, in its words (`option domain is invalid`): for what
// takes the place of express-session, where a browser's rules are the application's affair.
[[nodiscard]] result<std::string> serialise_as_npm(const set_cookie& cookie);
// As npm's cookies 0.9.1 (cookie-session, koa) prints one: the value as it is, attributes in lower case and its order.
[[nodiscard]] result<std::string> serialise_as_cookies(const set_cookie& cookie);
// As Starlette 1.x prints one: the value as it is, attributes in its case and order. Refused as by `serialise`, but for
// what browsers alone would refuse: Starlette sends SameSite=None without Secure.
[[nodiscard]] result<std::string> serialise_as_starlette(const set_cookie& cookie);
// The checks of `serialise` that do not depend on the value: for construction time.
[[nodiscard]] result<void> check_cookie_attributes(const set_cookie& cookie);

// A date as headers have it (IMF-fixdate; RFC 9110, 5.6.7). REQUIRES: the years 1601 to 9999.
[[nodiscard]] std::string http_date(epoch_ms at);

// Strict: what encodeURIComponent leaves alone stays, everything else becomes %XX.
[[nodiscard]] std::string percent_encode(std::string_view value);

}  // namespace coatcheck
