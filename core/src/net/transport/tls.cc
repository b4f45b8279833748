// A TLS connection over another transport: see tls.hpp.
//
// OpenSSL reads and writes through a BIO of ours, on the transport below: its own for sockets writes without
// MSG_NOSIGNAL, and a service that has not silenced SIGPIPE would die of a server that closes.
#include "net/transport/tls.hpp"

#include <cerrno>
#include <cstring>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <optional>
#include <utility>

#include "crypto/random.hpp"
#include "net/transport/tls_context.hpp"
#include "net/transport/tls_error.hpp"

namespace coatcheck::net {
namespace {

// What is below, and how its last call ended.
struct lower_end {
  std::unique_ptr<transport> pipe;
  bool closed = false;  // the peer sends no more
  bool more = false;    // the last read filled what it was given: the socket may have more
  int code = 0;         // errno, when a call failed
};

int bio_read(BIO* bio, char* into, std::size_t size, std::size_t* got) {
  auto& end = *static_cast<lower_end*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *got = 0;
  end.more = false;
  const auto outcome = end.pipe->read(into, size);
  switch (outcome.what) {
    case transport::status::done:
      *got = outcome.bytes;
      end.more = outcome.bytes == size || end.pipe->holds_bytes();
      return 1;
    case transport::status::again:
      BIO_set_retry_read(bio);
      return -1;
    case transport::status::closed:
      end.closed = true;
      return 0;
    case transport::status::failed:
      break;
  }
  end.code = outcome.code != 0 ? outcome.code : EIO;
  return -1;
}

int bio_write(BIO* bio, const char* bytes, std::size_t size, std::size_t* sent) {
  auto& end = *static_cast<lower_end*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *sent = 0;
  const auto outcome = end.pipe->write({bytes, size});
  if (outcome.what == transport::status::done) {
    *sent = outcome.bytes;
    return 1;
  }
  if (outcome.what == transport::status::again) {
    BIO_set_retry_write(bio);
  } else {
    end.code = outcome.code != 0 ? outcome.code : EPIPE;
  }
  return -1;
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return static_cast<lower_end*>(BIO_get_data(bio))->closed ? 1 : 0;
  return 0;
}

BIO_METHOD* bio_method() {
  static BIO_METHOD* const made = [] {
    BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "coatcheck transport");
    if (method != nullptr) {
      BIO_meth_set_read_ex(method, bio_read);
      BIO_meth_set_write_ex(method, bio_write);
      BIO_meth_set_ctrl(method, bio_control);
    }
    return method;  // as long as the process
  }();
  return made;
}

class tls_transport final : public transport, private tls_sessions {
 public:
  tls_transport(std::shared_ptr<tls_context> context, std::unique_ptr<transport> below)
      : context_(std::move(context)), below_{std::move(below)} {}
  ~tls_transport() override { close(); }

  outcome connect(const socket_address& to, const std::string& host) override {
    const std::string& name = context_->settings().server_name.empty() ? host : context_->settings().server_name;
    if (name != expected_) session_.reset();  // it is for the server that was verified
    expected_ = name;
    up_ = false;
    stage_ = stage::below;
    return came_below(below_.pipe->connect(to, host));
  }

  outcome go_on() override {
    if (stage_ == stage::below) return came_below(below_.pipe->go_on());
    return shake_hands();
  }

  outcome read(char* into, std::size_t size) override {
    read_writes_ = starved_ = false;
    std::size_t total = 0;
    while (!ended_ && total < size) {
      std::size_t got = 0;
      ERR_clear_error();
      const int done = SSL_read_ex(ssl_.get(), into + total, size - total, &got);
      if (done != 1) {
        const outcome stopped = judge(done);
        if (stopped.what != status::again) {
          ended_ = stopped;
          break;
        }
        starved_ = true;
        read_writes_ = SSL_want(ssl_.get()) == SSL_WRITING;
        break;
      }
      total += got;
      // A record holds 16 KiB at most. What is here is taken now, and so is what the socket seems to have.
      if (SSL_has_pending(ssl_.get()) == 0 && !below_.more) break;
    }
    if (total > 0) return {status::done, total};
    return ended_.value_or(outcome{status::again});
  }

