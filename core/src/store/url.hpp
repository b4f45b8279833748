// Store URLs, taken apart strictly: scheme:[//[user[:password]@]host[:port]]path[?name=value&…].
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
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coatcheck/error.hpp"

namespace coatcheck {

struct parsed_url {
  std::string scheme;          // in lower case, without the colon
  bool has_authority = false;  // "//" followed, even by nothing (file:///path)
  bool has_password = false;
  std::string user;
  std::string password;
  std::string host;        // without the brackets of an IPv6 address
  std::uint16_t port = 0;  // 0: none was given
  struct address {
    std::string host;
    std::uint16_t port = 0;
  };
  std::vector<address> more_hosts;  // host:port,host:port: those after the first; for schemes that take several
  std::string path;                 // with its leading slash where there is an authority
  std::vector<std::pair<std::string, std::string>> parameters;

  // The value of a parameter; none when it was not given.
  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const noexcept;
  // As a whole decimal number in [min, max]; `fallback` when it was not given. Error: invalid_url.
  [[nodiscard]] result<std::uint64_t> number(std::string_view name, std::uint64_t fallback, std::uint64_t min,
                                             std::uint64_t max) const;
  // Refuses every parameter that is not in `known`, naming it. Error: invalid_url.
  [[nodiscard]] result<void> only(std::initializer_list<std::string_view> known) const;
};

// Error: invalid_url.
[[nodiscard]] result<parsed_url> parse_url(std::string_view url);

}  // namespace coatcheck
