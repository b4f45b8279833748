// PEM and DER, in and out.
#include <algorithm>
#include <cstring>
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <optional>

#include "jose/key_impl.hpp"

namespace coatcheck::jose {
namespace {

using decoder = std::unique_ptr<OSSL_DECODER_CTX, ossl::releaser<&OSSL_DECODER_CTX_free>>;
using encoder = std::unique_ptr<OSSL_ENCODER_CTX, ossl::releaser<&OSSL_ENCODER_CTX_free>>;
using certificate = std::unique_ptr<X509, ossl::releaser<&X509_free>>;

constexpr std::string_view white = " \t\r\n";

// A block as people have it, taken apart: the label, and what stands between its lines.
struct pem_block {
  std::string_view label;
  std::string_view body;
  [[nodiscard]] bool is_certificate() const noexcept { return label.ends_with("CERTIFICATE"); }
  [[nodiscard]] bool is_parameters() const noexcept { return label == "EC PARAMETERS"; }
};

// Takes the first block off `text`, with the explanatory text before it (RFC 7468, 5.2: openssl's Bag Attributes, a
// byte order mark). No block: an empty label.
result<pem_block> take_block(std::string_view& text) {
  constexpr std::string_view begin = "-----BEGIN ", dashes = "-----";
  const auto start = text.find(begin);
  if (start == std::string_view::npos) return pem_block{};
  // At the start of a line, or after blanks where lines were lost; a byte order mark counts as the start.
  const bool apart =
      start == 0 || white.find(text[start - 1]) != std::string_view::npos || text.substr(0, start) == "\xEF\xBB\xBF";
  if (!apart) return refuse(errc::key_invalid, "not a PEM text: its BEGIN line has something before it");
  text.remove_prefix(start + begin.size());
  const auto label_end = text.find(dashes);
  if (label_end == std::string_view::npos)
    return refuse(errc::key_invalid, "not a PEM text: its BEGIN line has no end");
  pem_block out;
  out.label = text.substr(0, label_end);
  text.remove_prefix(label_end + dashes.size());
  const auto end = text.find("-----END " + std::string(out.label) + "-----");
  if (end == std::string_view::npos) {
    return refuse(errc::key_invalid, "not a PEM text: a block has no END line, or one of another name");
  }
  out.body = text.substr(0, end);
  text.remove_prefix(end + out.label.size() + 14);
  return out;
}

// As OpenSSL reads it: base64 in lines, whatever the lines were (none, indented, with CR). A body with headers
// (RFC 1421: an encrypted key of openssl's older form) keeps its lines, without blanks around them.
result<secret_bytes> as_lines(const pem_block& block) {
  constexpr std::size_t width = 64;
  std::string_view body = block.body;
  if (body.find("\\n") != std::string_view::npos) {
    return refuse(errc::key_invalid,
                  "the PEM holds the two characters \\n where its lines should end: an environment variable or a JSON "
                  "file was quoted twice; replace them by line feeds");
  }
  secret_bytes text;
  text.resize(2 * body.size() + 2 * block.label.size() + 64);
  std::size_t size = 0;
  const auto put = [&](std::string_view part) {
    std::memcpy(text.data() + size, part.data(), part.size());
    size += part.size();
  };
  put("-----BEGIN "), put(block.label), put("-----\n");
  if (body.find(':') != std::string_view::npos) {
    bool after_header = false;
    while (!body.empty()) {
      const auto line_end = std::min(body.find_first_of("\r\n"), body.size());
      auto line = body.substr(0, line_end);
      const bool crlf = body.substr(line_end, 2) == "\r\n";
      body.remove_prefix(std::min(body.size(), line_end + (crlf ? 2 : 1)));
      line.remove_prefix(std::min(line.size(), line.find_first_not_of(white)));
      line.remove_suffix(line.size() - std::min(line.size(), line.find_last_not_of(white) + 1));
      // One empty line ends the headers; others are none.
      if (line.empty() && !after_header) continue;
      after_header = line.find(':') != std::string_view::npos;
      put(line), put("\n");
    }
  } else {
    std::size_t column = 0;
    for (const char c : body) {
      if (white.find(c) != std::string_view::npos) continue;
      put({&c, 1});
      if (++column % width == 0) put("\n");
    }
    if (column % width != 0) put("\n");
  }
  put("-----END "), put(block.label), put("-----\n");
  text.resize(size);
  return text;
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
  // One key, with its certificate or parameters beside it (openssl pkcs12, openssl ecparam -genkey); or certificates
  // alone, the first of which counts: a chain begins with the one that is meant (RFC 5246, 7.4.2).
  std::optional<pem_block> chosen;
  for (std::string_view rest = pem;;) {
    auto block = take_block(rest);
    if (!block) return block.error();
    if (block->label.empty()) break;
    if (block->is_parameters()) continue;
    if (!chosen || (chosen->is_certificate() && !block->is_certificate())) {
      chosen = *block;
    } else if (!block->is_certificate()) {
      return refuse(errc::key_invalid, "the PEM text holds several keys; one is expected");
    }
  }
  if (!chosen) return refuse(errc::key_invalid, "not a PEM text");
  auto text = as_lines(*chosen);
  if (!text) return text.error();
  const std::string_view label = chosen->label;
  if (chosen->is_certificate()) {
    const ossl::bio source(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
    const certificate from(source ? PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr) : nullptr);
    return take(key_of(from.get()), false, alg, options);
  }
  const bool is_private = label.ends_with("PRIVATE KEY");
  return take(decode(text->view(), "PEM", is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, options.passphrase),
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
