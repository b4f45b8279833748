// The server is killed, frozen, started again, ends a connection, or is a standby: every call ends by its deadline with
// a typed outcome, nothing is ever called absent, no acknowledged write is lost, and the store comes back by itself.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <vector>

#include "support/postgres_server.hpp"
#include "support/redis_client.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::postgres_server;
using store_client = coatcheck_test::redis_client;

constexpr duration_ms pg_timeout = 400;
constexpr duration_ms pg_slack = 20'000;  // of a busy machine: what is held to is that nothing waits for ever
const std::string pg_parameters = "&timeout=400";

bool is_pg_outage(errc code) { return code == errc::store_timeout || code == errc::store_unavailable; }

class PostgresOutage : public testing::Test {
 protected:
  void SetUp() override {
    if (postgres_server::programs().empty()) GTEST_SKIP() << "PostgreSQL is not installed";
    server_ = std::make_unique<postgres_server>();
    store_client patient(server_->url() + "&timeout=10000");
    const auto made = patient.loop.wait<count_result>([&](auto done) { patient.sessions->create_schema(done); });
    ASSERT_TRUE(made.known) << made.why.message;
    ASSERT_EQ(patient.put("key", "value").status, put_status::stored);
    client_ = std::make_unique<store_client>(server_->url() + pg_parameters);
    ASSERT_EQ(client_->get("key").status, get_status::found);
  }
  void expect_back() {
    constexpr duration_ms most = 60'000;
    const steady_ms start = steady_now();
    while (client_->get("key").status != get_status::found && steady_now() - start < most) {
    }
    EXPECT_LE(steady_now() - start, most);
  }
  std::unique_ptr<postgres_server> server_;
  std::unique_ptr<store_client> client_;
};

TEST_F(PostgresOutage, WhileTheServerIsDownEveryOperationIsUnknown) {
  server_->kill();
  const steady_ms start = steady_now();
  const auto got = client_->get("key");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_TRUE(is_pg_outage(got.why.code)) << got.why.message;
  EXPECT_EQ(client_->put("key", "x").status, put_status::unknown);
  EXPECT_EQ(client_->touch("key", 1000).status, touch_status::unknown);
  EXPECT_EQ(client_->remove("key").status, remove_status::unknown);
  EXPECT_FALSE(client_->owned_by("ann").known);
  EXPECT_FALSE(client_->health().known);
  EXPECT_LE(steady_now() - start, 6 * (pg_timeout + pg_slack));
  // Gone for long: an operation does not wait for its deadline any more.
  for (int i = 0; i < 10; ++i) (void)client_->get("key");
  std::vector<steady_ms> took;
  for (int i = 0; i < 20; ++i) {
    const steady_ms begun = steady_now();
    EXPECT_EQ(client_->get("key").status, get_status::unknown);
    took.push_back(steady_now() - begun);
  }
  std::sort(took.begin(), took.end());
  EXPECT_LT(took[took.size() / 2], 500);
  server_->restart();
  expect_back();
}

TEST_F(PostgresOutage, ARestartBetweenCallsIsNotNoticed) {
  store_client client(server_->url() + "&timeout=30000");
  ASSERT_EQ(client.get("key").status, get_status::found);
  server_->restart();
  const auto put = client.put("key", "value");
  EXPECT_EQ(put.status, put_status::stored) << put.why.message;
  server_->restart();
  const auto got = client.get("key");
  EXPECT_EQ(got.status, get_status::found) << got.why.message;
}

TEST_F(PostgresOutage, KilledInTheMiddleAndStartedAgain) {
  struct flight {
    store_client* on;
    int found = 0;
    int unknown = 0;
    int wrong = 0;
    int under_way = 0;
    bool more = true;
    void ask() {
      ++under_way;
      on->sessions->get("key", completion<get_result>(
                                   [](void* context, get_result&& got) {
                                     auto& self = *static_cast<flight*>(context);
                                     --self.under_way;
                                     if (got.status == get_status::found && got.value.bytes == "value") {
                                       ++self.found;
                                     } else if (got.status == get_status::unknown && is_pg_outage(got.why.code)) {
                                       ++self.unknown;
                                     } else {
                                       ++self.wrong;
                                       ADD_FAILURE() << static_cast<int>(got.status) << " " << got.why.message;
                                     }
                                     if (self.more) self.ask();
                                   },
                                   this));
    }
  } load{client_.get()};
  for (int i = 0; i < 64; ++i) load.ask();
  const auto turn_until = [&](auto enough) {
    const steady_ms end = steady_now() + 60'000;
    while (!enough() && steady_now() < end) client_->loop.run_once(10);
    EXPECT_TRUE(enough()) << load.found << " found, " << load.unknown << " unknown";
  };
  turn_until([&] { return load.found > 2000; });
  server_->kill();
  turn_until([&] { return load.unknown > 100; });
  server_->restart();
  const int before = load.found;
  turn_until([&] { return load.found > before + 1000; });
  load.more = false;
  while (load.under_way > 0) client_->loop.run_once(10);
  EXPECT_EQ(load.wrong, 0);
}

