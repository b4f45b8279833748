// The connection's state machine without a socket: order, deadlines, abandoned operations, and what handlers may do.
#include "net/redis/resp_connection.hpp"

#include <deque>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "net/redis/error.hpp"
#include "net/redis/resp_format.hpp"

namespace coatcheck::net {
namespace {

// A command whose text says which it is, and what became of it.
struct outcome {
  int calls = 0;
  std::string text;
  bool ok = false;
  errc code{};
  std::string why;
  std::string word;
  std::function<void()> then;
};

class RespConnection : public testing::Test {
 protected:
  outcome& ask(const std::string& name, steady_ms deadline = 1000, on_loss then = on_loss::fail) {
    outcome& mine = outcomes_.emplace_back();
    accepted_ = machine_.submit(handler(mine), deadline, encoded(name), {}, then);
    return mine;
  }
  outcome& read(const std::string& name, steady_ms deadline = 1000) { return ask(name, deadline, on_loss::ask_again); }
  static std::string encoded(const std::string& name) {
    std::string command;
    append_command(command, {"GET", name});
    return command;
  }
  static reply_handler handler(outcome& into) {
    return [to = &into](const answer& given) {
      ++to->calls;
      to->ok = static_cast<bool>(given);
      to->code = given.code;
      to->why = given.why;
      to->word = given.refused_word;
      if (given) to->text = given.value->root().text();
      if (to->then) to->then();
    };
  }
  // What a socket would be given.
  std::string send() {
    machine_.stage();
    const std::string bytes(machine_.output());
    machine_.consume(bytes.size());
    return bytes;
  }
  [[nodiscard]] bool receive(const std::string& bytes) { return machine_.receive(bytes); }

  static failure late() { return {errc::store_timeout, "late"}; }
  static failure lost() { return {errc::store_unavailable, "lost"}; }

