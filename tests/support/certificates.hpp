// Certificates of a test's own, made with OpenSSL, in a directory that goes with the test: an authority, and what it
// signs. Keys are on P-256.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace coatcheck_test {

// Where they are, as PEM.
struct certificate_files {
  std::string cert;
  std::string key;
};

class certificates {
 public:
  struct wish {
    std::string names = "DNS:localhost,IP:127.0.0.1,IP:::1";  // subjectAltName
    long from = -3600;                                        // seconds from now
    long until = 86400;
    bool self_signed = false;
    std::string password{};  // encrypts the key
    std::string usage = "serverAuth,clientAuth";
  };

  certificates() {
    std::string name = (std::filesystem::temp_directory_path() / "coatcheck-tls-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    directory_ = name;
    authority_key_.reset(EVP_EC_gen("P-256"));
    authority_ =
        make(authority_key_.get(), nullptr, "authority of " + directory_.substr(directory_.size() - 6), {}, true);
    write_certificate(authority(), authority_.get());
  }
  ~certificates() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  certificates(const certificates&) = delete;
  certificates& operator=(const certificates&) = delete;

  [[nodiscard]] std::string directory() const { return directory_; }
  // The file of the authority's certificate.
  [[nodiscard]] std::string authority() const { return directory_ + "/ca.pem"; }

  // `label` names the files; the same again replaces them.
  certificate_files issue(const std::string& label, const wish& wanted) {
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const auto made = make(key.get(), wanted.self_signed ? nullptr : authority_key_.get(), label, wanted, false);
    certificate_files out{directory_ + "/" + label + ".pem", directory_ + "/" + label + ".key"};
    write_certificate(out.cert, made.get());
    const file to(std::fopen(out.key.c_str(), "w"), std::fclose);
    const bool locked = !wanted.password.empty();
    if (PEM_write_PKCS8PrivateKey(to.get(), key.get(), locked ? EVP_aes_128_cbc() : nullptr,
                                  locked ? wanted.password.data() : nullptr, static_cast<int>(wanted.password.size()),
                                  nullptr, nullptr) != 1) {
      throw std::runtime_error("cannot write a key");
    }
    return out;
  }

 private:
  using x509 = std::unique_ptr<X509, void (*)(X509*)>;
  using file = std::unique_ptr<FILE, int (*)(FILE*)>;

  x509 make(EVP_PKEY* key, EVP_PKEY* signer, const std::string& name, const wish& wanted, bool authority) {
    x509 made(X509_new(), X509_free);
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), wanted.from);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), wanted.until);
    X509_set_pubkey(made.get(), key);
    X509_NAME* const subject = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1,
                               -1, 0);
    X509_set_issuer_name(made.get(), signer == nullptr ? subject : X509_get_subject_name(authority_.get()));
    X509V3_CTX context;
    X509V3_set_ctx(&context, signer == nullptr ? made.get() : authority_.get(), made.get(), nullptr, nullptr, 0);
    const auto add = [&](int kind, const std::string& value) {
      X509_EXTENSION* const one = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
      if (one == nullptr) throw std::runtime_error("no extension " + value);
      X509_add_ext(made.get(), one, -1);
      X509_EXTENSION_free(one);
    };
    add(NID_basic_constraints, authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add(NID_subject_key_identifier, "hash");
    if (!authority) {
      add(NID_subject_alt_name, wanted.names);
      add(NID_ext_key_usage, wanted.usage);
    }
    if (X509_sign(made.get(), signer == nullptr ? key : signer, EVP_sha256()) == 0) {
      throw std::runtime_error("cannot sign a certificate");
    }
    return made;
  }
  static void write_certificate(const std::string& path, X509* one) {
    const file to(std::fopen(path.c_str(), "w"), std::fclose);
    if (to == nullptr || PEM_write_X509(to.get(), one) != 1) throw std::runtime_error("cannot write a certificate");
  }

  std::string directory_;
  long serial_ = 0;
  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> authority_key_{nullptr, EVP_PKEY_free};
  x509 authority_{nullptr, X509_free};
};

}  // namespace coatcheck_test
