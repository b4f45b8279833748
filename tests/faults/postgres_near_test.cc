// A near-cache before a real PostgreSQL: what others write, remove or truncate is seen, a connection that is lost
// empties it, and where the table does not tell of its changes, or nobody can be heard, each read asks the server.
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>

#include "store/layers/near_cache.hpp"
#include "support/postgres_server.hpp"
#include "support/redis_client.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::postgres_server;
using store_client = coatcheck_test::redis_client;

constexpr duration_ms near_patience = 60'000;
const std::string near_parameters = "&timeout=20000&near_cache=1000000&max_stale=20000";

near_cache_stats figures_of(const store_client& of) {
  return std::dynamic_pointer_cast<near_cache>(of.sessions)->figures();
}

template <class Condition>
[[nodiscard]] bool comes_about(Condition holds) {
  const steady_ms end = steady_now() + near_patience;
  while (!holds()) {
    if (steady_now() > end) return false;
  }
  return true;
}

// Whether a read is answered in the process. The loop has its turn before, as a service's has.
bool near_hit(store_client& client, std::string_view key) {
  client.loop.run_once(0);
  const auto before = figures_of(client).hits;
  (void)client.get(key);
  return figures_of(client).hits > before;
}

count_result make_schema_of(store_client& on) {
  return on.loop.wait<count_result>([&](auto done) { on.sessions->create_schema(done); });
}

class PostgresNear : public testing::Test {
 protected:
  void SetUp() override {
    if (postgres_server::programs().empty()) GTEST_SKIP() << "PostgreSQL is not installed";
    server_ = std::make_unique<postgres_server>();
    reader_ = std::make_unique<store_client>(server_->url() + near_parameters);
    writer_ = std::make_unique<store_client>(server_->url() + "&timeout=20000");
  }
  void make_schema() {
    const auto made = make_schema_of(*reader_);
    ASSERT_TRUE(made.known) << made.why.message;
    ASSERT_EQ(make_schema_of(*reader_).count, 1U) << "again";
    ASSERT_EQ(make_schema_of(*writer_).count, 1U) << "the trigger stays";
  }
  [[nodiscard]] bool warm(std::string_view key) {
    return comes_about([&] { return near_hit(*reader_, key); });
  }
  // Once it is told of a change; the bound on how old an answer may be is 20 s here.
  [[nodiscard]] bool sees(get_status status, std::string_view bytes) {
    return comes_about([&] {
      reader_->loop.run_once(0);
      const auto got = reader_->get("key");
      return got.status == status && got.value.bytes == bytes;
    });
  }
  std::unique_ptr<postgres_server> server_;
  std::unique_ptr<store_client> reader_;
  std::unique_ptr<store_client> writer_;
};

TEST_F(PostgresNear, WhatOthersDoIsSeenWhoeverTheyAre) {
  make_schema();
  ASSERT_EQ(writer_->put("key", "v1", expectation::anything(), "ann").status, put_status::stored);
  ASSERT_TRUE(warm("key")) << figures_of(*reader_).trouble;
  ASSERT_EQ(writer_->put("key", "v2", expectation::anything(), "ann").status, put_status::stored);
  EXPECT_TRUE(sees(get_status::found, "v2"));
  ASSERT_TRUE(warm("key"));
  (void)server_->sql("UPDATE coatcheck_sessions SET value = 'v3'");  // not a service at all
  EXPECT_TRUE(sees(get_status::found, "v3"));
  ASSERT_TRUE(warm("key"));
  ASSERT_EQ(
      writer_->loop.wait<count_result>([&](auto done) { writer_->sessions->remove_owner("ann", {}, done); }).count, 1U);
  EXPECT_TRUE(sees(get_status::absent, ""));
  ASSERT_TRUE(warm("key")) << "that it is absent is kept as well";
  ASSERT_EQ(writer_->put("key", "v4").status, put_status::stored);
  EXPECT_TRUE(sees(get_status::found, "v4"));
  ASSERT_TRUE(warm("key"));
  (void)server_->sql("TRUNCATE coatcheck_sessions");
  EXPECT_TRUE(sees(get_status::absent, ""));
  ASSERT_EQ(reader_->put("key", "v5").status, put_status::stored);
  EXPECT_EQ(reader_->get("key").value.bytes, "v5") << "its own write, at once";
}

TEST_F(PostgresNear, AWarmReadAsksNobody) {
  make_schema();
  ASSERT_EQ(writer_->put("key", "v1").status, put_status::stored);
  ASSERT_TRUE(warm("key"));
  const auto before = figures_of(*reader_);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(reader_->get("key").value.bytes, "v1");
  const auto after = figures_of(*reader_);
  EXPECT_EQ(after.hits - before.hits, 100U);
  EXPECT_EQ(after.misses, before.misses);
}

