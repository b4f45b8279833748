// keygrip 1.1.0, index.js.
#include "coatcheck/peers.hpp"

#include "crypto/base64url.hpp"
#include "crypto/hmac.hpp"
#include "crypto/peer_crypto.hpp"

namespace coatcheck {

std::string keygrip_sign(std::string_view key, std::string_view data) {
  const auto digest = crypto::hmac_sha1(key, data);
  return crypto::base64url_encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::optional<std::size_t> keygrip_index(std::span<const std::string> keys, std::string_view data,
                                         std::string_view signature) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (crypto::equal_constant_time(keygrip_sign(keys[i], data), signature)) return i;
  }
  return std::nullopt;
}

}  // namespace coatcheck
