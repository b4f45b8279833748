// OpenSSL's reasons, the alerts of RFC 8446 (section 6) among them, as sentences.
#include "net/transport/tls_error.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

namespace coatcheck::net {
namespace {

constexpr std::string_view no_tls = "what answers at this port is not TLS: is it the port for plain connections?";
constexpr std::string_view wants_certificate = "the server wants a client certificate (cert= and key=)";

tls_failure explain_verification(const tls_progress& at) {
  switch (at.verified) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {"the server's certificate, or one that it stands on, has expired", true};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {"the server's certificate is not valid yet: is the clock right?", true};
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return {"the server's certificate is self-signed, and not one that is trusted here (ca=)", true};
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return {
          "the server's certificate is signed by an authority that is not trusted here (ca=, ca_dir=, else the "
          "system's)",
          true};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {"the server's certificate is for another name than " + std::string(at.expected) +
                  " (if that is meant: server_name=)",
              true};
    case X509_V_ERR_INVALID_PURPOSE:
      return {"the server's certificate is not one for servers", true};
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return {"the key or the signature of the server's certificate is too weak", true};
    default:
      return {std::string("the server's certificate is refused: ") + X509_verify_cert_error_string(at.verified), true};
  }
}

}  // namespace

tls_failure explain_tls_error(unsigned long code, const tls_progress& at) {
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) {
    const char* const text = ERR_reason_error_string(code);
    return {std::string("TLS failed: ") + (text != nullptr ? text : "without a reason")};
  }
  switch (ERR_GET_REASON(code)) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return explain_verification(at);
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return {std::string(wants_certificate), true};
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      if (at.certificate_wanted) return {std::string(wants_certificate), true};
      return {"the server refused the TLS handshake: no cipher in common, or a setting of its own", true};
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
      return {"the server has no version of TLS in common with us (1.2 or 1.3)", true};
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
      return {"the server refuses the client certificate (cert=)", true};
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return {"the server refuses the client certificate (cert=): it has expired", true};
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
      return {"the server refuses the client certificate (cert=): it was revoked", true};
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return {"the server refuses the client certificate (cert=): it does not know who signed it", true};
    case SSL_R_TLSV1_UNRECOGNIZED_NAME:
      return {"the server has no certificate for the name " + std::string(at.expected) + " (server_name=)", true};
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      if (!at.up) return {std::string(no_tls), true};
      break;
    default:
      break;
  }
  const int reason = ERR_GET_REASON(code);
  // 1000 and more: an alert of the server's, in TLS.
  if (!at.up && !at.answered && reason < SSL_AD_REASON_OFFSET) return {std::string(no_tls), true};
  const char* const text = ERR_reason_error_string(code);
  return {std::string("TLS failed: ") + (text != nullptr ? text : "without a reason")};
}

tls_failure explain_tls_end(const tls_progress& at) {
  if (at.certificate_wanted) return {"the server ended the TLS handshake: it asked for a client certificate (cert=)"};
  if (!at.answered) return {"the server closed the connection at the first word of TLS: is it the port for TLS?"};
  return {"the server closed the connection during the TLS handshake"};
}

}  // namespace coatcheck::net
