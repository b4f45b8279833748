// Why TLS failed, said so that an operator knows what to change.
//
// Thread safety: plain functions.
#pragma once

#include <string>
#include <string_view>

namespace coatcheck::net {

struct tls_failure {
  std::string why;       // to stand behind a colon; made of fixed text and the name that was expected, never of what
                         // the peer sent
  bool lasting = false;  // until somebody changes a setting
};

// What the connection had come to when it failed.
struct tls_progress {
  std::string_view expected;        // the name or address that the certificate must be for
  long verified = 0;                // SSL_get_verify_result
  bool answered = false;            // the server has sent a message of TLS
  bool up = false;                  // the handshake was over on our side
  bool certificate_wanted = false;  // the server asked for one, and none was there
};

// `code`: the last error that OpenSSL has queued (ERR_peek_last_error).
[[nodiscard]] tls_failure explain_tls_error(unsigned long code, const tls_progress& at);

// The server went away in the middle of the handshake.
[[nodiscard]] tls_failure explain_tls_end(const tls_progress& at);

}  // namespace coatcheck::net