  outcome write(std::string_view bytes) override {
    write_writes_ = false;
    std::size_t total = 0;
    while (!ended_ && total < bytes.size()) {
      std::size_t sent = 0;
      ERR_clear_error();
      const int done = SSL_write_ex(ssl_.get(), bytes.data() + total, bytes.size() - total, &sent);
      if (done != 1) {
        const outcome stopped = judge(done);
        if (stopped.what == status::again) {
          write_writes_ = SSL_want(ssl_.get()) == SSL_WRITING;
        } else {
          ended_ = explained(stopped);
        }
        break;
      }
      total += sent;
    }
    if (total > 0) return {status::done, total};
    return ended_.value_or(outcome{status::again});
  }

  // Of a record that has come in part the socket will tell.
  bool holds_bytes() const noexcept override {
    return ssl_ != nullptr && up_ && (ended_.has_value() || (!starved_ && SSL_has_pending(ssl_.get()) == 1));
  }
  bool wants_write() const noexcept override {
    if (stage_ == stage::below) return below_.pipe->wants_write();
    return read_writes_ || write_writes_;
  }
  std::string_view waits_for() const noexcept override {
    if (stage_ != stage::handshake) return {};
    return SSL_get_state(ssl_.get()) == TLS_ST_CW_CLNT_HELLO ? "no word of TLS came from it: is it the port for TLS?"
                                                             : "it stopped in the middle of the TLS handshake";
  }
  std::string why(const outcome& got) const override { return got.code != 0 ? transport::why(got) : why_; }
  int fd() const noexcept override { return below_.pipe->fd(); }

  void close() noexcept override {
    if (ssl_ != nullptr) {
      // OpenSSL gives up the session of a connection that ends without a word; where the word may not be said (in a
      // child after fork, on a broken connection) it is to believe that it was.
      const bool say = up_ && !ended_ && !write_writes_ && generation_ == crypto::fork_generation();
      if (say) {
        ERR_clear_error();
        (void)SSL_shutdown(ssl_.get());  // one attempt, without waiting for the answer
      }
      if (!fatal_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
      SSL_set_app_data(ssl_.get(), nullptr);
      ssl_.reset();
      ERR_clear_error();
    }
    below_.pipe->close();
    below_.closed = below_.more = false;
    below_.code = 0;
    stage_ = stage::none;
    ended_.reset();
    up_ = fatal_ = wanted_certificate_ = read_writes_ = write_writes_ = starved_ = false;
  }

 private:
  enum class stage : std::uint8_t { none, below, handshake, up };

  void keep(ssl_session_ptr session) noexcept override { session_ = std::move(session); }
  void certificate_wanted() noexcept override { wanted_certificate_ = true; }

  outcome came_below(const outcome& got) {
    if (got.what != status::done) return got;
    if (!begin()) {
      ERR_clear_error();
      return fail({"TLS: out of memory, or a server_name that cannot be one"});
    }
    stage_ = stage::handshake;
    generation_ = crypto::fork_generation();
    return shake_hands();
  }

  bool begin() {
    SSL_CTX* const context = context_->current();
    if (edition_ != context_->edition()) session_.reset();
    edition_ = context_->edition();
    ssl_.reset(SSL_new(context));
    BIO* const bio = bio_method() == nullptr ? nullptr : BIO_new(bio_method());
    if (ssl_ == nullptr || bio == nullptr) return false;
    BIO_set_data(bio, &below_);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_app_data(ssl_.get(), static_cast<tls_sessions*>(this));
    SSL_set_connect_state(ssl_.get());
    if (!name_server()) return false;
    if (session_ != nullptr) {
      (void)SSL_set_session(ssl_.get(), session_.get());
      // One of 1.3 is used once, or who listens could tell that two connections are one client's (RFC 8446, C.4).
      if (SSL_SESSION_get_protocol_version(session_.get()) >= TLS1_3_VERSION) session_.reset();
    }
    return true;
  }

  // An address is verified as an address, and has no SNI (RFC 6066, section 3). A Unix socket has no name.
  bool name_server() {
    if (expected_.empty()) return !context_->settings().verify;
    X509_VERIFY_PARAM* const rules = SSL_get0_param(ssl_.get());
    const std::string address = expected_.substr(0, expected_.find('%'));
    if (!numeric_address(address, 0).empty()) return X509_VERIFY_PARAM_set1_ip_asc(rules, address.c_str()) == 1;
    const std::string name = expected_.back() == '.' ? expected_.substr(0, expected_.size() - 1) : expected_;
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl_.get(), name.c_str()) == 1 &&
           X509_VERIFY_PARAM_set1_host(rules, name.c_str(), name.size()) == 1;
  }

