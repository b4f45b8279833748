// The C++ loop on real descriptors: readiness, deadlines, flushing once a turn, and being changed from callbacks.
#include "coatcheck/event_loop.hpp"

#include <fcntl.h>
#include <functional>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <optional>
#include <unistd.h>

namespace coatcheck {
namespace {

class watched final : public pollable {
 public:
  int fd() const noexcept override { return fd_; }
  bool wants_write() const noexcept override { return write_; }
  steady_ms deadline() const noexcept override { return deadline_; }
  bool busy() const noexcept override { return busy_; }
  void on_readable() override {
    ++readable;
    if (then) then();
  }
  void on_writable() override {
    ++writable;
    write_ = false;
  }
  void on_deadline(steady_ms) override {
    ++deadlines;
    deadline_ = no_deadline;
    busy_ = false;
  }
  void flush() override {
    ++flushes;
    if (then) then();
  }

  void on_resolved(result<socket_addresses> got) override {
    found = std::move(got);
    busy_ = false;
    if (then) then();
  }

  std::optional<result<socket_addresses>> found;
  int fd_ = -1;
  bool write_ = false;
  bool busy_ = true;
  steady_ms deadline_ = no_deadline;
  std::function<void()> then;
  int readable = 0;
  int writable = 0;
  int deadlines = 0;
  int flushes = 0;
};

class EventLoop : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::pipe2(pipe_, O_NONBLOCK), 0); }
  void TearDown() override {
    ::close(pipe_[0]);
    ::close(pipe_[1]);
  }
  void make_readable() const { ASSERT_EQ(::write(pipe_[1], "x", 1), 1); }

  int pipe_[2] = {-1, -1};
  event_loop loop_;
};

TEST_F(EventLoop, ReportsWhatIsReady) {
  watched one;
  one.fd_ = pipe_[0];
  loop_.update(one);
  EXPECT_TRUE(loop_.run_once(0));
  EXPECT_EQ(one.readable, 0);
  make_readable();
  EXPECT_TRUE(loop_.run_once());
  EXPECT_EQ(one.readable, 1);
  loop_.forget(one);

  watched other;
  other.fd_ = pipe_[1];
  other.write_ = true;
  loop_.update(other);
  EXPECT_TRUE(loop_.run_once());
  EXPECT_EQ(other.writable, 1);
  loop_.forget(other);
}

TEST_F(EventLoop, RunsADeadlineWhenItIsDueAndNotBefore) {
  watched one;
  loop_.update(one);
  const steady_ms due = steady_now() + 20;
  one.deadline_ = due;
  bool never = false;
  EXPECT_FALSE(loop_.run_until(never));
  EXPECT_EQ(one.deadlines, 1);
  EXPECT_GE(steady_now(), due);
  loop_.forget(one);
}

TEST_F(EventLoop, WithNothingToWaitForItReturns) {
  bool never = false;
  EXPECT_FALSE(loop_.run_once());
  EXPECT_FALSE(loop_.run_until(never));
  watched idle;
  idle.fd_ = pipe_[0];
  idle.busy_ = false;
  loop_.update(idle);
  EXPECT_FALSE(loop_.run_until(never)) << "an open connection that nobody waits for keeps nothing alive";
  loop_.forget(idle);
}

TEST_F(EventLoop, FlushesBeforeItWaits) {
  watched one;
  one.fd_ = pipe_[0];
  loop_.update(one);
  one.then = [&] { make_readable(); };
  loop_.flush_soon(one);
  loop_.run_once();
  EXPECT_EQ(one.flushes, 1);
  EXPECT_EQ(one.readable, 1);
  loop_.forget(one);
}

TEST_F(EventLoop, AFlushThatAlwaysPlansAnotherDoesNotKeepDescriptorsFromTheirTurn) {
  watched one;
  watched two;
  two.fd_ = pipe_[0];
  loop_.update(one);
  loop_.update(two);
  one.then = [&] { loop_.flush_soon(one); };
  make_readable();
  loop_.flush_soon(one);
  loop_.run_once();
  EXPECT_EQ(two.readable, 1);
  const int so_far = one.flushes;
  loop_.run_once();
  EXPECT_GT(one.flushes, so_far) << "what was planned is done without waiting";
  loop_.forget(one);
  loop_.forget(two);
}

TEST_F(EventLoop, ACallbackMayForgetItselfAndAnother) {
  watched one;
  watched two;
  one.fd_ = two.fd_ = pipe_[0];
  loop_.update(one);
  loop_.update(two);
  one.then = [&] {
    loop_.forget(one);
    loop_.forget(two);
  };
  make_readable();
  loop_.run_once();
  EXPECT_EQ(one.readable, 1);
  EXPECT_EQ(two.readable, 0);
  EXPECT_FALSE(loop_.run_once(0));
}