TEST_F(PostgresOutage, FrozenAndThawed) {
  server_->freeze();
  for (int i = 0; i < 3; ++i) {
    const steady_ms start = steady_now();
    const auto got = client_->get("key");
    EXPECT_EQ(got.status, get_status::unknown);
    EXPECT_TRUE(is_pg_outage(got.why.code));
    EXPECT_LE(steady_now() - start, pg_timeout + pg_slack);
  }
  server_->thaw();
  expect_back();
}

TEST_F(PostgresOutage, AReadWhoseConnectionIsEndedIsAskedAgainAndAWriteIsUnknown) {
  store_client client(server_->url() + "&timeout=10000&pool=1");
  ASSERT_EQ(client.get("key").status, get_status::found);
  struct results {
    int left = 2;
    get_result got;
    put_result put;
  } seen;
  // Both are on the wire behind a lock when their connection is ended.
  const std::string psql = postgres_server::programs() + "/psql -X -q -h " + server_->directory() + " -p " +
                           std::to_string(server_->port()) + " -U coatcheck postgres >/dev/null 2>&1";
  FILE* const holder = ::popen(psql.c_str(), "w");
  std::fputs("BEGIN; LOCK TABLE coatcheck_sessions; SELECT pg_advisory_lock(77);\n", holder);
  std::fflush(holder);
  while (server_->sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "0") {
  }
  client.sessions->put("key", "changed", system_clock().now() + 60'000, expectation::anything(), {},
                       completion<put_result>(
                           [](void* context, put_result&& value) {
                             static_cast<results*>(context)->put = std::move(value);
                             --static_cast<results*>(context)->left;
                           },
                           &seen));
  client.sessions->get("key", completion<get_result>(
                                  [](void* context, get_result&& value) {
                                    static_cast<results*>(context)->got = std::move(value);
                                    --static_cast<results*>(context)->left;
                                  },
                                  &seen));
  while (server_->sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "0") {
    client.loop.run_once(5);
  }
  (void)server_->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'coatcheck'");
  ::pclose(holder);
  while (seen.left > 0) client.loop.run_once(100);
  EXPECT_EQ(seen.put.status, put_status::unknown);
  EXPECT_EQ(seen.put.why.code, errc::store_unavailable) << seen.put.why.message;
  EXPECT_EQ(seen.got.status, get_status::found) << seen.got.why.message;
  EXPECT_EQ(seen.got.value.bytes, "value");
}

TEST_F(PostgresOutage, AChildAndItsParentDoNotShareAConnection) {
  store_client client(server_->url() + "&timeout=10000");
  for (int i = 0; i < 20; ++i) {
    const std::string key = "key-" + std::to_string(i);
    ASSERT_EQ(client.put(key, key).status, put_status::stored);
  }
  const auto wrong_reads = [&](int from) {
    int wrong = 0;
    for (int i = 0; i < 300; ++i) {
      const std::string key = "key-" + std::to_string((from + i) % 20);
      wrong += client.get(key).value.bytes == key ? 0 : 1;
    }
    return wrong;
  };
  struct flight {
    bool done = false;
    get_result got;
  } one;
  client.sessions->get("key-7", completion<get_result>(
                                    [](void* context, get_result&& value) {
                                      static_cast<flight*>(context)->got = std::move(value);
                                      static_cast<flight*>(context)->done = true;
                                    },
                                    &one));
  client.sessions->health(completion<count_result>([](void*, count_result&&) {}, nullptr));
  client.loop.run_once(0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const int wrong = wrong_reads(13);
    client.sessions->close();
    ::_exit(wrong != 0 ? 1 : one.done ? 0 : 2);
  }
  EXPECT_EQ(wrong_reads(5), 0);
  if (!one.done) {
    EXPECT_TRUE(client.loop.run_until(one.done));
  }
  EXPECT_EQ(one.got.value.bytes, "key-7") << one.got.why.message;
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(wrong_reads(1), 0);
}

