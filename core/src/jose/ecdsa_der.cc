// r || s to DER and back.
#include "jose/ecdsa_der.hpp"

#include <cstring>

#include "jose/key_impl.hpp"

namespace coatcheck::jose {
namespace {

// Orders of the groups, big-endian (SEC 2; FIPS 186-4, D.1.2).
constexpr std::string_view order_of(curve crv) noexcept {
  using namespace std::string_view_literals;
  switch (crv) {
    case curve::p256:
      return "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"
             "\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51"sv;
    case curve::p384:
      return "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
             "\xc7\x63\x4d\x81\xf4\x37\x2d\xdf\x58\x1a\x0d\xb2\x48\xb0\xa7\x7a\xec\xec\x19\x6a\xcc\xc5\x29\x73"sv;
    case curve::p521:
      return "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
             "\xff"
             "\xff\xff\xff\xff\xff\xff\xfa\x51\x86\x87\x83\xbf\x2f\x96\x6b\x7f\xcc\x01\x48\xf7\x09\xa5\xd0\x3b\xb5\xc9"
             "\xb8"
             "\x89\x9c\x47\xae\xbb\x6f\xb7\x1e\x91\x38\x64\x09"sv;
    case curve::secp256k1:
      return "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"
             "\xba\xae\xdc\xe6\xaf\x48\xa0\x3b\xbf\xd2\x5e\x8c\xd0\x36\x41\x41"sv;
    default:
      return {};
  }
}

bool in_range(std::string_view number, std::string_view order) noexcept {
  // A signature is public: comparing it needs no constant time.
  if (number.find_first_not_of('\0') == std::string_view::npos) return false;
  return std::memcmp(number.data(), order.data(), order.size()) < 0;
}

unsigned char* put_integer(unsigned char* at, std::string_view number) noexcept {
  number.remove_prefix(number.find_first_not_of('\0'));
  const bool padded = (static_cast<unsigned char>(number[0]) & 0x80) != 0;
  *at++ = 0x02;
  *at++ = static_cast<unsigned char>(number.size() + (padded ? 1 : 0));
  if (padded) *at++ = 0;
  std::memcpy(at, number.data(), number.size());
  return at + number.size();
}

bool take_integer(std::string_view& der, std::size_t width, unsigned char* out) noexcept {
  if (der.size() < 2 || der[0] != 0x02) return false;
  const auto size = static_cast<unsigned char>(der[1]);
  if (size == 0 || size > 127 || der.size() < 2u + size) return false;
  std::string_view number = der.substr(2, size);
  der.remove_prefix(2u + size);
  while (number.size() > 1 && number[0] == '\0') number.remove_prefix(1);
  if (number.size() > width) return false;
  std::memset(out, 0, width - number.size());
  std::memcpy(out + (width - number.size()), number.data(), number.size());
  return true;
}

}  // namespace

bool ecdsa_to_der(curve crv, std::string_view raw, ecdsa_der& out) noexcept {
  const std::string_view order = order_of(crv);
  if (order.empty() || raw.size() != 2 * order.size()) return false;
  const std::string_view r = raw.substr(0, order.size()), s = raw.substr(order.size());
  if (!in_range(r, order) || !in_range(s, order)) return false;
  std::array<unsigned char, 140> body;
  const auto size = static_cast<std::size_t>(put_integer(put_integer(body.data(), r), s) - body.data());
  unsigned char* at = out.data.data();
  *at++ = 0x30;
  if (size > 127) *at++ = 0x81;
  *at++ = static_cast<unsigned char>(size);
  std::memcpy(at, body.data(), size);
  out.size = static_cast<std::size_t>(at - out.data.data()) + size;
  return true;
}

bool ecdsa_from_der(curve crv, std::string_view der, unsigned char* out) noexcept {
  const std::size_t width = order_of(crv).size();
  if (width == 0 || der.size() < 2 || der[0] != 0x30) return false;
  const std::size_t skip = static_cast<unsigned char>(der[1]) == 0x81 ? 3 : 2;
  if (der.size() < skip || static_cast<unsigned char>(der[skip - 1]) != der.size() - skip) return false;
  der.remove_prefix(skip);
  return take_integer(der, width, out) && take_integer(der, width, out + width) && der.empty();
}

}  // namespace coatcheck::jose
