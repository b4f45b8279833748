// Store URLs, taken apart strictly.
#include "store/url.hpp"

#include <algorithm>
#include <charconv>

namespace coatcheck {
namespace {

constexpr std::size_t max_url_size = std::size_t{64} << 10;  // certificates may stand in it, as PEM
constexpr std::size_t most_hosts = 64;

error bad(std::string message) { return {errc::invalid_url, "store URL: " + std::move(message)}; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// `what` names the part in the message.
result<std::string> percent_decode(std::string_view text, std::string_view what) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) return bad("a '%' in the " + std::string(what) + " is not followed by two hex digits");
    if (high == 0 && low == 0) return bad("%00 in the " + std::string(what));
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

// What is shown of a name that somebody typed: nothing that could be a piece of a password.
std::string shown(std::string_view name) {
  const bool plain = !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
    return is_alpha(c) || is_digit(c) || c == '_' || c == '-';
  });
  return plain ? "'" + std::string(name) + "'" : "(not shown: it is no plain name)";
}

result<void> parse_host(std::string_view text, host_and_port& out) {
  std::string_view port;
  bool has_port = false;
  if (!text.empty() && text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return bad("the '[' of the host is not closed");
    out.host = text.substr(1, end - 1);
    if (!std::all_of(out.host.begin(), out.host.end(),
                     [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; }) ||
        out.host.empty())
      return bad("the host in brackets is not an IPv6 address");
    const auto rest = text.substr(end + 1);
    if (!rest.empty()) {
      if (rest.front() != ':') return bad("text after the host's ']'");
      has_port = true;
      port = rest.substr(1);
    }
  } else {
    const auto colon = text.find(':');
    out.host = text.substr(0, colon);
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
    if (!std::all_of(out.host.begin(), out.host.end(),
                     [](char c) { return is_alpha(c) || is_digit(c) || c == '.' || c == '-' || c == '_'; }))
      return bad("a character in the host is not allowed there (percent-encode special characters in the password)");
  }
  if (!has_port) return {};
  unsigned value = 0;
  const auto [end, failed] = std::from_chars(port.data(), port.data() + port.size(), value);
  if (failed != std::errc() || end != port.data() + port.size() || value == 0 || value > 65535)
    return bad("the port must be a number from 1 to 65535 (percent-encode special characters in the password)");
  if (out.host.empty()) return bad("a port without a host");
  out.port = static_cast<std::uint16_t>(value);
  return {};
}

result<void> parse_hosts(std::string_view text, parsed_url& out) {
  const bool several = text.find(',') != std::string_view::npos;
  for (;;) {
    const auto comma = text.find(',');
    host_and_port one;
    if (auto ok = parse_host(text.substr(0, comma), one); !ok) return ok.error();
    if (several && one.host.empty()) return bad("a ',' between the hosts without a host before or after it");
    if (out.hosts.size() == most_hosts) return bad("more than " + std::to_string(most_hosts) + " hosts");
    out.hosts.push_back(std::move(one));
    if (comma == std::string_view::npos) break;
    text = text.substr(comma + 1);
  }
  out.host = out.hosts.front().host;
  out.port = out.hosts.front().port;
  return {};
}

result<void> parse_authority(std::string_view text, parsed_url& out) {
  const auto at = text.find('@');
  if (at != std::string_view::npos) {
    if (text.find('@', at + 1) != std::string_view::npos)
      return bad("more than one '@' before the path: write %40 for it in user and password");
    const auto login = text.substr(0, at);
    const auto colon = login.find(':');
    auto user = percent_decode(login.substr(0, colon), "user");
    if (!user) return user.error();
    out.user = *std::move(user);
    if (colon != std::string_view::npos) {
      auto password = percent_decode(login.substr(colon + 1), "password");
      if (!password) return password.error();
      out.password = *std::move(password);
      out.has_password = true;
    }
    text = text.substr(at + 1);
    if (text.empty()) return bad("no host after the '@'");
  }
  return parse_hosts(text, out);
}

