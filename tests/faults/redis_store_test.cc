// What the Redis store does beyond the contract: its layout, its handshake, its limits, and its life cycle.
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "support/redis_client.hpp"
#include "support/redis_server.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::redis_client;
using coatcheck_test::redis_server;

const std::string patient = "?timeout=10000";

class RedisStore : public testing::Test {
 protected:
  void SetUp() override {
    if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
    server_ = std::make_unique<redis_server>();
  }
  std::unique_ptr<redis_server> server_;
};

TEST_F(RedisStore, AValueIsReadableAndExpiresByItself) {
  redis_client client(server_->url() + patient);
  const auto put = client.put("abc", R"({"cart":1})", expectation::nothing(), {}, 60'000);
  ASSERT_EQ(put.status, put_status::stored);
  const std::string text = server_->command({"GET", "cc:s:{abc}"});
  ASSERT_EQ(text.size(), 31 + 10U);
  EXPECT_EQ(text.substr(14, 16), put.tag.view());
  EXPECT_EQ(text.substr(31), R"({"cart":1})");
  const int left = std::stoi(server_->command({"PTTL", "cc:s:{abc}"}));
  EXPECT_GT(left, 50'000);
  EXPECT_LE(left, 60'000);
  EXPECT_EQ(server_->command({"DBSIZE"}), "1") << "a session without an owner is one key";
}

TEST_F(RedisStore, TheServerItselfDropsWhatHasExpired) {
  redis_client client(server_->url() + patient);
  ASSERT_EQ(client.put("abc", "x", expectation::nothing(), "owner", 30).status, put_status::stored);
  const steady_ms end = steady_now() + 5000;
  while (!server_->command({"KEYS", "*"}).empty() && steady_now() < end) {
  }
  EXPECT_EQ(server_->command({"KEYS", "*"}), "") << "the owner's index goes with its last session";
}

TEST_F(RedisStore, ATouchMovesEveryTimeToLive) {
  redis_client client(server_->url() + patient);
  ASSERT_EQ(client.put("abc", "x", expectation::nothing(), "owner", 1000).status, put_status::stored);
  const std::string before = server_->command({"GET", "cc:s:{abc}"});
  ASSERT_EQ(client.touch("abc", 100'000).status, touch_status::touched);
  const std::string after = server_->command({"GET", "cc:s:{abc}"});
  EXPECT_NE(before.substr(0, 13), after.substr(0, 13));
  EXPECT_EQ(before.substr(13), after.substr(13));
  for (const std::string& key :
       {std::string("cc:s:{abc}"), std::string("cc:w:{abc}"), server_->command({"KEYS", "cc:o:*"}).substr(0, 37)}) {
    EXPECT_GT(std::stoi(server_->command({"PTTL", key})), 50'000) << key;
  }
}

TEST_F(RedisStore, AnOwnersNameIsNotInTheServer) {
  redis_client client(server_->url() + patient);
  ASSERT_EQ(client.put("abc", "x", expectation::nothing(), "alice@example.org").status, put_status::stored);
  EXPECT_EQ(server_->command({"KEYS", "*"}).find("alice"), std::string::npos);
  EXPECT_EQ(server_->command({"GET", "cc:w:{abc}"}).find("alice"), std::string::npos);
}

TEST_F(RedisStore, AnIndexThatLagsIsRepairedByTheNextTouch) {
  redis_client client(server_->url() + patient);
  ASSERT_EQ(client.put("abc", "x", expectation::nothing(), "owner").status, put_status::stored);
  const auto owned = [&] {
    return client.loop.wait<keys_result>([&](auto done) { client.sessions->owned_by("owner", done); }).keys;
  };
  server_->command({"DEL", server_->command({"KEYS", "cc:o:*"}).substr(0, 37)});
  EXPECT_TRUE(owned().empty());
  ASSERT_EQ(client.touch("abc", 60'000).status, touch_status::touched);
  EXPECT_EQ(owned(), std::vector<std::string>{"abc"});
}

TEST_F(RedisStore, EachSessionsMarkDecidesWhoseItIs) {
  redis_client client(server_->url() + patient);
  const auto removed = [&](const std::string& owner) {
    return client.loop.wait<count_result>([&](auto done) { client.sessions->remove_owner(owner, {}, done); }).count;
  };
  ASSERT_EQ(client.put("abc", "x", expectation::nothing(), "alice").status, put_status::stored);
  ASSERT_EQ(client.put("abc", "x", expectation::anything(), "bob").status, put_status::stored);
  EXPECT_EQ(removed("alice"), 0U) << "its index still names the session";
  ASSERT_EQ(client.put("abc", "x").status, put_status::stored);
  EXPECT_EQ(removed("bob"), 0U) << "it is nobody's now";
  // A mark that the server evicted says nothing: to log somebody out by mistake is better than not to.
  ASSERT_EQ(client.put("abc", "x", expectation::anything(), "carol").status, put_status::stored);
  server_->command({"DEL", "cc:w:{abc}"});
  EXPECT_EQ(removed("carol"), 1U);
  EXPECT_EQ(client.get("abc").status, get_status::absent);
}

TEST_F(RedisStore, ASessionWhoseIndexCanNotBeWrittenIsNotSaidToBeStored) {
  redis_client client(server_->url() + patient);
  ASSERT_EQ(client.put("abc", "x", expectation::nothing(), "alice").status, put_status::stored);
  const std::string index = server_->command({"KEYS", "cc:o:*"}).substr(0, 37);
  server_->command({"DEL", index});
  server_->command({"SET", index, "of another type"});
  EXPECT_EQ(client.put("def", "x", expectation::nothing(), "alice").status, put_status::unknown);
  EXPECT_EQ(client.put("abc", "x", expectation::nothing(), "alice").status, put_status::conflict);
  EXPECT_EQ(client.put("ghi", "x", expectation::nothing()).status, put_status::stored);
}

TEST_F(RedisStore, AnOwnersIndexKeepsNoSessionsThatAreGone) {
  redis_client client(server_->url() + patient);
  for (int i = 0; i < 200; ++i) {
    const std::string key = "k" + std::to_string(i);
    ASSERT_EQ(client.put(key, "x", expectation::nothing(), "alice").status, put_status::stored);
    if (i % 2 == 0) {
      ASSERT_EQ(client.remove(key).status, remove_status::removed);
    }
  }
  ASSERT_TRUE(client.health().known);  // after what nobody waits for
  const std::string index = server_->command({"KEYS", "cc:o:*"}).substr(0, 37);
  EXPECT_EQ(server_->command({"ZCARD", index}), "100");
  const auto listed = client.loop.wait<keys_result>([&](auto done) { client.sessions->owned_by("alice", done); });
  EXPECT_EQ(listed.keys.size(), 100U);
  EXPECT_EQ(
      client.loop.wait<count_result>([&](auto done) { client.sessions->remove_owner("alice", "k1", done); }).count,
      99U);
  ASSERT_TRUE(client.health().known);
  EXPECT_EQ(server_->command({"ZCARD", index}), "1");
}

TEST_F(RedisStore, ASmallQueueListsAndScansAllTheSame) {
  redis_client writer(server_->url() + patient);
  for (int i = 0; i < 30; ++i) {
    ASSERT_EQ(writer.put("k" + std::to_string(i), "x", expectation::nothing(), "alice").status, put_status::stored);
  }
  redis_client client(server_->url() + patient + "&queue=4");
  const auto owned = client.loop.wait<keys_result>([&](auto done) { client.sessions->owned_by("alice", done); });
  EXPECT_EQ(owned.keys.size(), 30U) << owned.why.message;
  const auto listed = client.loop.wait<keys_result>([&](auto done) { client.sessions->scan({}, 1000, done); });
  EXPECT_EQ(listed.keys.size(), 30U) << listed.why.message;
}

TEST_F(RedisStore, AStoreThatIsClosedInTheMiddleOfAListSaysSo) {
  redis_client client(server_->url() + patient);
  for (int i = 0; i < 200; ++i) (void)client.put("k" + std::to_string(i), "x", expectation::nothing(), "alice");
  for (int turn = 0; turn < 3; ++turn) {
    redis_client other(server_->url() + patient);
    bool ended = false;
    keys_result got;
    struct flight {
      bool* ended;
      keys_result* got;
    } all{&ended, &got};
    other.sessions->owned_by("alice", completion<keys_result>(
                                          [](void* context, keys_result&& result) {
                                            auto& to = *static_cast<flight*>(context);
                                            *to.got = std::move(result);
                                            *to.ended = true;
                                          },
                                          &all));
    for (int i = 0; i < turn; ++i) (void)other.health();
    other.sessions->close();
    EXPECT_TRUE(ended);
    if (!got.known) {
      EXPECT_EQ(got.why.code, errc::store_closed);
    }
  }
}

TEST_F(RedisStore, ADamagedValueIsUnknownToEveryOperationThatNeedsIt) {
  redis_client client(server_->url() + patient);
  for (const std::string damaged : {"hello", "170000000000 0123456789abcdef x", "1700000000000 0123456789ABCDEF x",
                                    "9999999999999 0123456789abcdef", "9999999999999 0123 padding to the end",
                                    "1700000000000-0123456789abcdef-x", ""}) {
    server_->command({"SET", "cc:s:{abc}", damaged});
    EXPECT_EQ(client.get("abc").why.code, errc::record_damaged) << damaged;
    const auto created = client.put("abc", "mine", expectation::nothing());
    EXPECT_EQ(created.status, put_status::unknown) << damaged;
    EXPECT_EQ(created.why.code, errc::record_damaged) << damaged;
    const auto matched = client.put("abc", "mine", expectation::version(etag("0123456789abcdef")));
    EXPECT_EQ(matched.status, put_status::unknown) << damaged;
    EXPECT_EQ(client.touch("abc", 1000).why.code, errc::record_damaged) << damaged;
    EXPECT_EQ(server_->command({"GET", "cc:s:{abc}"}), damaged) << "nothing overwrote it";
    EXPECT_EQ(client.remove("abc").status, remove_status::removed) << damaged;
  }
}

TEST_F(RedisStore, AKeyOfAnotherTypeIsUnknown) {
  redis_client client(server_->url() + patient);
  server_->command({"RPUSH", "cc:s:{abc}", "x"});
  const auto got = client.get("abc");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_EQ(got.why.code, errc::record_damaged);
  EXPECT_EQ(client.put("abc", "x", expectation::nothing()).status, put_status::unknown);
  auto listed = client.loop.wait<keys_result>([&](auto done) { client.sessions->scan({}, 100, done); });
  EXPECT_TRUE(listed.known) << listed.why.message;
  EXPECT_TRUE(listed.keys.empty());
}

TEST_F(RedisStore, AScriptThatTheServerForgotIsSentAgainWithinTheOperation) {
  redis_client client(server_->url() + patient);
  const auto first = client.put("abc", "1", expectation::nothing());
  ASSERT_EQ(first.status, put_status::stored);
  for (int i = 0; i < 3; ++i) {
    server_->command({"SCRIPT", "FLUSH"});
    EXPECT_EQ(client.touch("abc", 60'000).status, touch_status::touched);
    EXPECT_EQ(client.put("abc", "2").status, put_status::stored);
    EXPECT_EQ(client.put("abc", "3", expectation::version(first.tag)).status, put_status::conflict);
  }
}

TEST_F(RedisStore, APrefixWithPatternCharactersMatchesItselfAlone) {
  redis_client odd(server_->url() + patient + "&prefix=a*[b]?%5E-");
  redis_client other(server_->url() + patient + "&prefix=axbb:");
  ASSERT_EQ(odd.put("mine", "x").status, put_status::stored);
  ASSERT_EQ(other.put("theirs", "x").status, put_status::stored);
  const auto listed = odd.loop.wait<keys_result>([&](auto done) { odd.sessions->scan({}, 1000, done); });
  ASSERT_TRUE(listed.known);
  EXPECT_EQ(listed.keys, std::vector<std::string>{"mine"});
}

TEST_F(RedisStore, DatabasesAreApart) {
  redis_client zero(server_->url() + patient);
  redis_client five(server_->url() + "/5" + patient);
  redis_client five_too(server_->unix_url() + patient + "&db=5");
  ASSERT_EQ(five.put("abc", "x").status, put_status::stored);
  EXPECT_EQ(zero.get("abc").status, get_status::absent);
  EXPECT_EQ(five_too.get("abc").status, get_status::found);
}

TEST_F(RedisStore, ADatabaseThatTheServerDoesNotHaveIsRefusedAndNothingGoesToAnother) {
  redis_client client(server_->url() + "/99" + patient);
  const auto put = client.put("abc", "x");
  EXPECT_EQ(put.status, put_status::unknown);
  EXPECT_EQ(put.why.code, errc::store_refused);
  EXPECT_EQ(server_->command({"DBSIZE"}), "0");
}

TEST(RedisAuth, PasswordAndUser) {
  if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
  redis_server server({"--requirepass", "s3cr@t", "--user", "app", "on", ">other", "~cc:*", "+@all"});
  const std::string at = "127.0.0.1:" + std::to_string(server.port()) + patient;
  const auto outcome = [](const std::string& url) {
    redis_client client(url);
    return client.get("abc");
  };
  EXPECT_EQ(outcome("redis://:s3cr%40t@" + at).status, get_status::absent);
  EXPECT_EQ(outcome("redis://app:other@" + at).status, get_status::absent);
  for (const std::string& url : {"redis://" + at, "redis://:wrong@" + at, "redis://nobody:s3cr%40t@" + at}) {
    const auto got = outcome(url);
    EXPECT_EQ(got.status, get_status::unknown);
    EXPECT_EQ(got.why.code, errc::store_refused) << got.why.message;
    EXPECT_EQ(got.why.message.find("wrong@"), std::string::npos);
    EXPECT_EQ(got.why.message.find("s3cr"), std::string::npos);
  }
  redis_client elsewhere("redis://app:other@" + at + "&prefix=other:");
  const auto forbidden = elsewhere.get("abc");
  EXPECT_EQ(forbidden.why.code, errc::store_refused);
  EXPECT_NE(forbidden.why.message.find("NOPERM"), std::string::npos) << forbidden.why.message;
}

// What services that run Redis for others take away, by ACL or by another name.
TEST(RedisAuth, CommandsThatAreWithheldAreNamedAndTheRestWorks) {
  if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
  redis_server by_acl({"--user", "app", "on", ">other", "~*", "+@all", "-evalsha", "-eval", "-scan"});
  redis_server by_name(
      {"--rename-command", "EVALSHA", "", "--rename-command", "EVAL", "", "--rename-command", "SCAN", ""});
  for (const std::string& url : {"redis://app:other@127.0.0.1:" + std::to_string(by_acl.port()), by_name.url()}) {
    redis_client client(url + patient);
    EXPECT_EQ(client.get("abc").status, get_status::absent);
    EXPECT_TRUE(client.health().known);
    const auto put = client.put("abc", "value");
    EXPECT_EQ(put.why.code, errc::store_refused);
    EXPECT_NE(put.why.message.find("EVALSHA"), std::string::npos) << put.why.message;
    EXPECT_NE(put.why.message.find("sessions can be read"), std::string::npos) << put.why.message;
    const auto listed = client.loop.wait<keys_result>([&](auto done) { client.sessions->scan({}, 10, done); });
    EXPECT_FALSE(listed.known);
    EXPECT_NE(listed.why.message.find("SCAN"), std::string::npos) << listed.why.message;
  }
}

TEST_F(RedisStore, AFullQueueSaysSoAndWhatWasAcceptedIsDone) {
  redis_client client(server_->url() + patient + "&queue=4");
  ASSERT_TRUE(client.health().known);
  struct tally {
    int absent = 0;
    int overloaded = 0;
    int ended = 0;
    bool all = false;
  } counts;
  for (int i = 0; i < 10; ++i) {
    client.sessions->get("abc", completion<get_result>(
                                    [](void* context, get_result&& got) {
                                      auto& to = *static_cast<tally*>(context);
                                      to.absent += got.status == get_status::absent;
                                      to.overloaded +=
                                          got.why.code == errc::store_overloaded && got.status == get_status::unknown;
                                      to.all = ++to.ended == 10;
                                    },
                                    &counts));
    EXPECT_EQ(counts.ended, 0) << "no completion runs inside the call";
  }
  EXPECT_TRUE(client.loop.run_until(counts.all));
  EXPECT_EQ(counts.absent, 4);
  EXPECT_EQ(counts.overloaded, 6);
}

TEST_F(RedisStore, ACompletionMayCloseTheStoreAndLetItGo) {
  for (const bool drop : {false, true}) {
    redis_client client(server_->url() + patient);
    struct flight {
      redis_client* client;
      bool drop;
      int ended = 0;
      int closed = 0;
    } all{&client, drop};
    for (int i = 0; i < 5; ++i) {
      client.sessions->get("abc", completion<get_result>(
                                      [](void* context, get_result&& got) {
                                        auto& to = *static_cast<flight*>(context);
                                        ++to.ended;
                                        to.closed += got.why.code == errc::store_closed ? 1 : 0;
                                        if (to.ended > 1) return;
                                        if (to.drop) {
                                          to.client->sessions.reset();
                                        } else {
                                          to.client->sessions->close();
                                        }
                                      },
                                      &all));
    }
    client.loop.run();
    EXPECT_EQ(all.ended, 5);
    EXPECT_EQ(all.closed, 4);
  }
}

TEST_F(RedisStore, ACompletionMayStartTheNextOperation) {
  redis_client client(server_->url() + patient);
  struct chain {
    redis_client* client;
    int left = 100;
    static void step(void* context, count_result&& got) {
      auto& self = *static_cast<chain*>(context);
      EXPECT_TRUE(got.known);
      if (--self.left > 0) self.client->sessions->health(completion<count_result>(step, context));
    }
  } all{&client};
  client.sessions->health(completion<count_result>(chain::step, &all));
  client.loop.run();
  EXPECT_EQ(all.left, 0);
}

TEST_F(RedisStore, AnIdleStoreKeepsNoLoopAlive) {
  redis_client client(server_->url() + patient);
  ASSERT_TRUE(client.health().known);
  client.loop.run();  // returns
}

TEST(RedisUrl, WhatIsRefused) {
  event_loop loop;
  for (const std::string bad :
       {"redis://", "redis://127.0.0.1/x", "redis://127.0.0.1/-1", "redis://127.0.0.1/1/2",
        "redis://127.0.0.1?timeout=0", "redis://127.0.0.1?timeout=60001", "redis://127.0.0.1?queue=0",
        "redis://127.0.0.1?db=-1", "redis://127.0.0.1?prefix=a%20b", "redis://127.0.0.1?nope=1",
        "redis://user@127.0.0.1", "redis://:@127.0.0.1", "redis+unix:relative", "redis+unix://host/path",
        "redis+unix:///s?db=x", "redis+unix:///"}) {
    const auto opened = open_store(bad, {nullptr, &loop});
    ASSERT_FALSE(opened) << bad;
    EXPECT_EQ(opened.error().code, errc::invalid_url) << bad;
  }
  EXPECT_FALSE(open_store("redis+unix:///" + std::string(200, 'x'), {nullptr, &loop}));
  const auto without_loop = open_store("redis://127.0.0.1");
  ASSERT_FALSE(without_loop);
  EXPECT_EQ(without_loop.error().code, errc::invalid_option);
}

// The resolver may be down when a service starts, and knows no deadline: the operation does.
TEST(RedisUrl, ANameThatIsNotFoundIsToldByTheFirstOperation) {
  event_loop loop;
  const auto nowhere = open_store("redis://no-such-host.invalid?timeout=3000", {nullptr, &loop});
  ASSERT_TRUE(nowhere) << nowhere.error().message;
  const steady_ms began = steady_now();
  const auto got = loop.wait<get_result>([&](auto done) { (*nowhere)->get("key", done); });
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_EQ(got.why.code, errc::store_unavailable) << got.why.message;
  EXPECT_NE(got.why.message.find("no-such-host.invalid:6379"), std::string::npos) << got.why.message;
  EXPECT_LT(steady_now() - began, 3000 + 20'000);
  (*nowhere)->close();
}

TEST_F(RedisStore, ANameIsAsGoodAsAnAddress) {
  redis_client client("redis://localhost:" + std::to_string(server_->port()) + patient);
  EXPECT_TRUE(client.health().known);
}

// Each refusal says what to do about it, and never the password.
TEST_F(RedisStore, RefusalsOfTheHandshakeAreNamed) {
  redis_server locked({"--requirepass", "geheim"});
  const std::string host = "127.0.0.1:" + std::to_string(locked.port());
  const std::string open = "127.0.0.1:" + std::to_string(server_->port());
  for (const auto& [url, expected] : std::vector<std::pair<std::string, std::string>>{
           {"redis://" + host, "NOAUTH"},
           {"redis://:SECRET@" + host, "WRONGPASS"},
           {"redis://user:SECRET@" + open, "WRONGPASS"},
           {"redis://:SECRET@" + open, "has no password"},
           {"redis://" + open + "/99", "database number"},
           {"redis://" + open + "?db=99", "database number"},
           {"redis://" + host + "/3?password=geheim&db=3", ""},
           {"redis://" + host + "?username=default&password=geheim", ""}}) {
    redis_client client(url + (url.find('?') == std::string::npos ? patient : "&timeout=10000"));
    // More arguments than Redis takes of somebody who has not said the password.
    const auto put = client.put("key", "value", expectation::anything(), "owner");
    if (expected.empty()) {
      EXPECT_EQ(put.status, put_status::stored) << url << put.why.message;
      continue;
    }
    EXPECT_EQ(put.status, put_status::unknown) << url;
    EXPECT_EQ(put.why.code, errc::store_refused) << url;
    EXPECT_NE(put.why.message.find(expected), std::string::npos) << put.why.message;
    EXPECT_EQ(put.why.message.find("SECRET"), std::string::npos);
  }
}

TEST_F(RedisStore, AUrlThatSaysTwoThingsIsRefused) {
  event_loop loop;
  for (const std::string url : {"redis://h/3?db=4", "redis://:SECRET@127.0.0.1?password=SECRET2",
                                "redis://a:SECRET@127.0.0.1?username=b", "redis://127.0.0.1?username=b",
                                "redis://127.0.0.1?password=", "redis://127.0.0.1?db=", "redis://127.0.0.1?db=x"}) {
    const auto opened = open_store(url, {nullptr, &loop});
    ASSERT_FALSE(opened) << url;
    EXPECT_EQ(opened.error().code, errc::invalid_url);
    EXPECT_EQ(opened.error().message.find("SECRET"), std::string::npos);
  }
  redis_client same(server_->url() + "/3?db=3&timeout=10000");
  EXPECT_EQ(same.put("key", "value").status, put_status::stored);
}

}  // namespace
}  // namespace coatcheck
