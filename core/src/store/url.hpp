// Store URLs, taken apart strictly: scheme:[//[user[:password]@]host[:port][,host[:port]…]]path[?name=value&…].
//
// Percent-encoding is decoded in user, password, path and parameter values. Refused: control characters, NUL,
// a fragment, a raw '@' in a password, a parameter that comes twice. A message names a parameter or the part
// that is wrong; it never quotes the URL, for a URL may hold a password, and a mistyped one may hold it anywhere.
//
// Thread safety: plain values.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/error.hpp"

namespace coatcheck {

struct host_and_port {
  std::string host;        // without the brackets of an IPv6 address
  std::uint16_t port = 0;  // 0: none was given
};

struct parsed_url {
  std::string scheme;          // in lower case, without the colon
  bool has_authority = false;  // "//" followed, even by nothing (file:///path)
  bool has_password = false;
  std::string user;
  std::string password;
  std::vector<host_and_port> hosts;  // each with a host, where there is more than one; none without an authority
  std::string host;                  // the first one's
  std::uint16_t port = 0;
  std::string path;  // with its leading slash where there is an authority
  std::vector<std::pair<std::string, std::string>> parameters;

  // The value of a parameter; none when it was not given.
  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const noexcept;
  // As a whole decimal number in [min, max]; `fallback` when it was not given. Error: invalid_url.
  [[nodiscard]] result<std::uint64_t> number(std::string_view name, std::uint64_t fallback, std::uint64_t min,
                                             std::uint64_t max) const;
  // true or 1, false or 0; `fallback` when it was not given. Error: invalid_url.
  [[nodiscard]] result<bool> flag(std::string_view name, bool fallback = false) const;
  // Refuses every parameter that is not in `known`, naming it. Error: invalid_url.
  [[nodiscard]] result<void> only(std::span<const std::string_view> known) const;
  [[nodiscard]] result<void> only(std::initializer_list<std::string_view> known) const {
    return only(std::span<const std::string_view>(known.begin(), known.size()));
  }
};

// Error: invalid_url.
[[nodiscard]] result<parsed_url> parse_url(std::string_view url);

// ?ttl=S of another package's layout, in ms: a day, as those packages have it, unless it is given. Error: invalid_url.
[[nodiscard]] result<duration_ms> layout_ttl(const parsed_url& url);

}  // namespace coatcheck