result<void> parse_parameters(std::string_view text, parsed_url& out) {
  while (!text.empty()) {
    const auto amp = text.find('&');
    const auto item = text.substr(0, amp);
    const auto equals = item.find('=');
    const auto name = item.substr(0, equals);
    if (name.empty()) return bad("a parameter without a name");
    if (equals == std::string_view::npos) return bad("parameter " + shown(name) + " has no value: write name=value");
    if (out.parameter(name)) return bad("parameter " + shown(name) + " is given twice");
    auto value = percent_decode(item.substr(equals + 1), "value of a parameter");
    if (!value) return value.error();
    out.parameters.emplace_back(name, *std::move(value));
    if (amp == std::string_view::npos) break;
    text = text.substr(amp + 1);
    if (text.empty()) return bad("it ends with '&'");
  }
  return {};
}

}  // namespace

std::optional<std::string_view> parsed_url::parameter(std::string_view name) const noexcept {
  for (const auto& [key, value] : parameters)
    if (key == name) return value;
  return std::nullopt;
}

result<std::uint64_t> parsed_url::number(std::string_view name, std::uint64_t fallback, std::uint64_t min,
                                         std::uint64_t max) const {
  const auto text = parameter(name);
  if (!text) return fallback;
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (failed != std::errc() || end != text->data() + text->size() || value < min || value > max)
    return bad("parameter " + shown(name) + " must be a whole number from " + std::to_string(min) + " to " +
               std::to_string(max));
  return value;
}

result<bool> parsed_url::flag(std::string_view name, bool fallback) const {
  const auto given = parameter(name).value_or(fallback ? "true" : "false");
  if (given == "true" || given == "1") return true;
  if (given == "false" || given == "0") return false;
  return bad(std::string(name) + " must be true or false");
}

result<duration_ms> layout_ttl(const parsed_url& url) {
  constexpr std::uint64_t day = 86'400;
  constexpr std::uint64_t longest = 10'000'000'000;
  const auto ttl = url.number("ttl", day, 1, longest);
  if (!ttl) return ttl.error();
  return static_cast<duration_ms>(*ttl) * 1000;
}

result<void> parsed_url::only(std::span<const std::string_view> known) const {
  for (const auto& [name, value] : parameters) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string list;
    for (const auto k : known) list += (list.empty() ? "" : ", ") + std::string(k);
    return bad("unknown parameter " + shown(name) + "; " + scheme + ": takes " + (list.empty() ? "none" : list));
  }
  return {};
}

result<parsed_url> parse_url(std::string_view url) {
  if (url.empty()) return bad("it is empty; write for instance file:./sessions");
  if (url.size() > max_url_size) return bad("longer than " + std::to_string(max_url_size) + " bytes");
  if (std::any_of(url.begin(), url.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    return bad("a control character (line end, tab) in it");
  if (url.find('#') != std::string_view::npos) return bad("a '#' in it: write %23");

  parsed_url out;
  const auto colon = url.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_alpha(url.front()) ||
      !std::all_of(url.begin(), url.begin() + static_cast<std::ptrdiff_t>(colon),
                   [](char c) { return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; }))
    return bad("it does not begin with a scheme; for a file write file:PATH, for the memory store memory:");
  for (const char c : url.substr(0, colon)) out.scheme.push_back(lower(c));
  auto rest = url.substr(colon + 1);

  const auto question = rest.find('?');
  const auto query = question == std::string_view::npos ? std::string_view() : rest.substr(question + 1);
  rest = rest.substr(0, question);
  if (rest.substr(0, 2) == "//") {
    out.has_authority = true;
    const auto slash = rest.find('/', 2);
    const auto authority = rest.substr(2, slash == std::string_view::npos ? slash : slash - 2);
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
    // A raw '/' or '?' in a password cuts the authority short, and its '@' is then found behind it.
    if (!authority.empty() && (rest.find('@') != std::string_view::npos || query.find('@') != std::string_view::npos))
      return bad("an '@' after the host: percent-encode '/', '?' and '@' in user and password");
    if (auto ok = parse_authority(authority, out); !ok) return ok.error();
  }
  auto path = percent_decode(rest, "path");
  if (!path) return path.error();
  out.path = *std::move(path);
  if (auto ok = parse_parameters(query, out); !ok) return ok.error();
  return out;
}

}  // namespace coatcheck