  resp_connection machine_{{.operations = 8, .waiting_bytes = 4096, .patience = 250}};
  std::deque<outcome> outcomes_;
  bool accepted_ = true;
};

TEST_F(RespConnection, RepliesGoToTheirCommandsInOrder) {
  auto& a = ask("a");
  auto& b = ask("b");
  EXPECT_EQ(send(), encoded("a") + encoded("b"));
  EXPECT_TRUE(receive("$1\r\nA\r\n$1\r\nB\r\n"));
  EXPECT_EQ(a.text, "A");
  EXPECT_EQ(b.text, "B");
  EXPECT_EQ(a.calls + b.calls, 2);
  EXPECT_EQ(machine_.awaited(), 0U);
}

TEST_F(RespConnection, AnAbandonedOperationKeepsItsPlace) {
  auto& a = ask("a", 100);
  auto& b = ask("b", 500);
  (void)send();
  machine_.expire(100, late());
  EXPECT_EQ(a.code, errc::store_timeout);
  EXPECT_EQ(machine_.abandoned(), 1U);
  EXPECT_TRUE(receive("$1\r\nA\r\n$1\r\nB\r\n"));
  EXPECT_EQ(b.text, "B");
  EXPECT_EQ(a.calls, 1);
  EXPECT_EQ(machine_.abandoned(), 0U);
}

TEST_F(RespConnection, AnOperationThatIsLateBeforeItIsSentIsNeverSent) {
  auto& a = ask("a", 100);
  auto& b = ask("bb", 500);
  auto& c = ask("c", 100);
  auto& d = ask("dddd", 500);
  machine_.expire(200, late());
  EXPECT_EQ(a.code, errc::store_timeout);
  EXPECT_EQ(c.code, errc::store_timeout);
  EXPECT_EQ(send(), encoded("bb") + encoded("dddd"));
  EXPECT_TRUE(receive("$1\r\nB\r\n$1\r\nD\r\n"));
  EXPECT_EQ(b.text, "B");
  EXPECT_EQ(d.text, "D");
}

TEST_F(RespConnection, WhileTheServerDoesNotReadCommandsWait) {
  ask("a");
  machine_.stage();
  machine_.consume(5);
  auto& b = ask("b", 100);
  machine_.stage();
  EXPECT_EQ(machine_.output(), encoded("a").substr(5));
  EXPECT_EQ(machine_.waiting(), 1U);
  machine_.expire(100, late());
  EXPECT_EQ(b.calls, 1);
  EXPECT_EQ(send(), encoded("a").substr(5));
  EXPECT_EQ(send(), "");
}

TEST_F(RespConnection, AReplyNobodyAskedForPutsTheStreamInDoubt) {
  EXPECT_FALSE(receive("+OK\r\n"));
  EXPECT_FALSE(machine_.why().empty());
}

TEST_F(RespConnection, ASurplusReplyIsNotGivenToTheNextOperation) {
  auto& a = ask("a");
  (void)send();
  EXPECT_FALSE(receive("$1\r\nA\r\n$5\r\nother\r\n"));
  EXPECT_EQ(a.text, "A");
}

TEST_F(RespConnection, BrokenBytesAreReportedAndGiveNothingToAnybody) {
  auto& a = ask("a");
  (void)send();
  EXPECT_FALSE(receive("?what\r\n"));
  EXPECT_EQ(a.calls, 0);
  machine_.lose({errc::store_protocol, machine_.why()}, false);
  EXPECT_EQ(a.code, errc::store_protocol);
}

TEST_F(RespConnection, LosingTheConnectionEndsWhatIsOnTheWireAlone) {
  auto& a = ask("a");
  (void)send();
  auto& b = ask("b");
  EXPECT_TRUE(receive("$10\r\nhal"));
  machine_.lose(lost(), false);
  EXPECT_EQ(a.code, errc::store_unavailable);
  EXPECT_EQ(b.calls, 0);
  EXPECT_EQ(send(), encoded("b"));
  EXPECT_TRUE(receive("$1\r\nB\r\n"));  // the half reply belonged to the old connection
  EXPECT_EQ(b.text, "B");
}

TEST_F(RespConnection, ACommandThatWasHalfSentBeginsAnewOnTheNextConnection) {
  auto& a = ask("a");
  auto& b = ask("b");
  machine_.stage();
  machine_.consume(encoded("a").size() + 3);
  machine_.lose(lost(), false);
  EXPECT_EQ(a.code, errc::store_unavailable) << "it may have arrived";
  EXPECT_EQ(machine_.output(), "");
  EXPECT_EQ(b.calls, 0);
  EXPECT_EQ(send(), encoded("b")) << "nobody can have got the whole of it";
  EXPECT_TRUE(receive("$1\r\nB\r\n"));
  EXPECT_EQ(b.text, "B");
}

TEST_F(RespConnection, WhatOnlyReadsIsAskedAgainOnce) {
  auto& a = read("a");
  auto& write = ask("write");
  auto& b = read("b");
  (void)send();
  EXPECT_TRUE(receive("$1\r\nA\r\n"));
  auto& c = ask("c");
  machine_.lose(lost(), false);
  EXPECT_EQ(a.text, "A");
  EXPECT_EQ(write.code, errc::store_unavailable);
  EXPECT_EQ(b.calls + c.calls, 0);
  EXPECT_EQ(send(), encoded("b") + encoded("c")) << "what was sent first goes first again";
  machine_.lose(lost(), false);
  EXPECT_EQ(b.code, errc::store_unavailable) << "it may be what the server dies of";
  EXPECT_EQ(a.calls + b.calls + c.calls + write.calls, 4);
}

TEST_F(RespConnection, WhatIsAskedAgainKeepsItsDeadline) {
  auto& a = read("a", 100);
  (void)send();
  machine_.lose(lost(), false);
  EXPECT_LE(machine_.next_deadline(), 100);
  machine_.expire(100, late());
  EXPECT_EQ(a.code, errc::store_timeout);
  EXPECT_EQ(send(), "");
}

TEST_F(RespConnection, AReadThatNobodyWaitsForIsNotAskedAgain) {
  read("a", 100);
  auto& b = read("b", 500);
  (void)send();
  machine_.expire(100, late());
  machine_.lose(lost(), false);
  EXPECT_EQ(send(), encoded("b"));
  EXPECT_EQ(b.calls, 0);
}

TEST_F(RespConnection, AfterBrokenBytesNothingThatWasSentIsAskedAgain) {
  auto& a = read("a");
  (void)send();
  EXPECT_FALSE(receive("?what\r\n"));
  machine_.lose({errc::store_protocol, machine_.why()}, true);
  EXPECT_EQ(a.code, errc::store_protocol);
  EXPECT_EQ(send(), "");
}

TEST_F(RespConnection, ThousandsOfReadsAlwaysUnderWayAreAskedAgainInOrder) {
  resp_connection machine{{.operations = 4000, .waiting_bytes = 1 << 20, .patience = 250}};
  std::deque<outcome> all;
  const auto submit = [&](int i) {
    EXPECT_TRUE(
        machine.submit(handler(all.emplace_back()), 1000, encoded("key" + std::to_string(i)), {}, on_loss::ask_again));
    machine.stage();
    machine.consume(machine.output().size());
  };
  for (int i = 0; i < 3000; ++i) submit(i);
  for (int i = 3000; i < 9000; ++i) {
    EXPECT_TRUE(machine.receive("$1\r\nA\r\n"));
    submit(i);
  }
  machine.lose(lost(), false);
  machine.stage();
  std::string expected;
  for (int i = 6000; i < 9000; ++i) expected += encoded("key" + std::to_string(i));
  EXPECT_EQ(machine.output(), expected);
}

TEST_F(RespConnection, TheHandshakeGoesFirst) {
  auto& a = ask("a");
  outcome hello;
  machine_.submit_first(handler(hello), encoded("hello"));
  EXPECT_EQ(std::string(machine_.output()), encoded("hello"));
  machine_.consume(machine_.output().size());
  EXPECT_TRUE(receive("$1\r\nH\r\n"));
  EXPECT_EQ(hello.text, "H");
  EXPECT_EQ(a.calls, 0);
  EXPECT_EQ(send(), encoded("a"));
}

TEST_F(RespConnection, TheQueueIsBounded) {
  for (int i = 0; i < 8; ++i) ask("x");
  EXPECT_TRUE(accepted_);
  auto& ninth = ask("x");
  EXPECT_FALSE(accepted_);
  EXPECT_EQ(ninth.calls, 0);
  (void)send();
  ask("x");
  EXPECT_FALSE(accepted_) << "operations on the wire count";
  EXPECT_TRUE(receive("$-1\r\n"));
  ask("x");
  EXPECT_TRUE(accepted_);
}

TEST_F(RespConnection, TheBytesThatWaitAreBounded) {
  outcome unused;
  EXPECT_FALSE(machine_.submit(handler(unused), 1000, std::string(5000, 'x')));
  EXPECT_TRUE(machine_.submit(handler(unused), 1000, std::string(4000, 'x')));
  EXPECT_FALSE(machine_.submit(handler(unused), 1000, std::string(50, 'x'), std::string(50, 'y')));
}

TEST_F(RespConnection, TheDeadlineIsTheEarliestOneAndMovesOnWhenItPassed) {
  EXPECT_EQ(machine_.next_deadline(), no_deadline);
  ask("a", 300);
  ask("b", 200);
  EXPECT_EQ(machine_.next_deadline(), 200);
  (void)send();
  machine_.expire(200, late());
  EXPECT_EQ(machine_.next_deadline(), 300);
  machine_.expire(300, late());
  EXPECT_EQ(machine_.next_deadline(), 300 + 250) << "when the server counts as stuck";
}

TEST_F(RespConnection, AServerThatOwesAnAbandonedReplyForTooLongIsStuck) {
  ask("a", 100);
  (void)send();
  machine_.expire(100, late());
  EXPECT_FALSE(machine_.stuck(349));
  EXPECT_TRUE(machine_.stuck(350));
  EXPECT_TRUE(receive("$-1\r\n"));
  EXPECT_FALSE(machine_.stuck(1000));
}

TEST_F(RespConnection, ManyAbandonedOperationsCountAsStuck) {
  for (int i = 0; i < 5; ++i) ask("a", 100);
  (void)send();
  machine_.expire(100, late());
  EXPECT_TRUE(machine_.stuck(100));
}

TEST_F(RespConnection, AHandlerMaySubmit) {
  outcome second;
  auto& a = ask("a");
  a.then = [&] { EXPECT_TRUE(machine_.submit(handler(second), 1000, encoded("second"))); };
  auto& b = ask("b");
  (void)send();
  EXPECT_TRUE(receive("$1\r\nA\r\n$1\r\nB\r\n"));
  EXPECT_EQ(b.text, "B");
  EXPECT_EQ(send(), encoded("second"));
  EXPECT_TRUE(receive("$1\r\nS\r\n"));
  EXPECT_EQ(second.text, "S");
}

TEST_F(RespConnection, AHandlerMayEndEverythingWhileRepliesAreLeft) {
  auto& a = ask("a");
  auto& b = ask("b");
  a.then = [&] { machine_.end({errc::store_closed, "closed"}); };
  (void)send();
  EXPECT_TRUE(receive("$1\r\nA\r\n$1\r\nB\r\n+surplus\r\n"));
  EXPECT_EQ(a.text, "A");
  EXPECT_EQ(b.code, errc::store_closed);
  EXPECT_FALSE(b.ok);
}

TEST_F(RespConnection, HandlersOfLateAndLostOperationsMaySubmit) {
  outcome again;
  auto& a = ask("a", 100);
  a.then = [&] { EXPECT_TRUE(machine_.submit(handler(again), 900, encoded("again"))); };
  machine_.expire(100, late());
  EXPECT_EQ(send(), encoded("again"));
  again.then = [&] { ask("third", 900); };
  machine_.lose(lost(), false);
  EXPECT_EQ(send(), encoded("third"));
  EXPECT_EQ(again.calls, 1);
}

TEST_F(RespConnection, AnErrorReplyIsARefusalWithItsWord) {
  auto& a = ask("a");
  auto& b = ask("b");
  (void)send();
  EXPECT_TRUE(receive("-NOSCRIPT No matching script.\r\n-SECRET tail with data\r\n"));
  EXPECT_EQ(a.code, errc::store_refused);
  EXPECT_EQ(a.word, "NOSCRIPT");
  EXPECT_EQ(b.code, errc::store_refused);
  EXPECT_EQ(b.word, "");
  EXPECT_EQ(b.why.find("data"), std::string::npos);
  EXPECT_EQ(b.why.find("SECRET"), std::string::npos);
}

TEST(RedisError, EveryKnownWordHasAMessageThatNamesItAndNoMore) {
  for (const std::string word : {"NOAUTH", "WRONGPASS", "NOPERM", "READONLY", "OOM", "MISCONF", "LOADING", "BUSY",
                                 "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN"}) {
    const redis_refusal got = classify_redis_error(word + " some text with SESSIONDATA");
    EXPECT_EQ(got.word, word);
    EXPECT_NE(got.message.find(word), std::string_view::npos);
    EXPECT_EQ(got.message.find("SESSIONDATA"), std::string_view::npos);
  }
  EXPECT_EQ(classify_redis_error("").word, "");
  EXPECT_EQ(classify_redis_error("LOADINGX y").word, "");
}

// The texts of Redis 5 to 7 and Valkey 8.
TEST(RedisError, ACommandThatIsWithheldIsNamed) {
  for (const std::string text : {"NOPERM User app has no permissions to run the 'evalsha' command",
                                 "NOPERM this user has no permissions to run the 'evalsha' command or its subcommand",
                                 "ERR unknown command 'EVALSHA', with args beginning with: 'SESSIONDATA' ",
                                 "ERR unknown command `EVALSHA`, with args beginning with: `SESSIONDATA`, "}) {
    const redis_refusal got = classify_redis_error(text);
    EXPECT_EQ(got.word, text.starts_with("NOPERM") ? "NOPERM" : "ERR unknown command");
    EXPECT_NE(got.message.find("EVALSHA"), std::string_view::npos) << got.message;
    EXPECT_NE(got.message.find("sessions can be read, but neither stored nor removed"), std::string_view::npos);
    EXPECT_EQ(got.message.find("SESSIONDATA"), std::string_view::npos);
  }
  for (const std::string text : {"NOPERM User app has no permissions to run the 'SESSIONDATA' command",
                                 "NOPERM User app has no permissions to run the '", "ERR unknown command ",
                                 "ERR unknown command 'SESSIONDATA"}) {
    const redis_refusal got = classify_redis_error(text);
    EXPECT_FALSE(got.word.empty()) << text;
    EXPECT_EQ(got.message.find("SESSIONDATA"), std::string_view::npos);
  }
}

TEST(RespMessages, AreToldBetweenRepliesAndTakeNobodysPlace) {
  std::vector<std::string> told;
  resp_connection machine({.on_push = [&](reply_view message) {
    told.emplace_back(message.first().next().text());
    told.emplace_back(message.first().next().next().text());
  }});
  std::string got;
  std::string command;
  append_command(command, {"SUBSCRIBE", "a"});
  const auto take = [&got](const answer& given) { got = given ? given.value->root().first().text() : given.why; };
  ASSERT_TRUE(machine.submit(take, 1000, command));
  machine.stage();
  machine.consume(machine.output().size());
  const std::string message = "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nk\r\n";
  const std::string reply = "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
  for (const char c : message + reply + message) ASSERT_TRUE(machine.receive({&c, 1})) << machine.why();
  EXPECT_EQ(got, "subscribe");
  EXPECT_EQ(told, (std::vector<std::string>{"a", "k", "a", "k"}));
}

TEST(RespMessages, ThatNobodyAskedForBreakTheProtocol) {
  resp_connection machine({});
  EXPECT_FALSE(machine.receive("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nk\r\n"));
}

// What a topology needs to follow MOVED: the command, its deadline, and that the handler has not run.
TEST(RespRefusals, AreSeenWithTheirCommands) {
  std::vector<std::string> seen;
  int answered = 0;
  resp_connection machine(
      {.on_refusal = [&](const redis_refusal& why, std::string_view text, const redis_operation& what) {
        seen.push_back(std::string(why.word) + "|" + std::string(text) + "|" + std::string(what.command));
        EXPECT_EQ(what.deadline, 1000);
        EXPECT_EQ(what.hops, 2);
        return why.word == "MOVED";
      }});
  std::vector<std::string> sent;
  for (int i = 0; i < 4; ++i) {
    std::string command;
    append_command(command, {"SET", "key" + std::to_string(i), std::string(static_cast<std::size_t>(i) * 100, 'v')});
    const redis_operation what{[&answered](const answer&) { ++answered; }, 1000, command, {}, on_loss::fail, 2};
    ASSERT_TRUE(machine.submit(what));
    sent.push_back(command);
  }
  machine.stage();
  machine.consume(machine.output().size());
  ASSERT_TRUE(machine.receive("+OK\r\n-MOVED 3999 127.0.0.1:6381\r\n-OOM no\r\n+OK\r\n"));
  EXPECT_EQ(seen, (std::vector<std::string>{"MOVED|MOVED 3999 127.0.0.1:6381|" + sent[1], "OOM|OOM no|" + sent[2]}));
  EXPECT_EQ(answered, 3);
}

TEST(RespRefusals, AskingAndItsCommandStayTogether) {
  int answered = 0;
  int seen = 0;
  resp_connection machine({.operations = 3, .on_refusal = [&](auto&&...) { return ++seen > 0; }});
  std::string command;
  append_command(command, {"GET", "k"});
  const auto handler = [&answered](const answer&) { ++answered; };
  ASSERT_TRUE(machine.submit_asking({handler, 1000, command}));
  EXPECT_FALSE(machine.submit_asking({handler, 1000, command})) << "there is room for one more, not for two";
  EXPECT_EQ(machine.waiting(), 2U);
  machine.stage();
  EXPECT_EQ(std::string(machine.output()), "*1\r\n$6\r\nASKING\r\n" + command);
  machine.consume(machine.output().size());
  // A refusal of ASKING itself sends nothing anywhere.
  ASSERT_TRUE(machine.receive("-LOADING x\r\n$1\r\nv\r\n"));
  EXPECT_EQ(seen, 0);
  EXPECT_EQ(answered, 1);
  // Both are late together.
  ASSERT_TRUE(machine.submit_asking({handler, 1000, command}));
  machine.expire(1000, {errc::store_timeout, "late"});
  EXPECT_EQ(machine.waiting(), 0U);
  EXPECT_EQ(answered, 2);
}

TEST(RespRefusals, WhatWaitsCanBeTaken) {
  resp_connection machine({.on_refusal = [](auto&&...) { return false; }});
  int answered = 0;
  const auto handler = [&answered](const answer&) { ++answered; };
  for (const char* key : {"a", "b"}) {
    std::string command;
    append_command(command, {"GET", key});
    ASSERT_TRUE(machine.submit_asking({handler, 1000, command}));
  }
  std::vector<std::string> taken;
  machine.take_waiting([&](const redis_operation& what) { taken.emplace_back(what.command); });
  EXPECT_EQ(taken, (std::vector<std::string>{"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "*2\r\n$3\r\nGET\r\n$1\r\nb\r\n"}));
  EXPECT_EQ(machine.waiting(), 0U);
  machine.stage();
  EXPECT_EQ(machine.output(), "");
  EXPECT_EQ(answered, 0);
}

}  // namespace
}  // namespace coatcheck::net
