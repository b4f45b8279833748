// The TLS transport against OpenSSL as a server in the same thread, on two ends of a socket pair: what a real Redis
// never does, and what cannot be seen from outside.
#include "net/transport/tls.hpp"

#include <cerrno>
#include <gtest/gtest.h>
#include <memory>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "net/transport/socket.hpp"
#include "support/certificates.hpp"

namespace coatcheck::net {
namespace {

using coatcheck_test::certificates;
using status = transport::status;

// One end of a pair that is there already; `cork` makes its writes say "again", as a full socket's do.
class pair_end final : public transport {
 public:
  pair_end(int fd, bool& cork) : fd_(fd), cork_(cork) {}
  ~pair_end() override { close(); }
  outcome connect(const socket_address&, const std::string&) override { return {status::done}; }
  outcome go_on() override { return {status::done}; }
  outcome read(char* into, std::size_t size) override {
    const ssize_t got = ::recv(fd_, into, size, MSG_DONTWAIT);
    if (got > 0) return {status::done, static_cast<std::size_t>(got)};
    if (got == 0) return {status::closed};
    return errno == EAGAIN ? outcome{status::again} : outcome{status::failed, 0, errno};
  }
  outcome write(std::string_view bytes) override {
    if (cork_) return {status::again};
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) return {status::done, static_cast<std::size_t>(sent)};
    return errno == EAGAIN ? outcome{status::again} : outcome{status::failed, 0, errno};
  }
  bool holds_bytes() const noexcept override { return false; }
  bool wants_write() const noexcept override { return false; }
  int fd() const noexcept override { return fd_; }
  void close() noexcept override {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
  bool& cork_;
};

class TlsTransport : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    const auto own = papers_.issue("server", {});
    serving_.reset(SSL_CTX_new(TLS_server_method()));
    ASSERT_EQ(SSL_CTX_use_certificate_chain_file(serving_.get(), own.cert.c_str()), 1);
    ASSERT_EQ(SSL_CTX_use_PrivateKey_file(serving_.get(), own.key.c_str(), SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_min_proto_version(serving_.get(), GetParam());
    SSL_CTX_set_max_proto_version(serving_.get(), GetParam());
    auto made = make_tls_context({.ca = papers_.authority()});
    ASSERT_TRUE(made) << made.error().message;
    context_ = *std::move(made);
  }
  void TearDown() override { hang_up(); }

  // A connection for which the client's side is made anew.
  void join() {
    hang_up();
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    server_fd_ = ends[1];
    server_.reset(SSL_new(serving_.get()));
    SSL_set_fd(server_.get(), server_fd_);
    SSL_set_accept_state(server_.get());
    client_ = make_tls_transport(context_, std::make_unique<pair_end>(ends[0], cork_));
  }
  void hang_up() {
    client_.reset();
    server_.reset();
    if (server_fd_ >= 0) ::close(std::exchange(server_fd_, -1));
  }
  transport::outcome shake_hands() {
    auto got = client_->connect({}, "localhost");
    while (got.what == status::again) {
      (void)SSL_do_handshake(server_.get());
      got = client_->go_on();
    }
    if (got.what == status::done && SSL_in_init(server_.get()) != 0) (void)SSL_do_handshake(server_.get());
    return got;
  }
  std::string read_all() {
    std::string all;
    char some[1000];
    for (;;) {
      const auto got = client_->read(some, sizeof some);
      if (got.what != status::done) return all;
      all.append(some, got.bytes);
    }
  }
  std::string server_reads() {
    char some[65536];
    const int got = SSL_read(server_.get(), some, sizeof some);
    return got > 0 ? std::string(some, static_cast<std::size_t>(got)) : std::string();
  }

  certificates papers_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> serving_{nullptr, SSL_CTX_free};
  std::unique_ptr<SSL, void (*)(SSL*)> server_{nullptr, SSL_free};
  int server_fd_ = -1;
  std::shared_ptr<tls_context> context_;
  std::unique_ptr<transport> client_;
  bool cork_ = false;
};

TEST_P(TlsTransport, BytesBothWays) {
  join();
  ASSERT_EQ(shake_hands().what, status::done);
  EXPECT_FALSE(client_->wants_write());
  ASSERT_EQ(client_->write("question").bytes, 8U);
  EXPECT_EQ(server_reads(), "question");
  ASSERT_EQ(SSL_write(server_.get(), "answer", 6), 6);
  EXPECT_EQ(read_all(), "answer");
}

// What is left inside after a read is told of; of a record that came in part the socket will tell.
TEST_P(TlsTransport, HoldsBytesExactlyWhenItDoes) {
  join();
  ASSERT_EQ(shake_hands().what, status::done);
  (void)read_all();  // tickets
  ASSERT_EQ(SSL_write(server_.get(), std::string(10000, 'x').data(), 10000), 10000);
  ASSERT_EQ(SSL_write(server_.get(), std::string(10000, 'y').data(), 10000), 10000);
  std::string some(15000, ' ');
  EXPECT_EQ(client_->read(some.data(), some.size()).bytes, 15000U);
  EXPECT_TRUE(client_->holds_bytes());
  EXPECT_EQ(client_->read(some.data(), some.size()).bytes, 5000U);
  EXPECT_FALSE(client_->holds_bytes());
  EXPECT_EQ(client_->read(some.data(), some.size()).what, status::again);

  // Half of a record: taken off the socket, and of no use yet.
  BIO* const memory = BIO_new(BIO_s_mem());
  BIO* const socket = SSL_get_wbio(server_.get());
  BIO_up_ref(socket);
  SSL_set0_wbio(server_.get(), memory);
  BIO_up_ref(memory);
  ASSERT_EQ(SSL_write(server_.get(), "in pieces", 9), 9);
  char* record = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(memory, &record));
  ASSERT_EQ(::send(server_fd_, record, size / 2, 0), static_cast<ssize_t>(size / 2));
  EXPECT_EQ(client_->read(some.data(), some.size()).what, status::again);
  EXPECT_FALSE(client_->holds_bytes());
  ASSERT_EQ(::send(server_fd_, record + size / 2, size - size / 2, 0), static_cast<ssize_t>(size - size / 2));
  EXPECT_EQ(client_->read(some.data(), some.size()).bytes, 9U);
  SSL_set0_wbio(server_.get(), socket);
  BIO_free(memory);
}

TEST_P(TlsTransport, ManyRecordsInOneRead) {
  join();
  ASSERT_EQ(shake_hands().what, status::done);
  int room = 1 << 20;
  ::setsockopt(server_fd_, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  constexpr std::size_t size = std::size_t{128} << 10;  // what a socket pair takes without waiting
  ASSERT_EQ(SSL_write(server_.get(), std::string(size, 'x').data(), static_cast<int>(size)), static_cast<int>(size));
  std::string into(std::size_t{1} << 20, ' ');
  EXPECT_EQ(client_->read(into.data(), into.size()).bytes, size);
}

TEST_P(TlsTransport, AWriteThatTheSocketDoesNotTakeGoesOn) {
  join();
  ASSERT_EQ(shake_hands().what, status::done);
  cork_ = true;
  EXPECT_EQ(client_->write("one ").what, status::again);
  EXPECT_TRUE(client_->wants_write());
  cork_ = false;
  // From another place in memory, and with more behind it.
  EXPECT_EQ(client_->write(std::string("one two")).bytes, 7U);
  EXPECT_FALSE(client_->wants_write());
  std::string got = server_reads();
  while (got.size() < 7) got += server_reads();
  EXPECT_EQ(got, "one two");
}

// A read that has to write: the answer to a new key (1.3).
TEST_P(TlsTransport, AReadThatWantsToWrite) {
  if (GetParam() < TLS1_3_VERSION) GTEST_SKIP() << "keys are changed in TLS 1.3 alone";
  join();
  ASSERT_EQ(shake_hands().what, status::done);
  ASSERT_EQ(SSL_key_update(server_.get(), SSL_KEY_UPDATE_REQUESTED), 1);
  ASSERT_EQ(SSL_write(server_.get(), "new key", 7), 7);
  cork_ = true;
  char some[100];
  const auto got = client_->read(some, sizeof some);
  EXPECT_TRUE(got.bytes == 7 || client_->wants_write());
  cork_ = false;
  const std::string rest = got.bytes == 7 ? std::string(some, 7) : read_all();
  EXPECT_EQ(rest, "new key");
  EXPECT_FALSE(client_->wants_write());
  ASSERT_EQ(client_->write("with it").bytes, 7U);
  EXPECT_EQ(server_reads(), "with it");
}

TEST_P(TlsTransport, RenegotiationIsDeclined) {
  if (GetParam() > TLS1_2_VERSION) GTEST_SKIP() << "TLS 1.3 has none";
  join();
  ASSERT_EQ(shake_hands().what, status::done);
  ASSERT_EQ(SSL_renegotiate(server_.get()), 1);
  (void)SSL_do_handshake(server_.get());  // sends the request
  EXPECT_EQ(read_all(), "");
  ERR_clear_error();
  EXPECT_EQ(server_reads(), "");
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
}

TEST_P(TlsTransport, SessionsAreResumedForTheSameNameOnly) {
  // A connection each: a transport lives on, its connections come and go.
  int ends[2];
  std::unique_ptr<transport> below;
  class pairs final : public transport {
   public:
    explicit pairs(int& next) : next_(next) {}
    outcome connect(const socket_address&, const std::string&) override {
      end_ = std::make_unique<pair_end>(next_, cork_);
      return {status::done};
    }
    outcome go_on() override { return {status::done}; }
    outcome read(char* into, std::size_t size) override { return end_->read(into, size); }
    outcome write(std::string_view bytes) override { return end_->write(bytes); }
    bool holds_bytes() const noexcept override { return false; }
    bool wants_write() const noexcept override { return false; }
    int fd() const noexcept override { return end_ ? end_->fd() : -1; }
    void close() noexcept override { end_.reset(); }

   private:
    int& next_;
    bool cork_ = false;
    std::unique_ptr<pair_end> end_;
  };
  client_ = make_tls_transport(context_, std::make_unique<pairs>(ends[0]));
  const auto resumed = [&](const std::string& host) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    server_.reset(SSL_new(serving_.get()));
    SSL_set_fd(server_.get(), ends[1]);
    SSL_set_accept_state(server_.get());
    auto got = client_->connect({}, host);
    while (got.what == status::again) {
      (void)SSL_do_handshake(server_.get());
      got = client_->go_on();
    }
    EXPECT_EQ(got.what, status::done) << host;
    if (SSL_in_init(server_.get()) != 0) (void)SSL_do_handshake(server_.get());
    EXPECT_EQ(client_->write("x").bytes, 1U);
    EXPECT_EQ(server_reads(), "x");
    EXPECT_EQ(read_all(), "");  // takes the tickets
    const bool again = SSL_session_reused(server_.get()) == 1;
    client_->close();
    // It said that it goes.
    EXPECT_EQ(server_reads(), "");
    EXPECT_EQ(SSL_get_error(server_.get(), 0), SSL_ERROR_ZERO_RETURN);
    server_.reset();
    ::close(ends[1]);
    return again;
  };
  EXPECT_FALSE(resumed("localhost"));
  EXPECT_TRUE(resumed("localhost"));
  EXPECT_TRUE(resumed("localhost"));
  EXPECT_FALSE(resumed("127.0.0.1"));
  EXPECT_TRUE(resumed("127.0.0.1"));
}

TEST_P(TlsTransport, TheServersEnd) {
  char some[10];
  join();
  ASSERT_EQ(shake_hands().what, status::done);
  ASSERT_EQ(SSL_write(server_.get(), "last", 4), 4);
  (void)SSL_shutdown(server_.get());  // sends no more; it would still read
  EXPECT_EQ(client_->read(some, sizeof some).bytes, 4U);
  EXPECT_EQ(client_->read(some, sizeof some).what, status::closed);
  EXPECT_EQ(client_->read(some, sizeof some).what, status::closed);

  // Without TLS' own word.
  join();
  ASSERT_EQ(shake_hands().what, status::done);
  server_.reset();
  ::close(std::exchange(server_fd_, -1));
  EXPECT_EQ(client_->read(some, sizeof some).what, status::closed);
  // And a write to nobody is an error, not a signal.
  ::signal(SIGPIPE, SIG_DFL);
  EXPECT_NE(client_->write("anybody?").what, status::done);
}

TEST_P(TlsTransport, ARecordThatWasTamperedWith) {
  join();
  ASSERT_EQ(shake_hands().what, status::done);
  (void)read_all();
  const char forged[] = "\x17\x03\x03\x00\x20 thirty-two bytes of no key at all";
  ASSERT_GT(::send(server_fd_, forged, 5 + 32, 0), 0);
  char some[10];
  const auto got = client_->read(some, sizeof some);
  EXPECT_EQ(got.what, status::failed);
  EXPECT_EQ(client_->why(got).substr(0, 11), "TLS failed:") << client_->why(got);
  EXPECT_EQ(client_->write("more").what, status::failed);
}

// The child's copy of the connection is dropped without a byte: the parent's goes on.
TEST_P(TlsTransport, AChildSaysNothing) {
  join();
  ASSERT_EQ(shake_hands().what, status::done);
  (void)read_all();
  const pid_t child = ::fork();
  if (child == 0) {
    client_->close();
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  pollfd one{server_fd_, POLLIN, 0};
  EXPECT_EQ(::poll(&one, 1, 0), 0) << "there is something to read";
  ASSERT_EQ(client_->write("still here").bytes, 10U);
  EXPECT_EQ(server_reads(), "still here");
}

INSTANTIATE_TEST_SUITE_P(Versions, TlsTransport, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& version) { return version.param == TLS1_2_VERSION ? "Tls12" : "Tls13"; });

}  // namespace
}  // namespace coatcheck::net