  outcome shake_hands() {
    read_writes_ = false;
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) {
      stage_ = stage::up;
      up_ = true;
      return {status::done};
    }
    outcome stopped = judge(done);
    if (stopped.what == status::again) {
      read_writes_ = SSL_want(ssl_.get()) == SSL_WRITING;
      return stopped;
    }
    session_.reset();  // if it was the reason, the next attempt does without
    if (stopped.what == status::closed) return fail(explain_tls_end(progress()));
    return stopped;
  }

  // Why a call of OpenSSL did not do what it should.
  outcome judge(int returned) {
    switch (SSL_get_error(ssl_.get(), returned)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return {status::again};
      case SSL_ERROR_ZERO_RETURN:
        return {status::closed};
      case SSL_ERROR_SYSCALL:
        if (below_.closed) return {status::closed};
        return {status::failed, 0, below_.code != 0 ? below_.code : EIO};
      default:
        break;
    }
    const unsigned long code = ERR_peek_last_error();  // the first may be of a library below that of TLS
    // Without TLS' own end: replies have lengths of their own, so nothing can be cut short unnoticed.
    if (below_.closed && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return {status::closed};
    fatal_ = true;
    session_.reset();
    return fail(explain_tls_error(code, progress()));
  }

  // A server that will not have us says why before it closes, and that may wait to be read while a write fails.
  outcome explained(const outcome& failed) {
    char one = 0;
    std::size_t got = 0;
    ERR_clear_error();
    const int done = fatal_ ? 1 : SSL_peek_ex(ssl_.get(), &one, 1, &got);
    if (done == 1 || SSL_get_error(ssl_.get(), done) != SSL_ERROR_SSL) return failed;
    const outcome said = judge(done);
    return said.what == status::failed ? said : failed;
  }

  tls_progress progress() const {
    return {expected_, SSL_get_verify_result(ssl_.get()), answered(), up_, wanted_certificate_};
  }
  // Whether a hello of the server's was understood: only then is a cipher agreed on.
  bool answered() const {
    return up_ || SSL_get_current_cipher(ssl_.get()) != nullptr || SSL_get_pending_cipher(ssl_.get()) != nullptr;
  }

  outcome fail(tls_failure why) {
    why_ = std::move(why.why);
    return {status::failed, 0, 0, why.lasting};
  }

  const std::shared_ptr<tls_context> context_;
  lower_end below_;
  ssl_ptr ssl_;
  ssl_session_ptr session_;  // for the next connection to `expected_`
  std::string expected_;     // name or address that the certificate must be for
  unsigned edition_ = 0;     // of the context that session_ is of
  unsigned generation_ = 0;  // of the process that shook hands
  stage stage_ = stage::none;
  bool up_ = false;
  bool fatal_ = false;  // TLS itself failed: no word more, and no session
  bool wanted_certificate_ = false;
  bool read_writes_ = false;      // a read waits until the socket takes bytes
  bool write_writes_ = false;     // a write does
  bool starved_ = false;          // the last read took all that could be read
  std::optional<outcome> ended_;  // what every further read and write says
  std::string why_;
};

}  // namespace

std::unique_ptr<transport> make_tls_transport(std::shared_ptr<tls_context> context, std::unique_ptr<transport> below) {
  return std::make_unique<tls_transport>(std::move(context), std::move(below));
}

}  // namespace coatcheck::net
