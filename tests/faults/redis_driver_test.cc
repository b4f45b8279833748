// The link on a driver that knows only what it was told, as libuv's and asyncio's do: it watches the descriptor of the
// last update until drop_fd, and fires the earliest deadline that an update named.
#include <algorithm>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "net/redis/link.hpp"
#include "net/redis/resp_format.hpp"
#include "support/redis_server.hpp"

namespace coatcheck {
namespace {

constexpr duration_ms slack = 20'000;  // of a busy machine: what is held to is that nothing waits for ever

using coatcheck_test::redis_server;

class told_driver final : public driver {
 public:
  void update(pollable& what) override {
    what_ = &what;
    fd_ = what.fd();
    write_ = what.wants_write();
    armed_ = std::min(armed_, what.deadline());
    busy_ = what.busy();
  }
  void drop_fd(pollable&, int fd) override {
    if (fd_ == fd) fd_ = -1;
  }
  void flush_soon(pollable& what) override {
    what_ = &what;
    flush_ = true;
  }
  void forget(pollable&) override {
    what_ = nullptr;
    fd_ = -1;
  }
  void resolve(pollable& what, const std::string& host, std::uint16_t) override {
    what_ = &what;
    asked_for.push_back(host);
    looking_ = true;
  }
  // What it answers to resolve, on the next turn; none: not found.
  socket_addresses names;
  std::vector<std::string> asked_for;
  [[nodiscard]] bool busy() const { return busy_; }

  void turn() {
    if (flush_ && what_ != nullptr) {
      flush_ = false;
      what_->flush();
    }
    if (std::exchange(looking_, false) && what_ != nullptr) {
      what_->on_resolved(names.empty() ? result<socket_addresses>(errc::store_unavailable, "no such name")
                                       : result<socket_addresses>(names));
    }
    const steady_ms now = steady_now();
    const steady_ms wait = flush_ ? 0 : std::clamp<steady_ms>(armed_ - now, 0, 1000);
    pollfd one{fd_, static_cast<short>(POLLIN | (write_ ? POLLOUT : 0)), 0};
    if (::poll(&one, 1, static_cast<int>(wait)) > 0) {
      if (what_ != nullptr && (one.revents & POLLOUT) != 0) what_->on_writable();
      if (what_ != nullptr && fd_ == one.fd && (one.revents & ~POLLOUT) != 0) what_->on_readable();
    }
    if (what_ != nullptr && armed_ <= steady_now()) {
      armed_ = no_deadline;
      if (what_->deadline() <= steady_now()) what_->on_deadline(steady_now());
      if (what_ != nullptr) update(*what_);
    }
  }

