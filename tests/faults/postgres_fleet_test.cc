// PostgreSQL as a fleet meets it, against real servers: partitions, connections that are idle, a pooler in transaction
// mode, and what the server refuses, each with its code.
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "support/pgbouncer.hpp"
#include "support/postgres_server.hpp"
#include "support/redis_client.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::pgbouncer;
using coatcheck_test::postgres_server;
using store_client = coatcheck_test::redis_client;

template <class Condition>
[[nodiscard]] bool in_a_minute(Condition holds) {
  const steady_ms end = steady_now() + 60'000;
  while (!holds()) {
    if (steady_now() > end) return false;
  }
  return true;
}

count_result schema_of(store_client& on) {
  return on.loop.wait<count_result>([&](auto done) { on.sessions->create_schema(done); });
}
count_result prune_of(store_client& on, std::size_t limit) {
  return on.loop.wait<count_result>([&](auto done) { on.sessions->prune(limit, done); });
}

class PostgresFleet : public testing::Test {
 protected:
  void SetUp() override {
    if (postgres_server::programs().empty()) GTEST_SKIP() << "PostgreSQL is not installed";
    server_ = std::make_unique<postgres_server>();
  }
  [[nodiscard]] std::string url(const std::string& more = {}) const { return server_->url() + "&timeout=20000" + more; }
  [[nodiscard]] std::string connections() const {
    return server_->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'coatcheck'");
  }
  std::unique_ptr<postgres_server> server_;
};

TEST_F(PostgresFleet, APartitionedTableIsATableLikeAnyOther) {
  store_client client(url("&partitions=4&notify=on"));
  ASSERT_EQ(schema_of(client).count, 1U) << schema_of(client).why.message;
  ASSERT_EQ(schema_of(client).count, 1U) << "again";
  store_client other(url());  // which knows nothing of it
  EXPECT_EQ(schema_of(other).count, 1U);
  for (int i = 0; i < 40; ++i) {
    const std::string key = "key" + std::to_string(i);
    ASSERT_EQ(client.put(key, "v", expectation::nothing(), "ann").status, put_status::stored);
    ASSERT_EQ(other.put(key, "w", expectation::nothing()).status, put_status::conflict);
    ASSERT_EQ(client.put("old" + key, "v", expectation::anything(), {}, -1000).status, put_status::stored);
  }
  EXPECT_EQ(server_->sql("SELECT count(DISTINCT tableoid) FROM coatcheck_sessions"), "4");
  EXPECT_EQ(other.owned_by("ann").keys.size(), 40U);
  EXPECT_EQ(prune_of(client, 7).count, 7U);
  EXPECT_EQ(prune_of(other, 1000).count, 33U);
  EXPECT_EQ(prune_of(client, 1000).count, 0U);
  EXPECT_EQ(server_->sql("SELECT count(*) FROM coatcheck_sessions"), "40");
  // Who has rights on the table alone prunes through it.
  (void)server_->sql(
      "CREATE ROLE ann LOGIN PASSWORD 'x'; GRANT SELECT, INSERT, UPDATE, DELETE ON coatcheck_sessions TO ann; "
      "UPDATE coatcheck_sessions SET expires_at = 1 WHERE key LIKE 'key1%'");
  store_client ann("postgresql://ann:x@" + server_->address() + "/postgres?sslmode=disable&timeout=20000");
  const auto pruned = prune_of(ann, 1000);
  EXPECT_EQ(pruned.count, 11U) << pruned.why.message;
  const auto cleared = client.loop.wait<count_result>([&](auto done) { client.sessions->clear(done); });
  EXPECT_EQ(cleared.count, 29U) << cleared.why.message;
}

