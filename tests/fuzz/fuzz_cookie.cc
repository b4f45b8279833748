// libFuzzer: the Cookie header, Set-Cookie, Express' signed form and the sealed form on arbitrary bytes.
// Beyond "no crash": what is written is read back, what is accepted is what was signed, no bad byte is written.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "coatcheck/cookie.hpp"
#include "coatcheck/key_ring.hpp"

namespace {

using namespace coatcheck;

constexpr epoch_ms now = 1'700'000'000'000;

void require(bool holds) {
  if (!holds) std::abort();
}

const key_ring& ring() {
  static const key_ring instance = *key_ring::from_secret("0123456789abcdef0123456789abcdef");
  return instance;
}

void read_header(std::string_view header, std::string_view name) {
  const auto found = find_cookie(header, name);
  require(found.values.size() <= max_cookie_candidates);
  for (const std::string& value : found.values) require(value.size() <= max_cookie_size);
  if (header.size() > max_cookie_header) require(found.refused && found.values.empty());
}

void write_cookie(std::string_view name, std::string_view value, std::string_view path, unsigned flags) {
  set_cookie cookie;
  cookie.name = name;
  cookie.value = value;
  cookie.path = path;
  cookie.domain = flags & 1 ? path : std::string_view();
  cookie.secure = flags & 2;
  cookie.http_only = flags & 4;
  cookie.partitioned = flags & 8;
  cookie.same_site = static_cast<same_site>(flags >> 4 & 3);
  const auto written = serialise(cookie);
  if (!written) return;
  for (const char c : *written) require(c >= 0x20 && c <= 0x7E);
  const std::string pair = written->substr(0, written->find(';'));
  require(pair.size() <= max_cookie_size + 1);  // the equals sign does not count
  const auto read = find_cookie(pair, name);
  require(read.values.size() == 1);
  // A value that is no UTF-8 can't be decoded: it comes back as it was written.
  require(read.values[0] == value || read.values[0] == percent_encode(value));
}

void sign_and_seal(std::string_view text, std::string_view context) {
  if (const auto verified = ring().unsign_express(text, now)) {
    require(*ring().sign_express(verified->value, now) == text);  // one text alone verifies for a value
  }
  if (const auto made = ring().sign_express(text, now)) {
    const auto verified = ring().unsign_express(*made, now);
    require(verified && verified->value == text);
  }
  require(!ring().unseal("fuzz", context, text, now));
  const auto sealed = ring().seal("fuzz", context, text, 0, now);
  if (!sealed) return;
  const auto opened = ring().unseal("fuzz", context, *sealed, now);
  require(opened && opened->plaintext == text);
  std::string damaged = *sealed;
  char& byte = damaged[text.size() % damaged.size()];
  byte = static_cast<char>(byte ^ 1);
  require(!ring().unseal("fuzz", context, damaged, now));
}

}  // namespace

// Input: a byte of flags, then name, second part and the rest, divided by line feeds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned flags = data[0];
  std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto next = [&rest] {
    const std::string_view part = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    return part;
  };
  const std::string_view name = next(), second = next();
  read_header(rest, name);
  read_header(rest, "id");
  write_cookie(name, rest, second, flags);
  sign_and_seal(rest, second);
  return 0;
}