 private:
  pollable* what_ = nullptr;
  int fd_ = -1;
  bool write_ = false;
  bool flush_ = false;
  bool looking_ = false;
  bool busy_ = false;
  steady_ms armed_ = no_deadline;
};

struct ping {
  bool ended = false;
  bool ok = false;
  duration_ms took = 0;
};

ping send_ping(told_driver& loop, net::redis_link& link, steady_ms deadline = 0) {
  ping out;
  std::string command;
  net::append_command(command, {"PING"});
  const steady_ms since = steady_now();
  link.submit(
      [&out, since](const net::answer& given) {
        out = {true, static_cast<bool>(given), steady_now() - since};
      },
      deadline != 0 ? deadline : link.new_deadline(), command);
  EXPECT_FALSE(out.ended);
  EXPECT_TRUE(loop.busy());
  while (!out.ended && steady_now() < since + 60'000) loop.turn();
  EXPECT_TRUE(out.ended);
  EXPECT_FALSE(loop.busy());
  return out;
}

TEST(RedisDriver, ADriverThatKnowsOnlyWhatItWasToldSeesEveryChange) {
  if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
  redis_server server;
  told_driver loop;
  net::redis_target target;
  // Nobody listens at the first address: the second attempt gets a descriptor of the same number.
  loop.names = numeric_address("127.0.0.1", 1);
  loop.names.push_back(numeric_address("127.0.0.1", static_cast<std::uint16_t>(server.port())).front());
  target.where = [] { return net::endpoint{"a name", 6379, {}}; };
  const auto link = net::redis_link::create(std::move(target), {.timeout = 300, .queue = 100}, loop);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(send_ping(loop, *link, steady_now() + slack).ok);

  server.freeze();
  for (int i = 0; i < 3; ++i) {
    const ping frozen = send_ping(loop, *link);
    EXPECT_FALSE(frozen.ok);
    EXPECT_LE(frozen.took, 300 + slack);
  }
  const ping sooner = send_ping(loop, *link, steady_now() + 50);
  EXPECT_LE(sooner.took, 50 + slack) << "an earlier deadline than those before it";
  server.thaw();
  const steady_ms thawed = steady_now();
  while (!send_ping(loop, *link).ok && steady_now() < thawed + slack) {
  }
  EXPECT_LT(steady_now() - thawed, slack);

  server.restart();
  const steady_ms started = steady_now();
  while (!send_ping(loop, *link).ok && steady_now() < started + slack) {
  }
  EXPECT_LT(steady_now() - started, slack);
  link->close();
}

// A caller who starts over whenever an operation fails, while the server is gone: the loop still gets its turns, and
// the server is found again.
TEST(RedisDriver, ACallerWhoStartsOverAtOnceDoesNotKeepTheLinkFromComingBack) {
  if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
  redis_server server;
  told_driver loop;
  net::redis_target target;
  target.where = [port = server.port()] { return net::endpoint{"127.0.0.1", static_cast<std::uint16_t>(port), {}}; };
  server.kill();
  const auto link = net::redis_link::create(std::move(target), {.timeout = 100, .queue = 100}, loop);
  struct retry {
    net::redis_link& link;
    bool ok = false;
    long failures = 0;
    void start() {
      std::string command;
      net::append_command(command, {"PING"});
      link.submit(
          [this](const net::answer& given) {
            ok = ok || given;
            failures += given ? 0 : 1;
            if (!ok) start();
          },
          link.new_deadline(), command);
    }
  } one{*link};
  struct retry two {
    *link
  };
  one.start();
  two.start();
  const steady_ms end = steady_now() + 10'000;
  while (one.failures + two.failures < 50 && steady_now() < end) loop.turn();
  server.restart();
  while (!(one.ok && two.ok) && steady_now() < end) loop.turn();
  EXPECT_TRUE(one.ok && two.ok);
  link->close();
}

// A name that moved: it is looked up for each connection, and whoever waits meanwhile is told by their deadline.
TEST(RedisDriver, ANameIsLookedUpForEachConnection) {
  if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
  redis_server first;
  redis_server second;
  told_driver loop;
  std::string host = "first";
  net::redis_target target;
  target.where = [&host] { return net::endpoint{host, 6379, {}}; };
  const auto link = net::redis_link::create(std::move(target), {.timeout = 300, .queue = 100}, loop);
  EXPECT_FALSE(send_ping(loop, *link).ok) << "not found";
  loop.names = numeric_address("127.0.0.1", static_cast<std::uint16_t>(first.port()));
  while (!send_ping(loop, *link).ok) {
  }
  first.kill();
  host = "second";
  loop.names = numeric_address("127.0.0.1", static_cast<std::uint16_t>(second.port()));
  const steady_ms moved = steady_now();
  while (!send_ping(loop, *link).ok && steady_now() < moved + slack) {
  }
  EXPECT_TRUE(send_ping(loop, *link).ok);
  EXPECT_GE(loop.asked_for.size(), 3U);
  EXPECT_EQ(loop.asked_for.front(), "first");
  EXPECT_EQ(loop.asked_for.back(), "second");
  link->close();
}

// What TLS does: it takes more from the socket than it gives out at a time, so that bytes wait of which no event tells.
class hoarding_transport final : public net::transport {
 public:
  outcome connect(const socket_address& to, const std::string& host) override { return below_->connect(to, host); }
  outcome go_on() override { return below_->go_on(); }
  outcome read(char* into, std::size_t size) override {
    if (held_.empty()) {
      held_.resize(std::size_t{1} << 20);
      const auto got = below_->read(held_.data(), held_.size());
      held_.resize(got.bytes);
      if (got.what != status::done) return got;
    }
    const std::size_t given = std::min({size, held_.size(), std::size_t{7}});
    std::copy_n(held_.begin(), given, into);
    held_.erase(0, given);
    return {status::done, given};
  }
  outcome write(std::string_view bytes) override { return below_->write(bytes); }
  bool holds_bytes() const noexcept override { return !held_.empty(); }
  bool wants_write() const noexcept override { return below_->wants_write(); }
  int fd() const noexcept override { return below_->fd(); }
  void close() noexcept override {
    held_.clear();
    below_->close();
  }

 private:
  const std::unique_ptr<net::transport> below_ = net::make_socket_transport();
  std::string held_;
};

TEST(RedisDriver, BytesThatWaitInTheTransportAreRead) {
  if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
  redis_server server;
  told_driver loop;
  net::redis_target target;
  target.where = [port = server.port()] { return net::endpoint{"127.0.0.1", static_cast<std::uint16_t>(port), {}}; };
  net::redis_link::options chosen{.timeout = 2000, .queue = 1000};
  chosen.make_transport = [] { return std::unique_ptr<net::transport>(std::make_unique<hoarding_transport>()); };
  const auto link = net::redis_link::create(std::move(target), chosen, loop);
  ASSERT_TRUE(send_ping(loop, *link).ok);
  // One write, one event, and replies for many reads.
  constexpr int pings = 200;
  int answered = 0;
  std::string command;
  net::append_command(command, {"PING"});
  for (int i = 0; i < pings; ++i) {
    link->submit([&answered](const net::answer& given) { answered += given ? 1 : 0; }, link->new_deadline(), command);
  }
  while (answered < pings && loop.busy()) loop.turn();
  EXPECT_EQ(answered, pings);
  link->close();
}

// An address that swallows what is sent to it: neither refused nor connected.
class swallowing_transport final : public net::transport {
 public:
  static inline int swallowed = 0;
  ~swallowing_transport() override { close(); }
  outcome connect(const socket_address& to, const std::string& host) override {
    if (ntohs(reinterpret_cast<const sockaddr_in&>(to.storage).sin_port) != 1) {
      below_ = net::make_socket_transport();
      return below_->connect(to, host);
    }
    ++swallowed;
    return ::pipe2(silent_, O_NONBLOCK | O_CLOEXEC) == 0 ? outcome{status::again} : outcome{status::failed};
  }
  outcome go_on() override { return below_ ? below_->go_on() : outcome{status::again}; }
  outcome read(char* into, std::size_t size) override { return below_->read(into, size); }
  outcome write(std::string_view bytes) override { return below_->write(bytes); }
  bool holds_bytes() const noexcept override { return false; }
  bool wants_write() const noexcept override { return below_ && below_->wants_write(); }
  int fd() const noexcept override { return below_ ? below_->fd() : silent_[0]; }
  void close() noexcept override {
    below_.reset();
    for (int& one : silent_) {
      if (one >= 0) ::close(std::exchange(one, -1));
    }
  }

 private:
  std::unique_ptr<net::transport> below_;
  int silent_[2] = {-1, -1};
};

TEST(RedisDriver, AnAddressThatSwallowsEverythingDoesNotHideTheOthers) {
  if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
  redis_server server;
  told_driver loop;
  loop.names = numeric_address("127.0.0.1", 1);
  loop.names.push_back(numeric_address("127.0.0.1", static_cast<std::uint16_t>(server.port())).front());
  net::redis_target target;
  target.where = [] { return net::endpoint{"a name", 6379, {}}; };
  net::redis_link::options chosen{.timeout = 100, .queue = 100};
  chosen.make_transport = [] { return std::unique_ptr<net::transport>(std::make_unique<swallowing_transport>()); };
  const auto link = net::redis_link::create(std::move(target), chosen, loop);
  const steady_ms began = steady_now();
  bool there = false;
  while (!there && steady_now() < began + slack) there = send_ping(loop, *link).ok;
  EXPECT_TRUE(there);
  EXPECT_EQ(loop.asked_for.size(), 1U);
  // The one that worked comes first from now on.
  server.restart();
  const int swallowed = swallowing_transport::swallowed;
  while (!send_ping(loop, *link).ok && steady_now() < began + 10'000) {
  }
  EXPECT_TRUE(send_ping(loop, *link).ok);
  EXPECT_EQ(swallowing_transport::swallowed, swallowed);
  link->close();
}

}  // namespace
}  // namespace coatcheck
