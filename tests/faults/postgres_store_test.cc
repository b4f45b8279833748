// What the PostgreSQL store promises beyond the contract, against a real server: its schema, what it refuses and how it
// says so, locks, serialisation, another package's table.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include "net/postgres/libpq.hpp"
#include "net/postgres/refusal.hpp"
#include "store/owner_digest.hpp"
#include "support/postgres_server.hpp"
#include "support/redis_client.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::postgres_server;
using store_client = coatcheck_test::redis_client;

count_result create_schema(store_client& on) {
  return on.loop.wait<count_result>([&](auto done) { on.sessions->create_schema(done); });
}

// Holds what a statement locks until it is told to let go.
class lock_holder {
 public:
  lock_holder(const postgres_server& server, const std::string& statement) {
    const std::string command = postgres_server::programs() + "/psql -X -q -h " + server.directory() + " -p " +
                                std::to_string(server.port()) + " -U coatcheck postgres >/dev/null 2>&1";
    pipe_ = ::popen(command.c_str(), "w");
    std::fprintf(pipe_, "BEGIN;\n%s;\nSELECT pg_advisory_lock(77);\n", statement.c_str());
    std::fflush(pipe_);
    while (server.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77") == "0") {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  ~lock_holder() { ::pclose(pipe_); }
  lock_holder(const lock_holder&) = delete;
  lock_holder& operator=(const lock_holder&) = delete;

 private:
  FILE* pipe_;
};

class PostgresStore : public testing::Test {
 protected:
  void SetUp() override {
    if (postgres_server::programs().empty()) GTEST_SKIP() << "PostgreSQL is not installed";
    server_ = std::make_unique<postgres_server>();
    client_ = std::make_unique<store_client>(server_->url() + "&timeout=30000");
    const auto made = create_schema(*client_);
    ASSERT_TRUE(made.known) << made.why.message;
  }
  std::unique_ptr<postgres_server> server_;
  std::unique_ptr<store_client> client_;
};

TEST_F(PostgresStore, AMissingTableIsNamedWithTheCallThatMakesIt) {
  store_client other(server_->url() + "&timeout=30000&table=public.later");
  for (int i = 0; i < 3; ++i) {
    const auto got = other.get("key");
    EXPECT_EQ(got.status, get_status::unknown);
    EXPECT_EQ(got.why.code, errc::store_format);
    EXPECT_NE(got.why.message.find("create_schema"), std::string::npos) << got.why.message;
  }
  EXPECT_EQ(other.put("key", "value").why.code, errc::store_format);
  EXPECT_EQ(other.health().why.code, errc::store_format);
  EXPECT_EQ(create_schema(other).count, 1U);
  EXPECT_EQ(other.put("key", "value").status, put_status::stored);
  EXPECT_EQ(other.get("key").value.bytes, "value");
}

TEST_F(PostgresStore, TheSchemaIsMadeByManyAtOnceAndAgain) {
  std::vector<std::unique_ptr<store_client>> many;
  std::vector<std::thread> threads;
  std::vector<count_result> results(8);
  for (std::size_t i = 0; i < results.size(); ++i) {
    many.push_back(std::make_unique<store_client>(server_->url() + "&timeout=20000&table=at_once"));
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([&, i] { results[i] = create_schema(*many[i]); });
  }
  for (auto& one : threads) one.join();
  for (const auto& one : results) {
    EXPECT_TRUE(one.known) << one.why.message;
    EXPECT_EQ(one.count, 1U);
  }
  EXPECT_EQ(create_schema(*many[0]).count, 1U);
  EXPECT_EQ(server_->sql("SELECT count(*) FROM at_once_schema"), "1");
}

TEST_F(PostgresStore, TheSqlOfTheSchemaMakesTheSameTable) {
  const auto sql = schema_sql(server_->url() + "&table=by_hand");
  ASSERT_TRUE(sql) << sql.error().message;
  (void)server_->sql(*sql);
  (void)server_->sql(*sql);
  store_client other(server_->url() + "&timeout=30000&table=by_hand");
  EXPECT_EQ(other.put("key", "value", expectation::nothing(), "ann").status, put_status::stored);
  EXPECT_EQ(other.owned_by("ann").keys, std::vector<std::string>{"key"});
  EXPECT_EQ(schema_sql("redis://127.0.0.1").error().code, errc::store_unsupported);
}

TEST_F(PostgresStore, ASchemaOfALaterVersionIsNotTouched) {
  (void)server_->sql("UPDATE coatcheck_sessions_schema SET version = 99");
  const auto made = create_schema(*client_);
  EXPECT_FALSE(made.known);
  EXPECT_EQ(made.why.code, errc::store_format);
}

TEST_F(PostgresStore, ARowIsReadableAndHasNoName) {
  ASSERT_EQ(client_->put("key", R"({"n":1})", expectation::anything(), "ann@example.org").status, put_status::stored);
  EXPECT_EQ(server_->sql("SELECT convert_from(value, 'UTF8') FROM coatcheck_sessions WHERE key = 'key'"), R"({"n":1})");
  EXPECT_EQ(server_->sql("SELECT owner FROM coatcheck_sessions"), owner_digest("ann@example.org"));
}

TEST_F(PostgresStore, AnOperationIsOneTransaction) {
  ASSERT_EQ(client_->put("key", "one").status, put_status::stored);
  const auto before = server_->sql("SELECT pg_current_xact_id()::text::bigint");
  for (int i = 0; i < 20; ++i) ASSERT_EQ(client_->put("key", "one").status, put_status::stored);
  const auto after = server_->sql("SELECT pg_current_xact_id()::text::bigint");
  EXPECT_EQ(std::stol(after) - std::stol(before), 21);
}

TEST_F(PostgresStore, OneAfterTheOtherNeedsOneConnection) {
  for (int i = 0; i < 50; ++i) ASSERT_EQ(client_->put("key", "one").status, put_status::stored);
  EXPECT_EQ(server_->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'coatcheck'"), "1");
}

TEST_F(PostgresStore, AStatementThatWaitsForALockEndsByItsDeadlineAndHoldsUpNobody) {
  store_client client(server_->url() + "&timeout=2000");
  ASSERT_EQ(client.put("held", "one").status, put_status::stored);
  ASSERT_EQ(client.put("free", "one").status, put_status::stored);
  {
    const lock_holder holder(*server_, "SELECT * FROM coatcheck_sessions WHERE key = 'held' FOR UPDATE");
    const steady_ms start = steady_now();
    struct {
      put_result put;
      steady_ms ended = 0;
    } slow;
    client.sessions->put("held", "two", system_clock().now() + 60'000, expectation::anything(), {},
                         completion<put_result>(
                             [](void* context, put_result&& value) {
                               auto& into = *static_cast<decltype(slow)*>(context);
                               into.put = std::move(value);
                               into.ended = steady_now();
                             },
                             &slow));
    while (steady_now() - start < 120) client.loop.run_once(10);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(client.get("free").status, get_status::found);
    EXPECT_EQ(slow.ended, 0) << "they did not wait behind it";
    while (slow.ended == 0) client.loop.run_once(10);
    EXPECT_EQ(slow.put.status, put_status::unknown);
    EXPECT_EQ(slow.put.why.code, errc::store_timeout);
    EXPECT_LT(slow.ended - start, 2000 + 20'000);
    // The server ends the statement, too.
    while (server_->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'coatcheck' AND state = "
                        "'active'") != "0") {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      client.loop.run_once(0);
    }
  }
  EXPECT_EQ(client.get("held").value.bytes, "one");
  EXPECT_EQ(client.put("held", "three").status, put_status::stored);
}

TEST_F(PostgresStore, PruningWaitsForNobody) {
  ASSERT_EQ(client_->put("held", "v", expectation::anything(), {}, -1000).status, put_status::stored);
  for (int i = 0; i < 2500; ++i) {
    ASSERT_EQ(client_->put("old" + std::to_string(i), "v", expectation::anything(), {}, -1000).status,
              put_status::stored);
  }
  ASSERT_EQ(client_->put("alive", "v").status, put_status::stored);
  const auto prune = [&](std::size_t limit) {
    return client_->loop.wait<count_result>([&](auto done) { client_->sessions->prune(limit, done); });
  };
  {
    const lock_holder holder(*server_, "SELECT * FROM coatcheck_sessions WHERE key = 'held' FOR UPDATE");
    EXPECT_EQ(prune(10).count, 10U);
    const auto pruned = prune(~std::size_t{0});
    ASSERT_TRUE(pruned.known) << pruned.why.message;
    EXPECT_EQ(pruned.count, 2490U);
  }
  // The holder's session ends when the server notices that it has gone.
  std::uint64_t held = 0;
  for (const steady_ms end = steady_now() + 20'000; held == 0 && steady_now() < end;) held = prune(100).count;
  EXPECT_EQ(held, 1U);
  EXPECT_EQ(client_->get("alive").status, get_status::found);
}

TEST_F(PostgresStore, SerialisationFailuresAreAskedAgain) {
  (void)server_->sql("ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'");
  store_client one(server_->url() + "&timeout=20000");
  store_client two(server_->url() + "&timeout=20000");
  ASSERT_EQ(one.put("key", "v").status, put_status::stored);
  ASSERT_EQ(two.get("key").status, get_status::found);
  struct counts {
    int stored = 0;
    int other = 0;
    std::string why;
  } seen;
  const auto hear = completion<put_result>(
      [](void* context, put_result&& value) {
        auto& into = *static_cast<counts*>(context);
        value.status == put_status::stored ? ++into.stored : ++into.other;
        if (value.status == put_status::unknown) into.why = value.why.message;
      },
      &seen);
  for (int i = 0; i < 300; ++i) {
    one.sessions->put("key", "one", system_clock().now() + 60'000, expectation::anything(), "a", hear);
    two.sessions->put("key", "two", system_clock().now() + 60'000, expectation::anything(), "b", hear);
  }
  const steady_ms end = steady_now() + 30'000;
  while (seen.stored + seen.other < 600 && steady_now() < end) {
    one.loop.run_once(0);
    two.loop.run_once(0);
  }
  EXPECT_EQ(seen.stored, 600) << seen.why;
}

TEST_F(PostgresStore, ATableThatWasChangedIsPlannedAnew) {
  ASSERT_EQ(client_->put("key", "value").status, put_status::stored);
  ASSERT_EQ(client_->get("key").status, get_status::found);
  (void)server_->sql("ALTER TABLE coatcheck_sessions ALTER COLUMN etag TYPE varchar(64)");
  EXPECT_EQ(client_->get("key").value.bytes, "value");
  // Made anew, as by a restore: the statements that are prepared point to what is gone.
  (void)server_->sql("DROP TABLE coatcheck_sessions, coatcheck_sessions_schema");
  EXPECT_EQ(client_->get("key").why.code, errc::store_format);
  EXPECT_TRUE(create_schema(*client_).known);
  EXPECT_EQ(client_->get("key").status, get_status::absent);
}

TEST_F(PostgresStore, WhoMayNotIsToldSoAndNothingSecretIsShown) {
  (void)server_->sql("CREATE ROLE ann LOGIN PASSWORD 'right-secret'");
  const std::string at = "@" + server_->address() + "/postgres?timeout=3000&sslmode=disable";
  {
    store_client wrong("postgresql://ann:wrong-secret" + at);
    const steady_ms start = steady_now();
    const auto got = wrong.get("key");
    EXPECT_EQ(got.status, get_status::unknown);
    EXPECT_EQ(got.why.code, errc::store_permission) << got.why.message;
    EXPECT_NE(got.why.message.find("28P01"), std::string::npos) << got.why.message;
    EXPECT_EQ(got.why.message.find("secret"), std::string::npos) << got.why.message;
    EXPECT_LT(steady_now() - start, 20'000) << "nobody need wait for that";
  }
  {
    store_client none("postgresql://ann" + at);
    const auto got = none.get("key");
    EXPECT_EQ(got.why.code, errc::store_permission) << got.why.message;
  }
  store_client right("postgresql://ann:right-secret" + at);
  const auto got = right.get("key");
  EXPECT_EQ(got.why.code, errc::store_permission) << got.why.message;
  EXPECT_NE(got.why.message.find("42501"), std::string::npos) << got.why.message;
  (void)server_->sql("GRANT SELECT, INSERT, UPDATE, DELETE ON coatcheck_sessions TO ann");
  EXPECT_EQ(right.put("key", "value").status, put_status::stored);
  store_client elsewhere("postgres://ann:right-secret@" + server_->address() + "/nowhere?timeout=3000");
  EXPECT_EQ(elsewhere.get("key").why.code, errc::store_refused);
}

TEST_F(PostgresStore, ConnectionsThatAreNotToBeHadAreAnOverload) {
  (void)server_->sql("CREATE ROLE few LOGIN PASSWORD 'x' CONNECTION LIMIT 1; GRANT ALL ON coatcheck_sessions TO few");
  const std::string url = "postgresql://few:x@" + server_->address() + "/postgres?sslmode=disable";
  store_client first(url + "&timeout=30000");
  ASSERT_EQ(first.put("key", "value").status, put_status::stored);
  // It wants more of them now, and does with the one that it has.
  struct {
    int found = 0;
    int other = 0;
  } seen;
  for (int i = 0; i < 500; ++i) {
    first.sessions->get("key", completion<get_result>(
                                   [](void* context, get_result&& value) {
                                     auto& into = *static_cast<decltype(seen)*>(context);
                                     value.status == get_status::found ? ++into.found : ++into.other;
                                   },
                                   &seen));
  }
  while (seen.found + seen.other < 500) first.loop.run_once(100);
  EXPECT_EQ(seen.found, 500);
  store_client second(url + "&timeout=300");
  const auto got = second.get("key");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_EQ(got.why.code, errc::store_overloaded) << got.why.message;
  EXPECT_NE(got.why.message.find("53300"), std::string::npos) << got.why.message;
  first.sessions->close();
  const steady_ms end = steady_now() + 5000;
  while (second.get("key").status != get_status::found && steady_now() < end) {
  }
  EXPECT_EQ(second.get("key").status, get_status::found) << "once there is room";
}

TEST_F(PostgresStore, TheTableOfConnectPgSimpleIsReadAndWritten) {
  // As its table.sql makes it; and create_schema finds it and leaves it.
  (void)server_->sql(R"sql(CREATE TABLE "session" ("sid" varchar NOT NULL COLLATE "default", "sess" json NOT NULL,
    "expire" timestamp(6) NOT NULL);
    ALTER TABLE "session" ADD CONSTRAINT "session_pkey" PRIMARY KEY ("sid") NOT DEFERRABLE INITIALLY IMMEDIATE;
    CREATE INDEX "IDX_session_expire" ON "session" ("expire");
    INSERT INTO "session" VALUES ('live', '{"n":1}', now() + interval '1 hour'),
      ('not a key', '{"n":1}', now() + interval '1 hour'), ('dead', '{"n":2}', now() - interval '2 seconds'))sql");
  store_client other(server_->url() + "&timeout=30000&layout=connect-pg-simple");
  EXPECT_EQ(create_schema(other).count, 1U);
  const auto got = other.get("live");
  ASSERT_EQ(got.status, get_status::found) << got.why.message;
  EXPECT_EQ(got.value.bytes, R"({"n":1})");
  EXPECT_NEAR(static_cast<double>(got.value.expires_at - system_clock().now()), 3'600'000, 60'000);
  EXPECT_EQ(other.get("dead").status, get_status::absent);
  EXPECT_EQ(other.get("none").status, get_status::absent);
  const auto listed = other.loop.wait<keys_result>([&](auto done) { other.sessions->scan({}, 10, done); });
  EXPECT_EQ(listed.keys, std::vector<std::string>{"live"});

  // What the package writes is a conflict.
  (void)server_->sql(R"sql(UPDATE "session" SET sess = '{ "n": 3 }')sql");
  const auto late = other.put("live", "{}", expectation::version(got.value.tag));
  ASSERT_EQ(late.status, put_status::conflict) << late.why.message;
  EXPECT_EQ(late.current.bytes, R"({ "n": 3 })") << "as it was written";
  ASSERT_EQ(other.put("live", R"({"n":4})", expectation::version(late.current.tag)).status, put_status::stored);
  EXPECT_EQ(server_->sql(R"sql(SELECT sess FROM "session" WHERE sid = 'live')sql"), R"({"n":4})");

  for (const std::string bad : {"", "x", "{", "{\"n\":\"\xff\"}"}) {
    const auto refused = other.put("live", bad);
    EXPECT_EQ(refused.status, put_status::unknown) << bad;
    EXPECT_EQ(refused.why.code, errc::store_refused) << refused.why.message;
  }
  const std::string with_nul("{}\0", 3);
  EXPECT_EQ(other.put("live", with_nul).why.code, errc::store_refused);
  EXPECT_EQ(other.remove("live").status, remove_status::removed);
  EXPECT_EQ(other.remove("live").status, remove_status::absent);
  EXPECT_EQ(other.remove("dead").status, remove_status::absent) << "it had expired";
  EXPECT_EQ(server_->sql(R"sql(SELECT count(*) FROM "session")sql"), "1");
}

TEST_F(PostgresStore, AColumnOfJsonbKeepsVersionsToo) {
  (void)server_->sql("CREATE TABLE b (sid varchar PRIMARY KEY, sess jsonb NOT NULL, expire timestamp(6) NOT NULL)");
  store_client other(server_->url() + "&timeout=5000&layout=connect-pg-simple&table=b");
  const auto first = other.put("key", R"({"n":1,"a":[]})", expectation::nothing());
  ASSERT_EQ(first.status, put_status::stored) << first.why.message;
  EXPECT_EQ(other.get("key").value.tag, first.tag);
  const auto second = other.put("key", R"({"b":2,"a":1})", expectation::version(first.tag));
  ASSERT_EQ(second.status, put_status::stored) << second.why.message;
  const auto third = other.put("key", R"({"b":2})");
  EXPECT_EQ(other.put("key", "{}", expectation::version(third.tag)).status, put_status::stored);
}

TEST_F(PostgresStore, AnIdleStoreKeepsNoLoopAlive) {
  ASSERT_EQ(client_->put("key", "value").status, put_status::stored);
  client_->loop.run();
}

TEST_F(PostgresStore, ACompletionMayCloseTheStoreAndLetItGo) {
  struct {
    std::shared_ptr<store> sessions;
    int completions = 0;
  } state{client_->sessions, 0};
  client_->sessions.reset();
  for (int i = 0; i < 10; ++i) {
    state.sessions->get("key", completion<get_result>(
                                   [](void* context, get_result&&) {
                                     auto& into = *static_cast<decltype(state)*>(context);
                                     ++into.completions;
                                     if (into.sessions) into.sessions->close();
                                     into.sessions.reset();
                                   },
                                   &state));
  }
  client_->loop.run();
  EXPECT_EQ(state.completions, 10);
}

TEST_F(PostgresStore, AFullQueueSaysSo) {
  store_client client(server_->url() + "&timeout=30000&queue=10");
  struct {
    int stored = 0;
    int overloaded = 0;
  } seen;
  for (int i = 0; i < 30; ++i) {
    client.sessions->put("key" + std::to_string(i), "v", system_clock().now() + 60'000, expectation::anything(), {},
                         completion<put_result>(
                             [](void* context, put_result&& value) {
                               auto& into = *static_cast<decltype(seen)*>(context);
                               into.stored += value.status == put_status::stored ? 1 : 0;
                               into.overloaded += value.why.code == errc::store_overloaded ? 1 : 0;
                             },
                             &seen));
  }
  while (seen.stored + seen.overloaded < 30) client.loop.run_once(100);
  EXPECT_EQ(seen.stored, 10);
  EXPECT_EQ(seen.overloaded, 20);
}

TEST_F(PostgresStore, ANameIsAsGoodAsAnAddress) {
  store_client client("postgresql://coatcheck@localhost:" + std::to_string(server_->port()) + "/postgres?timeout=5000");
  EXPECT_EQ(client.put("key", "value").status, put_status::stored);
  store_client lost("postgresql://no-such-host.invalid/db?timeout=2000");
  const auto got = lost.get("key");
  EXPECT_EQ(got.why.code, errc::store_unavailable) << got.why.message;
}

TEST(PostgresUrl, WhatIsRefused) {
  event_loop loop;
  for (const char* const url :
       {"postgresql:db", "postgresql://h/db?tabel=x", "postgresql://h/db?table=a-b", "postgresql://h/db?table=a.b.c",
        "postgresql://h/db?table=\"x", "postgresql://h/db?timeout=0", "postgresql://h/db?pool=0",
        "postgresql://h/db?prepare=maybe", "postgresql://h/db?layout=rails", "postgresql://h/db?host=other",
        "postgresql://a,b,/db", "postgresql://,a/db", "postgresql://a,b/db?target_session_attrs=prefer-standby",
        "postgresql://u@h/db?user=other", "postgresql://h/db?replication=on", "postgresql://h/db?service=x",
        "redis://a,b"}) {
    const auto opened = open_store(url, {.loop = &loop});
    ASSERT_FALSE(opened) << url;
    EXPECT_EQ(opened.error().code, errc::invalid_url) << url;
  }
  EXPECT_TRUE(*needs_driver("postgres://a:1,b:2,[::1]:3/db"));
}

TEST(PostgresLibrary, AMissingOneIsNamedWithWhatToInstall) {
  const auto loaded = net::load_libpq_from("libpq-that-is-not-there.so.5");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, errc::store_unsupported);
  EXPECT_NE(loaded.error().message.find("libpq5"), std::string::npos);
  EXPECT_FALSE(net::load_libpq_from("libc.so.6")) << "another library";
}

TEST(PostgresRefusal, EveryStateHasItsOutcome) {
  const auto code = [](std::string_view state) { return net::classify_sqlstate(state).why.code; };
  EXPECT_EQ(code("53100"), errc::store_full);
  EXPECT_EQ(code("53300"), errc::store_overloaded);
  EXPECT_EQ(code("53200"), errc::store_overloaded);
  EXPECT_EQ(code("25006"), errc::store_refused);
  EXPECT_EQ(code("57P01"), errc::store_unavailable);
  EXPECT_EQ(code("57P03"), errc::store_unavailable);
  EXPECT_EQ(code("57014"), errc::store_timeout);
  EXPECT_EQ(code("28000"), errc::store_permission);
  EXPECT_EQ(code("42703"), errc::store_format);
  EXPECT_EQ(code("99999"), errc::store_refused);
  EXPECT_TRUE(net::classify_sqlstate("40001").retry);
  EXPECT_TRUE(net::classify_sqlstate("40P01").retry);
  EXPECT_TRUE(net::classify_sqlstate("57P01").ending);
  EXPECT_FALSE(net::classify_sqlstate("53100").retry);
  EXPECT_NE(net::classify_sqlstate("42703").why.message.find("42703"), std::string::npos);
}

}  // namespace
}  // namespace coatcheck