TEST_F(PostgresFleet, ATableCantBeGivenOtherPartitions) {
  store_client plain(url());
  ASSERT_TRUE(schema_of(plain).known);
  ASSERT_EQ(plain.put("key", "v").status, put_status::stored);
  store_client parted(url("&partitions=4"));
  EXPECT_EQ(schema_of(parted).why.code, errc::store_format);
  EXPECT_NE(schema_of(parted).why.message.find("partitions="), std::string::npos) << schema_of(parted).why.message;
  EXPECT_EQ(plain.get("key").status, get_status::found);
  store_client four(url("&partitions=4&table=parted"));
  store_client eight(url("&partitions=8&table=parted"));
  ASSERT_TRUE(schema_of(four).known);
  EXPECT_EQ(schema_of(eight).why.code, errc::store_format);
  const auto sql = schema_sql(url("&partitions=3&table=printed"));
  ASSERT_TRUE(sql);
  (void)server_->sql(*sql);
  (void)server_->sql(*sql);
  EXPECT_EQ(server_->sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'printed'::regclass"), "3");
  EXPECT_FALSE(schema_sql(url("&partitions=257")));
  EXPECT_FALSE(schema_sql(url("&partitions=4&layout=connect-pg-simple")));
}

TEST_F(PostgresFleet, ConnectionsThatNobodyUsesAreClosed) {
  store_client client(url("&idle_timeout=100"));
  ASSERT_TRUE(schema_of(client).known);
  ASSERT_EQ(client.put("key", "v").status, put_status::stored);
  EXPECT_TRUE(in_a_minute([&] {
    client.loop.run_once(10);
    return connections() == "0";
  }));
  EXPECT_EQ(client.get("key").status, get_status::found);
  // Nobody turns the loop: then the server closes it.
  EXPECT_TRUE(in_a_minute([&] { return connections() == "0"; }));
  EXPECT_EQ(client.get("key").status, get_status::found);
  EXPECT_EQ(client.put("key", "w").status, put_status::stored);
}

TEST_F(PostgresFleet, BehindAPoolerInTransactionMode) {
  if (pgbouncer::program().empty()) GTEST_SKIP() << "pgbouncer is not installed (scripts/system-packages.sh servers)";
  const pgbouncer pooler(*server_, 2);
  store_client owner(url("&notify=on"));
  ASSERT_TRUE(schema_of(owner).known);
  std::vector<std::unique_ptr<store_client>> many;
  for (int i = 0; i < 6; ++i) many.push_back(std::make_unique<store_client>(pooler.url() + "&prepare=off&pool=4"));
  struct counts {
    int done = 0;
    int stored = 0;
    std::string why;
  } seen;
  const auto hear = completion<put_result>(
      [](void* context, put_result&& value) {
        auto& into = *static_cast<counts*>(context);
        ++into.done;
        if (value.status == put_status::stored) ++into.stored;
        if (value.status == put_status::unknown) into.why = value.why.message;
      },
      &seen);
  for (int i = 0; i < 100; ++i) {
    for (auto& one : many) {
      one->sessions->put("key" + std::to_string(i), "v", system_clock().now() + 60'000, expectation::anything(), "ann",
                         hear);
    }
  }
  ASSERT_TRUE(in_a_minute([&] {
    for (auto& one : many) one->loop.run_once(0);
    return seen.done == 600;
  }));
  EXPECT_EQ(seen.stored, 600) << seen.why;
  EXPECT_EQ(many[0]->owned_by("ann").keys.size(), 100U);
  // What the server's sessions are left with: no statements, no settings of ours.
  EXPECT_EQ(many[1]->get("key1").status, get_status::found);
  EXPECT_LE(std::stoi(connections()), 4 + 2) << "the owner's own, and two sessions for all";
  EXPECT_EQ(prune_of(*many[2], 100).count, 0U);
  EXPECT_EQ(many[3]->remove("key1").status, remove_status::removed);

  // A near-cache can't listen there. Asked for with prepare=off it is refused; without, it finds out and serves
  // nothing.
  event_loop loop;
  const auto refused = open_store(pooler.url() + "&prepare=off&near_cache=1000000", {nullptr, &loop});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::invalid_url);
  EXPECT_NE(refused.error().message.find("pooler in transaction mode"), std::string::npos) << refused.error().message;
}

TEST_F(PostgresFleet, ANearCacheThatAPoolerLetsHearNothingServesNothing) {
  if (pgbouncer::program().empty()) GTEST_SKIP() << "pgbouncer is not installed (scripts/system-packages.sh servers)";
  const pgbouncer pooler(*server_, 2);
  store_client owner(url("&notify=on"));
  ASSERT_TRUE(schema_of(owner).known);
  store_client near(pooler.url() + "&near_cache=1000000&max_stale=100");
  // Its own connection may be given the session that listens: so others are at work on the pool's sessions.
  std::string trouble;
  EXPECT_TRUE(in_a_minute([&] {
    near.loop.run_once(1);
    (void)near.get("key");
    const auto figures = near.loop.wait<stats_result>([&](auto done) { near.sessions->stats(done); });
    if (figures.near) trouble = figures.near->trouble;
    return !trouble.empty();
  }));
  EXPECT_NE(trouble.find("each read asks the server"), std::string::npos) << trouble;
}

