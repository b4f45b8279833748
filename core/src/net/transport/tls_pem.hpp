// Certificates and keys that are given as PEM text, in place of a file's name: what a secret manager hands over.
//
// Thread safety: one thread's, that of the context.
#pragma once

#include <openssl/ssl.h>
#include <string_view>

namespace coatcheck::net {

// Whether a setting is the text itself and not the name of a file.
[[nodiscard]] bool is_pem(std::string_view setting) noexcept;

// Each: false when the text has none of what it should, or OpenSSL does not take it.
[[nodiscard]] bool trust_pem(SSL_CTX* into, std::string_view certificates);
// The first one is the client's, the others are what signed it.
[[nodiscard]] bool use_certificates_pem(SSL_CTX* into, std::string_view certificates);
// Asks the context's own function for the password of an encrypted key.
[[nodiscard]] bool use_key_pem(SSL_CTX* into, std::string_view key);

}  // namespace coatcheck::net
