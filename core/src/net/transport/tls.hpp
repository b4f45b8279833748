// TLS between a link and its socket, by OpenSSL: chain and host name of the server are verified, 1.2 is the oldest
// version, a session is resumed at the next connection, and nothing is ever renegotiated.
//
// tls_settings are read once, so that a file that is missing or does not fit is an error where the store is opened, and
// again before a connection when one of the files has changed: certificates are renewed while a service runs.
//
// Thread safety: one thread's, that of the links.
#pragma once

#include <memory>
#include <string>

#include "coatcheck/error.hpp"

#include "net/transport/transport.hpp"

namespace coatcheck::net {

// `ca`, `cert` and `key` may also be PEM text itself, which is known by its first line.
struct tls_settings {
  std::string ca{};            // file with the certificates that are trusted, PEM
  std::string ca_dir{};        // directory of such files under their hashed names (openssl rehash)
  std::string cert{};          // file with the client's certificate and what signed it, PEM
  std::string key{};           // file with its private key, PEM; empty: in the file of `cert`
  std::string key_password{};  // of an encrypted key
  std::string server_name{};   // what the certificate must be for, and SNI; empty: the host that is connected to
  // Anybody who can reach the wire can be the server. For a tunnel that verifies, or a test.
  bool verify = true;
};

class tls_context;

// Reads the files. With neither `ca` nor `ca_dir`: what the system trusts, or SSL_CERT_FILE and SSL_CERT_DIR.
// Error: invalid_option, whose message names the setting and no path.
[[nodiscard]] result<std::shared_ptr<tls_context>> make_tls_context(tls_settings settings);

// `below` carries the encrypted bytes.
[[nodiscard]] std::unique_ptr<transport> make_tls_transport(std::shared_ptr<tls_context> context,
                                                            std::unique_ptr<transport> below);

}  // namespace coatcheck::net