// What a trigger raises stands for what the server says by itself.
TEST_F(PostgresFleet, WhatTheServerRefusesHasItsCode) {
  store_client client(url());
  ASSERT_TRUE(schema_of(client).known);
  ASSERT_EQ(client.put("key", "v").status, put_status::stored);
  const auto raising = [&](const std::string& state) {
    (void)server_->sql(
        "CREATE OR REPLACE FUNCTION raise_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
        "USING ERRCODE = '" +
        state + "', MESSAGE = 'secret'; END $$");
  };
  raising("53100");
  (void)server_->sql(
      "CREATE TRIGGER raise_it BEFORE INSERT OR UPDATE ON coatcheck_sessions FOR EACH ROW EXECUTE PROCEDURE "
      "raise_it()");
  store_client hasty(server_->url() + "&timeout=300");
  for (const auto& [state, code] : std::vector<std::pair<std::string, errc>>{{"53100", errc::store_full},
                                                                             {"53200", errc::store_overloaded},
                                                                             {"53300", errc::store_overloaded},
                                                                             {"25006", errc::store_refused},
                                                                             {"40001", errc::store_timeout},
                                                                             {"40P01", errc::store_timeout},
                                                                             {"57P01", errc::store_unavailable},
                                                                             {"57014", errc::store_timeout}}) {
    raising(state);
    const auto put = hasty.put("key", "w");
    EXPECT_EQ(put.status, put_status::unknown) << state;
    EXPECT_EQ(put.why.code, code) << state << ": " << put.why.message;
    EXPECT_EQ(put.why.message.find("secret"), std::string::npos) << put.why.message;
  }
  EXPECT_EQ(client.get("key").value.bytes, "v") << "reads go on, and nothing was written";
  (void)server_->sql("DROP TRIGGER raise_it ON coatcheck_sessions");
  EXPECT_TRUE(in_a_minute([&] { return hasty.put("key", "w").status == put_status::stored; }));
}

TEST_F(PostgresFleet, ADiskThatIsFullRefusesAWriteAndKeepsWhatIsThere) {
  if (::getuid() != 0) GTEST_SKIP() << "a small disk of its own takes root";
  const std::string place = server_->directory() + "/small";
  const std::string made = "mkdir " + place + " && mount -t tmpfs -o size=3m,mode=777 none " + place +
                           " 2>/dev/null && mkdir " + place + "/space && chown --reference=" + server_->data() + " " +
                           place + "/space";
  if (std::system(made.c_str()) != 0) GTEST_SKIP() << "this container may not mount";
  struct unmounted {
    const std::string& at;
    ~unmounted() { (void)!std::system(("umount -l " + at).c_str()); }
  } const end{place};
  (void)server_->sql("CREATE TABLESPACE small LOCATION '" + place + "/space'");
  (void)server_->sql("ALTER DATABASE postgres SET default_tablespace = 'small'");
  store_client client(url());
  ASSERT_TRUE(schema_of(client).known);
  ASSERT_EQ(client.put("key", "v").status, put_status::stored);
  (void)server_->sql("ALTER TABLE coatcheck_sessions ALTER value SET STORAGE EXTERNAL");  // nothing is compressed
  put_result last;
  for (int i = 0; i < 100 && last.why.code != errc::store_full; ++i) {
    last = client.put("big" + std::to_string(i), std::string(100'000, 'x'));
  }
  EXPECT_EQ(last.status, put_status::unknown);
  EXPECT_EQ(last.why.code, errc::store_full) << last.why.message;
  EXPECT_EQ(client.get("key").value.bytes, "v");
  EXPECT_EQ(client.remove("big0").status, remove_status::removed);
  server_->kill();  // before its disk goes
}

}  // namespace
}  // namespace coatcheck
