// A peer that is no Redis, or one that is out of step: refused without giving anything to anybody. Real servers do not
// do these things, so a scripted one does.
#include <arpa/inet.h>
#include <atomic>
#include <functional>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "support/redis_client.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::redis_client;

// Accepts connections one after the other and answers each message it reads with `answer(message)`; an empty answer
// closes the connection, `silence` leaves it as it is.
const std::string silence = "(silence)";

class scripted_server {
 public:
  explicit scripted_server(std::function<std::string(const std::string&)> answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) != 0 || ::pipe(end_) != 0) {
      throw std::runtime_error("cannot listen");
    }
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~scripted_server() {
    (void)!::write(end_[1], "x", 1);
    thread_.join();
    for (const int fd : {listener_, end_[0], end_[1]}) ::close(fd);
  }
  scripted_server(const scripted_server&) = delete;
  scripted_server& operator=(const scripted_server&) = delete;

  [[nodiscard]] std::string url(const std::string& parameters = "?timeout=2000") const {
    return "redis://127.0.0.1:" + std::to_string(port_) + parameters;
  }
  std::atomic<int> connections{0};

 private:
  // False when the test is over.
  [[nodiscard]] bool wait(int fd) const {
    pollfd both[2] = {{fd, POLLIN, 0}, {end_[0], POLLIN, 0}};
    while (::poll(both, 2, -1) < 0) {
    }
    return (both[1].revents & POLLIN) == 0;
  }
  void serve() {
    while (wait(listener_)) {
      const int peer = ::accept(listener_, nullptr, nullptr);
      if (peer < 0) continue;
      ++connections;
      char buffer[65536];
      while (wait(peer)) {
        const ssize_t got = ::read(peer, buffer, sizeof buffer);
        if (got <= 0) break;
        const std::string out = answer_(std::string(buffer, static_cast<std::size_t>(got)));
        if (out.empty()) break;
        if (out == silence) continue;
        (void)!::send(peer, out.data(), out.size(), MSG_NOSIGNAL);
      }
      ::close(peer);
    }
  }

  std::function<std::string(const std::string&)> answer_;
  int listener_ = -1;
  int end_[2] = {-1, -1};
  int port_ = 0;
  std::thread thread_;
};

bool is_handshake(const std::string& message) { return message.find("SETNAME") != std::string::npos; }

get_result get_from(const std::string& answer) {
  scripted_server server([&](const std::string& message) { return is_handshake(message) ? "+OK\r\n" : answer; });
  redis_client client(server.url());
  return client.get("key");
}

TEST(RedisHostile, AReplyThatDoesNotFitItsCommandIsNeverAbsentAndDropsTheConnection) {
  for (const std::string wrong : {":1\r\n", "*0\r\n", "+OK\r\n", "*1\r\n$1\r\na\r\n"}) {
    const get_result got = get_from(wrong);
    EXPECT_EQ(got.status, get_status::unknown) << wrong;
    EXPECT_EQ(got.why.code, errc::store_protocol) << wrong;
  }
}

TEST(RedisHostile, BytesThatAreNotRedisAreAProtocolError) {
  for (const std::string wrong :
       {"HTTP/1.1 400 Bad Request\r\n\r\n", ">1\r\n+x\r\n", "$-2\r\n", "*4294967297\r\n", "*-1\r\n", "_\r\n"}) {
    const get_result got = get_from(wrong);
    EXPECT_EQ(got.status, get_status::unknown) << wrong;
    EXPECT_EQ(got.why.code, errc::store_protocol) << wrong;
  }
}

TEST(RedisHostile, AValueWithoutOurHeaderIsDamagedNotAbsent) {
  for (const std::string wrong : {"$5\r\nhello\r\n", "$0\r\n\r\n"}) {
    const get_result got = get_from(wrong);
    EXPECT_EQ(got.status, get_status::unknown) << wrong;
    EXPECT_EQ(got.why.code, errc::record_damaged) << wrong;
  }
}

TEST(RedisHostile, EveryErrorReplyIsARefusalAndNeverAbsent) {
  for (const std::string word : {"LOADING", "READONLY", "OOM", "MISCONF", "NOAUTH", "WRONGPASS", "NOPERM", "BUSY",
                                 "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "NOREPLICAS", "ERR", "MOVED", "ODD"}) {
    scripted_server server([&](const std::string& message) {
      return is_handshake(message) ? std::string("+OK\r\n") : "-" + word + " text with SESSIONDATA\r\n";
    });
    redis_client client(server.url());
    const auto got = client.get("key");
    EXPECT_EQ(got.status, get_status::unknown) << word;
    EXPECT_EQ(got.why.code, errc::store_refused) << word;
    EXPECT_EQ(got.why.message.find("SESSIONDATA"), std::string::npos);
    const auto put = client.put("key", "value", expectation::nothing());
    EXPECT_EQ(put.status, put_status::unknown) << word;
    EXPECT_EQ(put.why.code, errc::store_refused) << word;
    const auto removed = client.remove("key");
    EXPECT_EQ(removed.status, remove_status::unknown) << word;
    EXPECT_FALSE(client.owned_by("owner").known) << word;
    EXPECT_EQ(server.connections, 1) << "a refusal is an answer: the connection stays";
  }
}

TEST(RedisHostile, ASurplusReplyNeverReachesTheNextOperation) {
  // The second answer is what another caller's value would look like, were it taken for one's own.
  const std::string value = "$36\r\n9999999999999 0123456789abcdef other\r\n";
  scripted_server server(
      [&](const std::string& message) { return is_handshake(message) ? std::string("+OK\r\n") : "$-1\r\n" + value; });
  redis_client client(server.url());
  for (int i = 0; i < 5; ++i) EXPECT_NE(client.get("key").status, get_status::found);
  EXPECT_GT(server.connections, 1) << "a connection with a surplus reply must not be used again";
}

TEST(RedisHostile, APeerThatClosesInTheMiddleOfAReply) {
  int messages = 0;
  scripted_server server([&](const std::string& message) {
    if (is_handshake(message)) return std::string("+OK\r\n");
    return ++messages % 2 == 1 ? std::string("$100\r\nhalf") : std::string();
  });
  redis_client client(server.url("?timeout=200"));
  const auto got = client.get("key");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_EQ(got.why.code, errc::store_timeout);
  // The connection closes now; the read is asked again on another one, which sends half an answer, too.
  const auto next = client.get("key");
  EXPECT_EQ(next.status, get_status::unknown);
  EXPECT_EQ(next.why.code, errc::store_timeout);
}

TEST(RedisHostile, APeerThatAcceptsAndClosesIsNotAskedInAHotLoop) {
  scripted_server server([](const std::string&) { return std::string(); });
  redis_client client(server.url("?timeout=400"));
  const auto got = client.get("key");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_EQ(got.why.code, errc::store_unavailable) << got.why.message;
  EXPECT_LE(server.connections, 12);
}

TEST(RedisHostile, APeerThatAcceptsAndSaysNothing) {
  scripted_server server([](const std::string&) { return silence; });
  redis_client client(server.url("?timeout=100"));
  const steady_ms since = steady_now();
  EXPECT_EQ(client.get("key").status, get_status::unknown);
  EXPECT_LE(steady_now() - since, 250);
}

}  // namespace
}  // namespace coatcheck
