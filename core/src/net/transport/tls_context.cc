// Files of certificates and keys into an SSL_CTX, with an exact word about each that does not fit.
#include "net/transport/tls_context.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <unistd.h>
#include <utility>

#include "crypto/hmac.hpp"
#include "net/transport/tls_pem.hpp"

namespace coatcheck::net {
namespace {

// The records of a turn in one read, as without TLS: a link reads 64 KiB at a time.
constexpr std::size_t read_ahead = std::size_t{64} << 10;

error unfit(std::string_view setting, std::string_view what) {
  return {errc::invalid_option, std::string(setting) + ": " + std::string(what)};
}

// OpenSSL would say "system lib"; the system says it better.
result<void> readable(std::string_view setting, const std::string& path) {
  if (is_pem(path)) return {};  // it is no path
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return unfit(setting, std::strerror(errno));
  struct stat found {};
  const bool regular = ::fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
  ::close(fd);
  if (!regular) return unfit(setting, "it is no file");
  return {};
}

// The names that OpenSSL looks for: 8 hex digits, a point, a number.
bool hashed(std::string_view name) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return name.size() > 9 && std::all_of(name.begin(), name.begin() + 8, hex) && name[8] == '.' && name[9] >= '0' &&
         name[9] <= '9';
}

result<void> check_directory(const std::string& path) {
  DIR* const all = ::opendir(path.c_str());
  if (all == nullptr) return unfit("ca_dir", std::strerror(errno));
  bool any = false;
  for (const dirent* one = ::readdir(all); one != nullptr && !any; one = ::readdir(all)) any = hashed(one->d_name);
  ::closedir(all);
  if (!any) return unfit("ca_dir", "no certificate in it has a hashed name (run `openssl rehash` on it)");
  return {};
}

// A build for Debian looks in Debian's directory. Elsewhere it is another one, and a static OpenSSL does not know it.
void trust_the_system(SSL_CTX* context) {
  (void)SSL_CTX_set_default_verify_paths(context);  // SSL_CERT_FILE and SSL_CERT_DIR, else OpenSSL's own
  if (std::getenv(X509_get_default_cert_file_env()) != nullptr ||
      std::getenv(X509_get_default_cert_dir_env()) != nullptr ||
      ::access(X509_get_default_cert_dir(), R_OK | X_OK) == 0 || ::access(X509_get_default_cert_file(), R_OK) == 0) {
    return;
  }
  constexpr const char* bundles[] = {
      "/etc/ssl/certs/ca-certificates.crt",  // Debian, Arch, Alpine
      "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora, RHEL
      "/etc/ssl/ca-bundle.pem",              // SUSE
      "/etc/ssl/cert.pem",                   // Alpine, BSD
  };
  for (const char* one : bundles) {
    if (::access(one, R_OK) == 0 && SSL_CTX_load_verify_file(context, one) == 1) return;
  }
}

result<void> load_trust(SSL_CTX* context, const tls_settings& from) {
  if (!from.verify) {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    return {};
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (!from.ca.empty()) {
    if (auto good = readable("ca", from.ca); !good) return good;
    if (is_pem(from.ca) ? !trust_pem(context, from.ca) : SSL_CTX_load_verify_file(context, from.ca.c_str()) != 1) {
      return unfit("ca", is_pem(from.ca) ? "a certificate in the text cannot be read"
                                         : "there is no certificate in the file, or not in PEM form");
    }
  }
  if (!from.ca_dir.empty()) {
    if (auto good = check_directory(from.ca_dir); !good) return good;
    if (SSL_CTX_load_verify_dir(context, from.ca_dir.c_str()) != 1) return unfit("ca_dir", "it cannot be used");
  }
  if (from.ca.empty() && from.ca_dir.empty()) trust_the_system(context);
  return {};
}

struct key_reader {
  const std::string& password;
  bool asked = false;
};

// Without a function of its own, OpenSSL asks at the terminal.
int give_password(char* into, int size, int, void* reader) {
  auto& self = *static_cast<key_reader*>(reader);
  self.asked = true;
  if (self.password.empty() || self.password.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(into, self.password.data(), self.password.size());
  return static_cast<int>(self.password.size());
}

result<void> load_identity(SSL_CTX* context, const tls_settings& from) {
  if (from.cert.empty()) {
    if (!from.key.empty()) return unfit("key", "a key without its certificate: name that as cert");
    return {};
  }
  key_reader reader{from.key_password};
  SSL_CTX_set_default_passwd_cb(context, give_password);
  SSL_CTX_set_default_passwd_cb_userdata(context, &reader);
  const auto load = [&]() -> result<void> {
    if (auto good = readable("cert", from.cert); !good) return good;
    if (is_pem(from.cert) ? !use_certificates_pem(context, from.cert)
                          : SSL_CTX_use_certificate_chain_file(context, from.cert.c_str()) != 1) {
      return unfit("cert", is_pem(from.cert)
                               ? "the text does not begin with a certificate in PEM form, or it is too weak"
                               : "the file does not begin with a certificate in PEM form, or it is too weak");
    }
    const std::string& key = from.key.empty() ? from.cert : from.key;
    if (auto good = readable("key", key); !good) return good;
    reader.asked = false;
    ERR_clear_error();
    if (is_pem(key) ? !use_key_pem(context, key)
                    : SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
      const unsigned long why = ERR_peek_error();
      if (ERR_GET_LIB(why) == ERR_LIB_X509 &&
          (ERR_GET_REASON(why) == X509_R_KEY_VALUES_MISMATCH || ERR_GET_REASON(why) == X509_R_KEY_TYPE_MISMATCH)) {
        return unfit("key", "it is not the key of the certificate in cert");
      }
      if (reader.asked) {
        return unfit("key", from.key_password.empty() ? "the key is encrypted: give its password as key_password"
                                                      : "key_password does not open the key");
      }
      if (is_pem(key)) return unfit("key", "there is no private key in the text");
      return unfit("key", from.key.empty() ? "there is no private key in the file of cert: name its file as key"
                                           : "there is no private key in the file, or not in PEM form");
    }
    if (SSL_CTX_check_private_key(context) != 1) return unfit("key", "it is not the key of the certificate in cert");
    return {};
  };
  auto loaded = load();
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  return loaded;
}

int keep_session(SSL* connection, SSL_SESSION* session) {
  auto* const owner = static_cast<tls_sessions*>(SSL_get_app_data(connection));
  if (owner == nullptr) return 0;
  owner->keep(ssl_session_ptr(session));
  return 1;  // it is ours now
}

int no_certificate(SSL* connection, X509**, EVP_PKEY**) {
  auto* const owner = static_cast<tls_sessions*>(SSL_get_app_data(connection));
  if (owner != nullptr) owner->certificate_wanted();
  return 0;
}

result<ssl_ctx_ptr> load(const tls_settings& from) {
  ssl_ctx_ptr made(SSL_CTX_new(TLS_client_method()));
  if (made == nullptr) return {errc::invalid_option, "OpenSSL has no TLS here (see openssl.cnf)"};
  SSL_CTX* const context = made.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // A write that the socket takes in part is gone on with, from wherever the bytes are then.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, read_ahead);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);
  SSL_CTX_set_client_cert_cb(context, no_certificate);
  auto good = load_trust(context, from);
  if (good) good = load_identity(context, from);
  ERR_clear_error();
  if (!good) return good.error();
  return made;
}

}  // namespace

tls_context::tls_context(tls_settings settings, ssl_ctx_ptr loaded)
    : settings_(std::move(settings)), loaded_(std::move(loaded)), seen_(look()) {}

tls_context::~tls_context() {
  crypto::wipe(settings_.key_password.data(), settings_.key_password.size());
  for (std::string* one : {&settings_.key, &settings_.cert}) crypto::wipe(one->data(), one->size());  // may be PEM
}

tls_context::stamps tls_context::look() const {
  stamps now{};
  const std::string* const paths[] = {&settings_.ca, &settings_.cert, &settings_.key};
  for (std::size_t i = 0; i < now.size(); ++i) {
    struct stat found {};
    if (paths[i]->empty() || is_pem(*paths[i]) || ::stat(paths[i]->c_str(), &found) != 0) continue;
    now[i] = {found.st_dev, found.st_ino, found.st_size, found.st_mtim};
  }
  return now;
}

SSL_CTX* tls_context::current() {
  const stamps now = look();
  if (now == seen_) return loaded_.get();
  if (auto again = load(settings_)) {
    loaded_ = *std::move(again);
    seen_ = now;
    ++edition_;
  }
  return loaded_.get();
}

result<std::shared_ptr<tls_context>> make_tls_context(tls_settings settings) {
  auto loaded = load(settings);
  if (!loaded) return loaded.error();
  return std::make_shared<tls_context>(std::move(settings), *std::move(loaded));
}

}  // namespace coatcheck::net
