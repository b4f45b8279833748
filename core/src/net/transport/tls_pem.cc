// PEM text into an SSL_CTX: see tls_pem.hpp.
#include "net/transport/tls_pem.hpp"

#include <cstddef>
#include <memory>
#include <openssl/err.h>
#include <openssl/pem.h>

namespace coatcheck::net {
namespace {

struct free_pem {
  void operator()(BIO* one) const noexcept { BIO_free(one); }
  void operator()(X509* one) const noexcept { X509_free(one); }
  void operator()(EVP_PKEY* one) const noexcept { EVP_PKEY_free(one); }
};
using bio_ptr = std::unique_ptr<BIO, free_pem>;
using x509_ptr = std::unique_ptr<X509, free_pem>;

bio_ptr reading(std::string_view text) { return bio_ptr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

x509_ptr next_certificate(BIO* from) { return x509_ptr(PEM_read_bio_X509(from, nullptr, nullptr, nullptr)); }

// Whether reading ended because there is no further block, and not for one that is damaged.
bool at_end() {
  const unsigned long why = ERR_peek_last_error();
  const bool end = ERR_GET_LIB(why) == ERR_LIB_PEM && ERR_GET_REASON(why) == PEM_R_NO_START_LINE;
  if (end) ERR_clear_error();
  return end;
}

}  // namespace

bool is_pem(std::string_view setting) noexcept { return setting.find("-----BEGIN ") != std::string_view::npos; }

bool trust_pem(SSL_CTX* into, std::string_view certificates) {
  const bio_ptr from = reading(certificates);
  if (from == nullptr) return false;
  std::size_t count = 0;
  while (const x509_ptr one = next_certificate(from.get())) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(into), one.get()) != 1) return false;
    ++count;
  }
  return at_end() && count > 0;
}

bool use_certificates_pem(SSL_CTX* into, std::string_view certificates) {
  const bio_ptr from = reading(certificates);
  if (from == nullptr) return false;
  const x509_ptr own = next_certificate(from.get());
  if (own == nullptr || SSL_CTX_use_certificate(into, own.get()) != 1 || SSL_CTX_clear_chain_certs(into) != 1)
    return false;
  while (const x509_ptr one = next_certificate(from.get())) {
    if (SSL_CTX_add1_chain_cert(into, one.get()) != 1) return false;
  }
  return at_end();
}

bool use_key_pem(SSL_CTX* into, std::string_view key) {
  const bio_ptr from = reading(key);
  if (from == nullptr) return false;
  const std::unique_ptr<EVP_PKEY, free_pem> own(PEM_read_bio_PrivateKey(
      from.get(), nullptr, SSL_CTX_get_default_passwd_cb(into), SSL_CTX_get_default_passwd_cb_userdata(into)));
  return own != nullptr && SSL_CTX_use_PrivateKey(into, own.get()) == 1;
}

}  // namespace coatcheck::net