TEST_F(PostgresOutage, AChildThatOnlyEndsLeavesTheParentsConnectionAlone) {
  const auto who = [&] {
    return server_->sql(
        "SELECT string_agg(pid::text, ',' ORDER BY pid) FROM pg_stat_activity WHERE application_name = "
        "'coatcheck'");
  };
  const std::string before = who();
  const pid_t child = ::fork();
  if (child == 0) {
    client_->sessions->close();
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(client_->get("key").value.bytes, "value");
  EXPECT_EQ(who(), before);
}

TEST_F(PostgresOutage, AStandbyTakesNoWritesAndOfSeveralHostsTheOneThatDoesIsUsed) {
  const std::unique_ptr<postgres_server> standby(postgres_server::standby_of(*server_));
  store_client alone(standby->url() + "&timeout=5000");
  const steady_ms end = steady_now() + 10'000;
  while (alone.get("key").status != get_status::found && steady_now() < end) {
  }
  EXPECT_EQ(alone.get("key").value.bytes, "value");
  const auto put = alone.put("key", "x");
  EXPECT_EQ(put.status, put_status::unknown);
  EXPECT_EQ(put.why.code, errc::store_refused) << put.why.message;
  EXPECT_NE(put.why.message.find("25006"), std::string::npos) << put.why.message;
  store_client both("postgresql://coatcheck@" + standby->address() + "," + server_->address() +
                    "/postgres?timeout=5000&sslmode=disable");
  const auto stored = both.put("key", "value");
  EXPECT_EQ(stored.status, put_status::stored) << stored.why.message;
}

TEST_F(PostgresOutage, APrimaryThatBecomesReadOnlyUnderItsConnectionsIsLeft) {
  const std::unique_ptr<postgres_server> standby(postgres_server::standby_of(*server_));
  store_client both("postgresql://coatcheck@" + server_->address() + "," + standby->address() +
                    "/postgres?timeout=8000&sslmode=disable");
  ASSERT_EQ(both.put("key", "one").status, put_status::stored);
  standby->promote();
  (void)server_->sql("ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf()");
  while (server_->sql("SHOW default_transaction_read_only") != "on") {
  }
  const auto put = both.put("after", "two");
  EXPECT_EQ(put.status, put_status::stored) << put.why.message;
  EXPECT_EQ(standby->sql("SELECT count(*) FROM coatcheck_sessions WHERE key = 'after'"), "1");
}

TEST_F(PostgresOutage, FailoverToAStandbyLosesNoAcknowledgedWrite) {
  const std::unique_ptr<postgres_server> standby(postgres_server::standby_of(*server_));
  (void)server_->sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
  (void)server_->sql("SELECT pg_reload_conf()");
  while (server_->sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") != "1") {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  store_client both("postgresql://coatcheck@" + server_->address() + "," + standby->address() +
                    "/postgres?timeout=1000&sslmode=disable");
  struct writer {
    store_client* on;
    std::vector<std::string> acknowledged;
    int number = 0;
    int under_way = 0;
    bool more = true;
    steady_ms last_good = 0;
    struct one {
      writer* of;
      std::string key;
    };
    void write() {
      auto* const what = new one{this, "w" + std::to_string(number++)};
      ++under_way;
      on->sessions->put(what->key, "v", system_clock().now() + 600'000, expectation::nothing(), {},
                        completion<put_result>(
                            [](void* context, put_result&& value) {
                              const std::unique_ptr<one> mine(static_cast<one*>(context));
                              writer& self = *mine->of;
                              --self.under_way;
                              if (value.status == put_status::stored) {
                                self.acknowledged.push_back(mine->key);
                                self.last_good = steady_now();
                              } else {
                                EXPECT_EQ(value.status, put_status::unknown);
                              }
                              if (self.more) self.write();
                            },
                            what));
    }
  } load{&both, {}};
  for (int i = 0; i < 32; ++i) load.write();
  const auto turn_until = [&](auto enough) {
    const steady_ms end = steady_now() + 15'000;
    while (!enough() && steady_now() < end) both.loop.run_once(10);
    EXPECT_TRUE(enough());
  };
  turn_until([&] { return load.acknowledged.size() > 2000; });
  server_->kill();
  // The server takes its time, up to wal_retrieve_retry_interval; what is ours begins where it takes writes.
  std::atomic<steady_ms> promoted{0};
  std::thread promoting([&] {
    standby->promote();
    promoted = steady_now();
  });
  const std::size_t before = load.acknowledged.size();
  const steady_ms killed = steady_now();
  turn_until([&] { return load.acknowledged.size() > before + 100; });
  const steady_ms ended = steady_now();
  promoting.join();
  const steady_ms took = std::max<steady_ms>(0, ended - promoted);
  load.more = false;
  while (load.under_way > 0) both.loop.run_once(10);
  std::printf("a hundred good writes %d ms after the kill, %d ms after the promotion\n",
              static_cast<int>(ended - killed), static_cast<int>(took));
  EXPECT_LE(took, 20'000);
  int lost = 0;
  for (const auto& key : load.acknowledged) lost += both.get(key).status == get_status::found ? 0 : 1;
  EXPECT_EQ(lost, 0) << "of " << load.acknowledged.size();
}

}  // namespace
}  // namespace coatcheck