TEST_F(PostgresNear, AConnectionThatIsLostEmptiesIt) {
  make_schema();
  ASSERT_EQ(writer_->put("key", "v1").status, put_status::stored);
  ASSERT_TRUE(warm("key"));
  const auto epochs = figures_of(*reader_).epoch_bumps;
  // The one that listens alone. Until this process has noticed, it hears nothing: so it is written once it has.
  (void)server_->sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_trigger%' AND pid <> "
      "pg_backend_pid()");
  ASSERT_TRUE(comes_about([&] {
    reader_->loop.run_once(10);
    return figures_of(*reader_).epoch_bumps > epochs;
  }));
  (void)server_->sql("UPDATE coatcheck_sessions SET value = 'v2'");
  EXPECT_EQ(reader_->get("key").value.bytes, "v2");
  EXPECT_TRUE(warm("key")) << figures_of(*reader_).trouble;
}

TEST_F(PostgresNear, ATableThatTellsNothingIsReadEachTime) {
  ASSERT_EQ(make_schema_of(*writer_).count, 1U);
  ASSERT_EQ(writer_->put("key", "v1").status, put_status::stored);
  ASSERT_TRUE(comes_about([&] {
    reader_->loop.run_once(0);
    (void)reader_->get("key");
    return figures_of(*reader_).trouble.find("notify=on") != std::string::npos;
  })) << figures_of(*reader_).trouble;
  ASSERT_EQ(writer_->put("key", "v2").status, put_status::stored);
  EXPECT_EQ(reader_->get("key").value.bytes, "v2");
  EXPECT_EQ(figures_of(*reader_).hits, 0U);
}

TEST_F(PostgresNear, ATriggerThatIsTakenAwayIsNoticed) {
  make_schema();
  ASSERT_EQ(writer_->put("key", "v1").status, put_status::stored);
  store_client quick(server_->url() + "&timeout=20000&near_cache=1000000&max_stale=200");
  ASSERT_TRUE(comes_about([&] { return near_hit(quick, "key"); }));
  const auto epochs = figures_of(quick).epoch_bumps;
  (void)server_->sql("DROP TRIGGER coatcheck_sessions_notify ON coatcheck_sessions");
  EXPECT_TRUE(comes_about([&] {
    quick.loop.run_once(10);
    return figures_of(quick).epoch_bumps > epochs && !figures_of(quick).trouble.empty();
  }));
}

TEST_F(PostgresNear, AServerThatIsNotHeardIsAskedAndNothingOlderIsServed) {
  make_schema();
  store_client quick(server_->url() + "&timeout=300&near_cache=1000000&max_stale=200");
  ASSERT_EQ(writer_->put("key", "v1").status, put_status::stored);
  ASSERT_TRUE(comes_about([&] { return near_hit(quick, "key"); }));
  server_->freeze();
  EXPECT_TRUE(comes_about([&] { return quick.get("key").status == get_status::unknown; }));
  server_->thaw();
  EXPECT_TRUE(comes_about([&] { return near_hit(quick, "key"); }));
}

TEST_F(PostgresNear, AnIdleStoreWithOneKeepsNoLoopAlive) {
  make_schema();
  store_client quick(server_->url() + "&timeout=300&near_cache=1000000&max_stale=20000");
  ASSERT_EQ(writer_->put("key", "v1").status, put_status::stored);
  ASSERT_TRUE(comes_about([&] { return near_hit(quick, "key"); }));
  quick.loop.run();
  server_->kill();
  (void)quick.get("other");
  quick.loop.run();
}

TEST_F(PostgresNear, UrlsSayWhatDoesNotGoTogether) {
  const auto refused = [&](const std::string& more) {
    event_loop loop;
    const auto made = open_store(server_->url() + more, {nullptr, &loop});
    return made ? std::string() : made.error().message;
  };
  EXPECT_NE(refused("&near_cache=1000000&prepare=off").find("pooler in transaction mode"), std::string::npos);
  EXPECT_NE(refused("&near_cache=1000000&notify=off").find("notify=on"), std::string::npos);
  EXPECT_NE(refused("&near_cache=1000000&layout=connect-pg-simple"), "");
  EXPECT_NE(refused("&notify=on&layout=connect-pg-simple"), "");
  EXPECT_NE(refused("&notify=maybe"), "");
  EXPECT_EQ(refused("&notify=on"), "");
  const auto sql = schema_sql(server_->url() + "&notify=on");
  ASSERT_TRUE(sql);
  (void)server_->sql(*sql);
  (void)server_->sql(*sql);
  EXPECT_EQ(server_->sql("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'coatcheck_sessions_notify%'"), "2");
}

}  // namespace
}  // namespace coatcheck