TEST_F(EventLoop, ADescriptorThatWasClosedDuringTheTurnIsNotReported) {
  watched one;
  watched two;
  one.fd_ = two.fd_ = pipe_[0];
  loop_.update(one);
  loop_.update(two);
  one.then = [&] { loop_.drop_fd(two, pipe_[0]); };
  make_readable();
  loop_.run_once();
  EXPECT_EQ(two.readable, 0) << "what poll said was about the old descriptor of that number";
  loop_.forget(one);
  loop_.forget(two);
}

TEST_F(EventLoop, StopEndsARunAndTheNextOneStartsAfresh) {
  watched one;
  one.fd_ = pipe_[0];
  loop_.update(one);
  one.then = [&] { loop_.stop(); };
  make_readable();
  loop_.run();
  EXPECT_EQ(one.readable, 1);
  loop_.run();
  EXPECT_EQ(one.readable, 2);
  loop_.forget(one);
}

TEST_F(EventLoop, ACompletionCannotTurnTheLoopItRunsOn) {
  watched one;
  one.fd_ = pipe_[0];
  loop_.update(one);
  bool turned = true;
  get_result waited;
  one.then = [&] {
    turned = loop_.run_once(0);
    waited = loop_.wait<get_result>([](auto) { ADD_FAILURE() << "the operation was started"; });
  };
  make_readable();
  loop_.run_once();
  EXPECT_FALSE(turned);
  EXPECT_EQ(waited.status, get_status::unknown);
  EXPECT_EQ(waited.why.code, errc::invalid_state);
  loop_.forget(one);
}

TEST_F(EventLoop, WaitGivesTheResultOfAnOperationThatEndsAtOnce) {
  const auto got = loop_.wait<get_result>([](completion<get_result> done) {
    get_result out;
    out.status = get_status::absent;
    done(std::move(out));
  });
  EXPECT_EQ(got.status, get_status::absent);
}

TEST_F(EventLoop, LooksANameUpAndTellsWhoAsked) {
  watched one;
  loop_.update(one);
  loop_.resolve(one, "localhost", 6379);
  while (!one.found) loop_.run_once();
  ASSERT_TRUE(*one.found) << one.found->error().message;
  ASSERT_FALSE((*one.found)->empty());
  for (const socket_address& address : **one.found) EXPECT_GT(address.size, 0U);
  loop_.resolve(one, "no-such-host.invalid", 6379);
  one.found.reset();
  while (!one.found) loop_.run_once();
  EXPECT_FALSE(*one.found);
  EXPECT_EQ(one.found->error().code, errc::store_unavailable);
  EXPECT_FALSE(one.found->error().message.empty());
  loop_.forget(one);
}

TEST_F(EventLoop, NobodyWhoHasGoneIsToldAnAddress) {
  {
    watched gone;
    loop_.update(gone);
    loop_.resolve(gone, "localhost", 6379);
    loop_.forget(gone);
  }
  watched one;
  one.then = [&] { loop_.forget(one); };
  loop_.update(one);
  loop_.resolve(one, "localhost", 1);
  loop_.resolve(one, "localhost", 2);  // takes the place of the first
  while (!one.found) loop_.run_once();
  ASSERT_TRUE(*one.found);
  const auto& first = (*one.found)->front().storage;
  const auto port = first.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(first).sin6_port
                                                : reinterpret_cast<const sockaddr_in&>(first).sin_port;
  EXPECT_EQ(port, htons(2));
}

TEST_F(EventLoop, ADescriptorThatItsOwnerHasClosedIsDropped) {
  watched one;
  int mine[2];
  ASSERT_EQ(::pipe2(mine, O_NONBLOCK), 0);
  one.fd_ = mine[0];
  loop_.update(one);
  loop_.run_once(0);
  ::close(mine[0]);
  one.fd_ = -1;
  loop_.drop_fd(one, mine[0]);
  loop_.update(one);
  one.deadline_ = steady_now();
  EXPECT_TRUE(loop_.run_once());
  EXPECT_EQ(one.readable, 0);
  EXPECT_EQ(one.deadlines, 1);
  ::close(mine[1]);
  loop_.forget(one);
}

TEST(NumericAddress, TakesDigitsAndNeverAsksForAName) {
  EXPECT_EQ(numeric_address("127.0.0.1", 80).size(), 1U);
  EXPECT_EQ(numeric_address("::1", 80).size(), 1U);
  for (const char* name : {"localhost", "example.invalid", "1.2.3.4.5", ""}) {
    EXPECT_TRUE(numeric_address(name, 80).empty()) << name;
  }
}

}  // namespace
}  // namespace coatcheck
