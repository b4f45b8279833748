// The settings of TLS as OpenSSL holds them: what tls.cc makes its connections from.
//
// Thread safety: one thread's, that of the links.
#pragma once

#include <array>
#include <memory>
#include <openssl/ssl.h>
#include <string>
#include <sys/stat.h>

#include "net/transport/tls.hpp"

namespace coatcheck::net {

struct free_tls {
  void operator()(SSL_CTX* one) const noexcept { SSL_CTX_free(one); }
  void operator()(SSL* one) const noexcept { SSL_free(one); }
  void operator()(SSL_SESSION* one) const noexcept { SSL_SESSION_free(one); }
};
using ssl_ctx_ptr = std::unique_ptr<SSL_CTX, free_tls>;
using ssl_ptr = std::unique_ptr<SSL, free_tls>;
using ssl_session_ptr = std::unique_ptr<SSL_SESSION, free_tls>;

class tls_context {
 public:
  tls_context(tls_settings settings, ssl_ctx_ptr loaded);
  ~tls_context();
  tls_context(const tls_context&) = delete;
  tls_context& operator=(const tls_context&) = delete;

  [[nodiscard]] const tls_settings& settings() const noexcept { return settings_; }
  // For the next connection. Reads the files again when one has changed; where they do not fit (only one of a pair was
  // replaced so far), what was read before goes on, and they are looked at again.
  [[nodiscard]] SSL_CTX* current();
  // Grows when they were read again: a session from before is not resumed.
  [[nodiscard]] unsigned edition() const noexcept { return edition_; }

 private:
  struct stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    timespec changed{};
    friend bool operator==(const stamp& a, const stamp& b) noexcept {
      return a.device == b.device && a.inode == b.inode && a.size == b.size && a.changed.tv_sec == b.changed.tv_sec &&
             a.changed.tv_nsec == b.changed.tv_nsec;
    }
  };
  using stamps = std::array<stamp, 3>;
  [[nodiscard]] stamps look() const;

  tls_settings settings_;
  ssl_ctx_ptr loaded_;
  stamps seen_{};
  unsigned edition_ = 1;
};

// What a new session of the connection is given to: set with SSL_set_app_data, null for nobody.
class tls_sessions {
 public:
  virtual ~tls_sessions() = default;
  virtual void keep(ssl_session_ptr session) noexcept = 0;
  // The server asked for a certificate, and there is none to show.
  virtual void certificate_wanted() noexcept = 0;
};

}  // namespace coatcheck::net
