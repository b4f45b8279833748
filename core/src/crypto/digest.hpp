// One-shot digests for parts that may not name OpenSSL.
//
// SHA-1 is here for one use, as a change detector: Redis' scripting offers no other digest (redis.sha1hex).
//
// Thread safety: pure functions. They abort the process when OpenSSL has no such digest or no memory, for a
// made-up digest would be taken for a true one.
#pragma once

#include <string>
#include <string_view>

#include "crypto/hmac.hpp"

namespace coatcheck::crypto {

[[nodiscard]] sha256_digest sha256(std::string_view bytes) noexcept;
// 40 lower-case hexadecimal digits, as redis.sha1hex.
[[nodiscard]] std::string sha1_hex(std::string_view bytes);

}  // namespace coatcheck::crypto
