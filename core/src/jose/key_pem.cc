// PEM and DER, in and out.
#include <cstring>
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "jose/key_impl.hpp"

namespace coatcheck::jose {
namespace {

using decoder = std::unique_ptr<OSSL_DECODER_CTX, ossl::releaser<&OSSL_DECODER_CTX_free>>;
using encoder = std::unique_ptr<OSSL_ENCODER_CTX, ossl::releaser<&OSSL_ENCODER_CTX_free>>;
using certificate = std::unique_ptr<X509, ossl::releaser<&X509_free>>;

constexpr std::string_view white = " \t\r\n";

std::string_view trim(std::string_view text) noexcept {
  const auto begin = text.find_first_not_of(white);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(white) - begin + 1);
}

// Takes one PEM block off the front of `text` and names it. Empty label: there is none.
std::string_view take_block(std::string_view& text, std::string_view& block) noexcept {
  constexpr std::string_view begin = "-----BEGIN ", dashes = "-----";
  text = trim(text);
  if (text.substr(0, begin.size()) != begin) return {};
  const auto label_end = text.find(dashes, begin.size());
  if (label_end == std::string_view::npos) return {};
  const std::string_view label = text.substr(begin.size(), label_end - begin.size());
  const std::string closing = "-----END " + std::string(label) + "-----";
  const auto end = text.find(closing);
  if (end == std::string_view::npos) return {};
  block = text.substr(0, end + closing.size());
  text = trim(text.substr(block.size()));
  return label;
}

// Decodes with a callback that never prompts on the terminal, which OpenSSL's own would.
result<ossl::pkey> decode(std::string_view bytes, const char* input, int selection, std::string_view passphrase) {
  EVP_PKEY* made = nullptr;
  const decoder context(OSSL_DECODER_CTX_new_for_pkey(&made, input, nullptr, nullptr, selection, nullptr, nullptr));
  const auto supply = [](char* out, size_t room, size_t* size, const OSSL_PARAM[], void* from) {
    const auto& text = *static_cast<const std::string_view*>(from);
    if (text.empty() || text.size() > room) return 0;
    std::memcpy(out, text.data(), text.size());
    *size = text.size();
    return 1;
  };
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t left = bytes.size();
  if (!context || OSSL_DECODER_CTX_set_passphrase_cb(context.get(), supply, &passphrase) != 1 ||
      OSSL_DECODER_from_data(context.get(), &at, &left) != 1 || made == nullptr) {
    EVP_PKEY_free(made);
    return refuse(errc::key_invalid,
                  "the key cannot be read: malformed, of an unknown kind, or the passphrase is wrong");
  }
  ossl::pkey owned(made);
  if (left != 0) return refuse(errc::key_invalid, "there are bytes after the key");
  return owned;
}

result<key> take(result<ossl::pkey> pkey, bool is_private, algorithm alg, const import_options& options) {
  if (!pkey) return pkey.error();
  if (options.alg && *options.alg != alg) return refuse(errc::invalid_option, "alg is given twice, and differs");
  auto made = std::make_shared<key_impl>();
  made->alg = alg;
  if (auto ok = adopt(*made, std::move(*pkey), is_private); !ok) return ok.error();
  return finish(std::move(made), options);
}

// Bytes of the SEQUENCE that every kind of key and certificate is, its header included; 0: this is not one. Looked at
// first, for OpenSSL's decoders take long to say that bytes are nothing they know.
std::size_t sequence_bytes(std::string_view der) noexcept {
  const auto at = [der](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(der[i])); };
  if (der.size() < 2 || at(0) != 0x30) return 0;
  if (at(1) < 0x80) return 2 + at(1);
  const std::size_t count = at(1) & 0x7F;  // of the bytes that the length takes; 0 would be BER's indefinite form
  if (count == 0 || count > 3 || der.size() < 2 + count) return 0;
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) size = size << 8 | at(2 + i);
  return 2 + count + size;
}

result<ossl::pkey> key_of(const X509* from) {
  ossl::pkey pkey(from != nullptr ? X509_get_pubkey(const_cast<X509*>(from)) : nullptr);
  if (!pkey) return refuse(errc::key_invalid, "the certificate cannot be read");
  return pkey;
}

}  // namespace

result<key> key::from_pem(std::string_view pem, algorithm alg, const import_options& options) {
  if (pem.size() > max_key_text) return refuse(errc::key_invalid, "the PEM text has more than 64 KiB");
  const ossl::quiet guard;
  std::string_view rest = pem, block;
  std::string_view label = take_block(rest, block);
  if (label == "EC PARAMETERS") label = take_block(rest, block);  // `openssl ecparam -genkey` writes it in front
  if (label.empty()) return refuse(errc::key_invalid, "not a PEM text");
  if (!rest.empty()) return refuse(errc::key_invalid, "there is text after the PEM block; one key is expected");
  if (label == "CERTIFICATE" || label == "X509 CERTIFICATE" || label == "TRUSTED CERTIFICATE") {
    const ossl::bio source(BIO_new_mem_buf(block.data(), static_cast<int>(block.size())));
    const certificate from(source ? PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr) : nullptr);
    return take(key_of(from.get()), false, alg, options);
  }
  const bool is_private = label.size() >= 11 && label.substr(label.size() - 11) == "PRIVATE KEY";
  // OpenSSL wants a line end after the last dashes.
  secret_bytes text;
  text.resize(block.size() + 1);
  std::memcpy(text.data(), block.data(), block.size());
  text.data()[block.size()] = '\n';
  return take(decode(text.view(), "PEM", is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, options.passphrase),
              is_private, alg, options);
}

result<key> key::from_der(std::string_view der, algorithm alg, const import_options& options) {
  if (der.size() > max_key_text) return refuse(errc::key_invalid, "the key has more than 64 KiB");
  const std::size_t size = sequence_bytes(der);
  if (size == 0 || size > der.size()) return refuse(errc::key_invalid, "not a DER key, or cut off");
  if (size < der.size()) return refuse(errc::key_invalid, "there are bytes after the key");
  const ossl::quiet guard;
  auto pkey = decode(der, "DER", EVP_PKEY_KEYPAIR, options.passphrase);
  if (pkey) return take(std::move(pkey), true, alg, options);
  pkey = decode(der, "DER", EVP_PKEY_PUBLIC_KEY, {});
  if (pkey) return take(std::move(pkey), false, alg, options);
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const certificate from(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (from) return take(key_of(from.get()), false, alg, options);
  return pkey.error();
}

result<std::string> key::to_pem(key_part part) const {
  if (!impl_->pkey) return refuse(errc::key_unsuitable, "a symmetric key has no PEM form");
  if (part == key_part::with_private && !impl_->is_private)
    return refuse(errc::key_unsuitable, "the key has no private part");
  const ossl::quiet guard;
  const bool secret = part == key_part::with_private;
  const encoder context(OSSL_ENCODER_CTX_new_for_pkey(impl_->pkey.get(),
                                                      secret ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, "PEM",
                                                      secret ? "PrivateKeyInfo" : "SubjectPublicKeyInfo", nullptr));
  unsigned char* bytes = nullptr;
  std::size_t size = 0;
  if (!context || OSSL_ENCODER_to_data(context.get(), &bytes, &size) != 1) {
    return refuse(errc::crypto_failed, "the key cannot be written as PEM");
  }
  std::string out(reinterpret_cast<char*>(bytes), size);
  OPENSSL_clear_free(bytes, size);
  return out;
}

}  // namespace coatcheck::jose
