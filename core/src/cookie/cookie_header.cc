// The Cookie header, read as npm's cookie 0.7.2 reads it, but for every value of a name and within limits.
#include <algorithm>

#include "coatcheck/cookie.hpp"

#include "cookie/percent.hpp"

namespace coatcheck {
namespace {

// White space is SP and HTAB alone. A wider notion (Unicode's spaces, NEL) would let a page of a sibling domain
// plant a cookie that browsers do not hold to the rules of a prefix and that we took for the real one.
constexpr std::string_view white_space = " \t";

std::string_view trim(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(white_space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

// A single quote mark counts as an empty pair, as in npm's cookie.
std::string_view unquote(std::string_view value) noexcept {
  if (value.empty() || value.front() != '"' || value.back() != '"') return value;
  return value.size() < 2 ? std::string_view() : value.substr(1, value.size() - 2);
}

std::string decoded(std::string_view value) {
  if (value.find('%') != std::string_view::npos) {
    if (auto text = percent_decode(value)) return *std::move(text);
  }
  return std::string(value);
}

bool begins_pair(std::string_view text, std::string_view name) noexcept {
  text = trim(text);
  if (!text.starts_with(name)) return false;
  return trim(text.substr(name.size())).starts_with('=');
}

}  // namespace

std::string split_joined_cookies(std::string_view header, std::string_view name) {
  std::string out(header);
  if (name.empty() || header.size() > max_cookie_header) return out;
  const bool ruled = name.starts_with("__");
  bool inside = false;  // a value of this name
  std::size_t begin = 0;
  while (begin < header.size()) {
    const std::size_t end = std::min(header.find_first_of(";,", begin), header.size());
    inside = inside || begins_pair(header.substr(begin, end - begin), name);
    if (end < header.size()) {
      if (header[end] == ';') {
        inside = false;
      } else if (inside || (!ruled && begins_pair(header.substr(end + 1), name))) {
        out[end] = ';';
        inside = false;
      }
    }
    begin = end + 1;
  }
  return out;
}

cookie_candidates find_cookie(std::string_view header, std::string_view name) {
  cookie_candidates found;
  if (header.size() > max_cookie_header) {
    found.refused = true;
    return found;
  }
  if (name.empty()) return found;  // a nameless cookie is nobody's

  while (!header.empty()) {
    const std::size_t end = std::min(header.find(';'), header.size());
    const std::string_view pair = header.substr(0, end);
    header.remove_prefix(std::min(end + 1, header.size()));

    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || trim(pair.substr(0, equals)) != name) continue;
    const std::string_view raw = trim(pair.substr(equals + 1));
    if (raw.size() > max_cookie_size) {
      found.refused = true;
      continue;
    }
    std::string value = decoded(unquote(raw));
    if (std::find(found.values.begin(), found.values.end(), value) != found.values.end()) continue;
    if (found.values.size() == max_cookie_candidates) {
      found.refused = true;
      break;
    }
    found.values.push_back(std::move(value));
  }
  return found;
}

}  // namespace coatcheck
