// The contract: expiry in milliseconds, prune.
#include "contract/store_contract.hpp"

namespace coatcheck::contract {
namespace {

TEST_P(StoreContract, AnEntryWhoseTimeHasComeIsAbsent) {
  ASSERT_EQ(c->put("key", "value", place->now() + 30).status, put_status::stored);
  place->pass_time(40);
  EXPECT_EQ(c->get("key").status, get_status::absent);
}

TEST_P(StoreContract, AnEntryLivesUntilItsTime) {
  ASSERT_EQ(c->put("key", "value", place->now() + 5000).status, put_status::stored);
  place->pass_time(10);
  EXPECT_EQ(c->get("key").status, get_status::found);
}

TEST_P(StoreContract, DeadlinesAreKeptToTheMillisecond) {
  const auto deadline = place->now() + 61'237;
  (void)c->put("key", "value", deadline);
  EXPECT_TRUE(is_deadline(c->get("key").value.expires_at, deadline));
  (void)c->touch("key", deadline + 1);
  EXPECT_TRUE(is_deadline(c->get("key").value.expires_at, deadline + 1));
}

TEST_P(StoreContract, AnEntryStoredWithAPastDeadlineIsAbsent) {
  (void)c->put("key", "value", place->now() - 1000);
  EXPECT_EQ(c->get("key").status, get_status::absent);
  EXPECT_EQ(c->touch("key", later()).status, touch_status::gone);
}

TEST_P(StoreContract, APastDeadlineEndsWhatWasThere) {
  (void)c->put("key", "one", later());
  EXPECT_EQ(c->put("key", "two", place->now() - 1).status, put_status::stored);
  EXPECT_EQ(c->get("key").status, get_status::absent);
}

TEST_P(StoreContract, AnExpiredEntryIsGoneForACompareAndSet) {
  const auto put = c->put("key", "value", place->now() + 20);
  place->pass_time(30);
  EXPECT_EQ(c->put("key", "two", later(), expectation::version(put.tag)).status, put_status::gone);
  EXPECT_EQ(c->get("key").status, get_status::absent);
}

TEST_P(StoreContract, AnExpiredEntryIsNothingForAPutThatExpectsNothing) {
  (void)c->put("key", "one", place->now() + 20);
  place->pass_time(30);
  ASSERT_EQ(c->put("key", "two", later(), expectation::nothing()).status, put_status::stored);
  EXPECT_EQ(c->get("key").value.bytes, "two");
}

TEST_P(StoreContract, AnExpiredEntryCannotBeTouchedBackToLife) {
  (void)c->put("key", "value", place->now() + 20);
  place->pass_time(30);
  EXPECT_EQ(c->touch("key", later()).status, touch_status::gone);
  EXPECT_EQ(c->get("key").status, get_status::absent);
}

TEST_P(StoreContract, RemoveOfAnExpiredEntryIsAbsent) {
  (void)c->put("key", "value", place->now() + 20);
  place->pass_time(30);
  EXPECT_EQ(c->remove("key").status, remove_status::absent);
}

TEST_P(StoreContract, TouchKeepsAnEntryAlivePastItsFirstDeadline) {
  (void)c->put("key", "value", place->now() + 500);
  ASSERT_EQ(c->touch("key", place->now() + 60'000).status, touch_status::touched);
  place->pass_time(600);
  EXPECT_TRUE(c->prune(100).known);
  (void)c->put("another", "write", later());
  EXPECT_EQ(c->get("key").status, get_status::found);
}

TEST_P(StoreContract, TouchCanShortenALife) {
  (void)c->put("key", "value", later());
  ASSERT_EQ(c->touch("key", place->now() + 20).status, touch_status::touched);
  place->pass_time(30);
  EXPECT_EQ(c->get("key").status, get_status::absent);
}

TEST_P(StoreContract, PutReplacesTheDeadline) {
  (void)c->put("key", "one", place->now() + 20);
  (void)c->put("key", "two", later());
  place->pass_time(30);
  EXPECT_EQ(c->get("key").value.bytes, "two");
  (void)c->put("key", "three", place->now() + 20);
  place->pass_time(30);
  EXPECT_EQ(c->get("key").status, get_status::absent);
}

TEST_P(StoreContract, PruneDropsWhatHasExpiredAndNothingElse) {
  for (int i = 0; i < 20; ++i) (void)c->put("old" + std::to_string(i), "value", place->now() + 20);
  for (int i = 0; i < 20; ++i) (void)c->put("new" + std::to_string(i), "value", later());
  place->pass_time(30);
  const auto pruned = c->prune(1000);
  ASSERT_TRUE(pruned.known) << pruned.why.message;
  EXPECT_LE(pruned.count, 20U);
  const auto again = c->prune(1000);
  ASSERT_TRUE(again.known);
  EXPECT_EQ(again.count, 0U);
  if (c->raw().capabilities().scan) {
    EXPECT_EQ(c->scan_all(7).size(), 20U);
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(c->get("new" + std::to_string(i)).status, get_status::found);
}

TEST_P(StoreContract, PruneStopsAtItsLimit) {
  for (int i = 0; i < 20; ++i) (void)c->put("old" + std::to_string(i), "value", place->now() + 20);
  place->pass_time(30);
  std::uint64_t total = 0;
  for (int i = 0; i < 10; ++i) {
    const auto pruned = c->prune(3);
    ASSERT_TRUE(pruned.known) << pruned.why.message;
    EXPECT_LE(pruned.count, 3U);
    total += pruned.count;
  }
  EXPECT_TRUE(total == 20 || total == 0) << total;  // 0: the store expires by itself
  EXPECT_EQ(c->prune(0).count, 0U);
}

TEST_P(StoreContract, AFarDeadlineIsKept) {
  const auto deadline = place->now() + 3'000'000'000;  // a month: more than 32 bits of milliseconds
  (void)c->put("key", "value", deadline);
  EXPECT_TRUE(is_deadline(c->get("key").value.expires_at, deadline));
}

}  // namespace
}  // namespace coatcheck::contract
