// The contract: owners, scan, stats, health, close.
#include <algorithm>
#include <set>

#include "contract/store_contract.hpp"

namespace coatcheck::contract {
namespace {

using keys = std::vector<std::string>;

TEST_P(StoreOwnerIndex, AnOwnersKeysAreListed) {
  (void)c->put("a1", "v", later(), expectation::anything(), "alice");
  (void)c->put("a2", "v", later(), expectation::anything(), "alice");
  (void)c->put("b1", "v", later(), expectation::anything(), "bob");
  (void)c->put("n1", "v", later());
  const auto owned = c->owned_by("alice");
  ASSERT_TRUE(owned.known) << owned.why.message;
  EXPECT_EQ(owned.keys, (keys{"a1", "a2"}));
  EXPECT_EQ(c->owned_by("bob").keys, keys{"b1"});
}

TEST_P(StoreOwnerIndex, AnOwnerNobodyHasOwnsNothing) {
  const auto owned = c->owned_by("carol");
  ASSERT_TRUE(owned.known) << owned.why.message;
  EXPECT_TRUE(owned.keys.empty());
  const auto removed = c->remove_owner("carol");
  ASSERT_TRUE(removed.known) << removed.why.message;
  EXPECT_EQ(removed.count, 0U);
}

TEST_P(StoreOwnerIndex, NoOwnerIsNobody) {
  (void)c->put("key", "v", later());
  const auto owned = c->owned_by("");
  ASSERT_TRUE(owned.known) << owned.why.message;
  EXPECT_TRUE(owned.keys.empty());
  EXPECT_EQ(c->remove_owner("").count, 0U);
  EXPECT_EQ(c->get("key").status, get_status::found);
}

TEST_P(StoreOwnerIndex, OwnersAreToldApartByTheWholeName) {
  (void)c->put("key", "v", later(), expectation::anything(), "al");
  (void)c->put("ice", "v", later(), expectation::anything(), "al");
  (void)c->put("e", "v", later(), expectation::anything(), "alic");
  EXPECT_EQ(c->owned_by("al").keys, (keys{"ice", "key"}));
  EXPECT_EQ(c->owned_by("alic").keys, keys{"e"});
  EXPECT_TRUE(c->owned_by("a").keys.empty());
  EXPECT_TRUE(c->owned_by("alice").keys.empty());
}

TEST_P(StoreOwnerIndex, AnOwnerIsAnyBytes) {
  const std::string strange("a\0b\r\n\xff {}:*", 11);
  (void)c->put("key", "v", later(), expectation::anything(), strange);
  (void)c->put("long", "v", later(), expectation::anything(), std::string(256, 'o'));
  EXPECT_EQ(c->owned_by(strange).keys, keys{"key"});
  EXPECT_EQ(c->owned_by(std::string(256, 'o')).keys, keys{"long"});
  EXPECT_EQ(c->remove_owner(strange).count, 1U);
}

TEST_P(StoreOwnerIndex, AnOwnerOver256BytesIsRefused) {
  const std::string longer(257, 'o');
  const auto put = c->put("key", "v", later(), expectation::anything(), longer);
  EXPECT_EQ(put.status, put_status::unknown);
  EXPECT_EQ(put.why.code, errc::invalid_option);
  EXPECT_EQ(c->get("key").status, get_status::absent);
  EXPECT_FALSE(c->owned_by(longer).known);
  EXPECT_FALSE(c->remove_owner(longer).known);
}

TEST_P(StoreOwnerIndex, TheLastPutDecidesTheOwner) {
  (void)c->put("key", "v", later(), expectation::anything(), "alice");
  (void)c->put("key", "v", later(), expectation::anything(), "bob");
  EXPECT_TRUE(c->owned_by("alice").keys.empty());
  EXPECT_EQ(c->owned_by("bob").keys, keys{"key"});
  EXPECT_EQ(c->remove_owner("alice").count, 0U);
  EXPECT_EQ(c->get("key").status, get_status::found);
  (void)c->put("key", "v", later());
  EXPECT_TRUE(c->owned_by("bob").keys.empty());
}

TEST_P(StoreOwnerIndex, APutThatDoesNotHappenChangesNoOwner) {
  (void)c->put("key", "v", later(), expectation::anything(), "alice");
  EXPECT_EQ(c->put("key", "v", later(), expectation::nothing(), "bob").status, put_status::conflict);
  EXPECT_EQ(c->put("none", "v", later(), expectation::version(etag("x")), "bob").status, put_status::gone);
  EXPECT_EQ(c->owned_by("alice").keys, keys{"key"});
  EXPECT_TRUE(c->owned_by("bob").keys.empty());
}

TEST_P(StoreOwnerIndex, RemovedAndExpiredKeysAreNotOwned) {
  (void)c->put("a1", "v", later(), expectation::anything(), "alice");
  (void)c->put("a2", "v", place->now() + 20, expectation::anything(), "alice");
  (void)c->put("a3", "v", later(), expectation::anything(), "alice");
  (void)c->remove("a1");
  place->pass_time(30);
  EXPECT_EQ(c->owned_by("alice").keys, keys{"a3"});
}

TEST_P(StoreOwnerIndex, ANewLifeOfAKeyHasNoOldOwner) {
  (void)c->put("key", "v", place->now() + 20, expectation::anything(), "alice");
  place->pass_time(30);
  (void)c->put("key", "v", later(), expectation::nothing(), "bob");
  EXPECT_TRUE(c->owned_by("alice").keys.empty());
  EXPECT_EQ(c->owned_by("bob").keys, keys{"key"});
}

TEST_P(StoreOwnerIndex, TouchedKeysStayOwned) {
  (void)c->put("key", "v", place->now() + 300, expectation::anything(), "alice");
  (void)c->touch("key", later());
  place->pass_time(320);
  EXPECT_EQ(c->owned_by("alice").keys, keys{"key"});
}

TEST_P(StoreOwnerIndex, RemoveOwnerRemovesAllOfAnOwnersKeys) {
  for (int i = 0; i < 30; ++i) (void)c->put("a" + std::to_string(i), "v", later(), expectation::anything(), "alice");
  (void)c->put("b1", "v", later(), expectation::anything(), "bob");
  const auto removed = c->remove_owner("alice");
  ASSERT_TRUE(removed.known) << removed.why.message;
  EXPECT_EQ(removed.count, 30U);
  EXPECT_EQ(c->get("a7").status, get_status::absent);
  EXPECT_EQ(c->get("b1").status, get_status::found);
  EXPECT_TRUE(c->owned_by("alice").keys.empty());
}

TEST_P(StoreOwnerIndex, RemoveOwnerSparesOne) {
  for (const auto* key : {"a1", "a2", "a3"}) (void)c->put(key, "v", later(), expectation::anything(), "alice");
  EXPECT_EQ(c->remove_owner("alice", "a2").count, 2U);
  EXPECT_EQ(c->owned_by("alice").keys, keys{"a2"});
  EXPECT_EQ(c->remove_owner("alice", "b9").count, 1U);
}

TEST_P(StoreOwnerIndex, AVersionOfARemovedOwnersKeyIsGone) {
  const auto put = c->put("key", "v", later(), expectation::anything(), "alice");
  EXPECT_EQ(c->remove_owner("alice").count, 1U);
  EXPECT_EQ(c->put("key", "w", later(), expectation::version(put.tag), "alice").status, put_status::gone);
}

TEST_P(StoreScan, ScanOfNothingIsEmpty) {
  const auto part = c->scan("", 10);
  ASSERT_TRUE(part.known) << part.why.message;
  EXPECT_TRUE(c->scan_all(10).empty());
}

TEST_P(StoreScan, ScanGivesEveryLiveKey) {
  keys expected;
  for (int i = 0; i < 250; ++i) {
    expected.push_back("k" + std::to_string(i));
    ASSERT_EQ(c->put(expected.back(), "v", later(), expectation::anything(), "owner").status, put_status::stored);
  }
  for (int i = 0; i < 5; ++i) (void)c->put("old" + std::to_string(i), "v", place->now() + 20);
  place->pass_time(30);
  std::sort(expected.begin(), expected.end());
  for (const std::size_t limit : {1U, 7U, 100U, 10'000U}) EXPECT_EQ(c->scan_all(limit), expected) << limit;
}

TEST_P(StoreScan, ScanComesInParts) {
  for (int i = 0; i < 500; ++i) (void)c->put("k" + std::to_string(i), "v", later());
  const auto part = c->scan("", 10);
  ASSERT_TRUE(part.known);
  EXPECT_FALSE(part.cursor.empty());
  EXPECT_LT(part.keys.size(), 250U);
}

TEST_P(StoreScan, AScanSeesWhatIsThereThroughout) {
  for (int i = 0; i < 200; ++i) (void)c->put("stay" + std::to_string(i), "v", later());
  std::set<std::string> seen;
  std::string cursor;
  int round = 0;
  do {
    const auto part = c->scan(cursor, 10);
    ASSERT_TRUE(part.known) << part.why.message;
    seen.insert(part.keys.begin(), part.keys.end());
    cursor = part.cursor;
    // Not for ever: a scan that is followed by more keys than it lists has no end.
    for (int i = 0; i < 20 && round < 30; ++i)
      (void)c->put("come" + std::to_string(round) + "-" + std::to_string(i), "v", later());
    if (round > 0) (void)c->remove("come" + std::to_string(round - 1) + "-3");
  } while (!cursor.empty() && ++round < 100'000);
  EXPECT_TRUE(cursor.empty());
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(seen.contains("stay" + std::to_string(i))) << i;
}

TEST_P(StoreScan, ACursorThatScanDidNotGiveIsRefused) {
  const auto part = c->scan("no cursor at all!", 10);
  EXPECT_FALSE(part.known);
  EXPECT_EQ(part.why.code, errc::invalid_option);
}

TEST_P(StoreContract, StatsCountEntries) {
  const auto before = c->stats();
  ASSERT_TRUE(before.known) << before.why.message;
  for (int i = 0; i < 3; ++i) (void)c->put("k" + std::to_string(i), std::string(5000, 'v'), later());
  const auto after = c->stats();
  ASSERT_TRUE(after.known) << after.why.message;
  EXPECT_EQ(after.stats.entries - before.stats.entries, 3U);
  EXPECT_GT(after.stats.bytes, before.stats.bytes);
  (void)c->remove("k1");
  EXPECT_EQ(c->stats().stats.entries - before.stats.entries, 2U);
}

// "Can't" is never an answer that looks like a result.
TEST_P(StoreContract, WhatAStoreCannotDoItSays) {
  (void)c->put("key", "value", later(), expectation::anything(), "alice");
  const auto can = c->raw().capabilities();
  if (!can.owner_index) {
    const auto owned = c->owned_by("alice");
    EXPECT_FALSE(owned.known);
    EXPECT_EQ(owned.why.code, errc::store_unsupported);
    EXPECT_FALSE(owned.why.message.empty());
    const auto removed = c->remove_owner("alice");
    EXPECT_FALSE(removed.known);
    EXPECT_EQ(removed.why.code, errc::store_unsupported);
  }
  if (!can.scan) {
    const auto page = c->scan("", 10);
    EXPECT_FALSE(page.known);
    EXPECT_EQ(page.why.code, errc::store_unsupported);
    const auto cleared = c->clear();
    EXPECT_FALSE(cleared.known);
    EXPECT_EQ(cleared.why.code, errc::store_unsupported);
  }
  EXPECT_TRUE(can.compare_and_set) << "the engine needs it";
  EXPECT_EQ(c->get("key").status, get_status::found);
}

TEST_P(StoreContract, HealthIsGood) {
  const auto health = c->health();
  ASSERT_TRUE(health.known) << health.why.message;
  EXPECT_EQ(health.count, 1U);
}

TEST_P(StoreScan, ClearRemovesEverythingOfEverybody) {
  constexpr int entries = 700;
  auto other = open_client();
  for (int i = 0; i < entries; ++i) {
    const std::string owner = i % 3 == 0 ? "alice" : i % 3 == 1 ? "bob" : "";
    ASSERT_EQ(c->put("k" + std::to_string(i), "v", later(), expectation::anything(), owner).status, put_status::stored);
  }
  const auto before = other.get("k5").value.tag;
  const auto cleared = other.clear();
  ASSERT_TRUE(cleared.known) << cleared.why.message;
  EXPECT_EQ(cleared.count, static_cast<std::uint64_t>(entries));
  EXPECT_TRUE(c->scan_all(1000).empty());
  EXPECT_EQ(c->stats().stats.entries, 0U);
  EXPECT_TRUE(c->owned_by("alice").keys.empty());
  EXPECT_TRUE(c->owned_by("bob").keys.empty());
  // A session that was read before stays destroyed, and a new one can begin.
  EXPECT_EQ(c->put("k5", "v", later(), expectation::version(before)).status, put_status::gone);
  EXPECT_EQ(c->touch("k6", later()).status, touch_status::gone);
  EXPECT_EQ(c->put("k7", "new", later(), expectation::nothing(), "bob").status, put_status::stored);
  if (c->raw().capabilities().owner_index) {
    EXPECT_EQ(c->owned_by("bob").keys, keys{"k7"});
  }
  EXPECT_EQ(c->clear().count, 1U);
  EXPECT_EQ(c->clear().count, 0U);
}

TEST_P(StoreContract, AfterCloseEveryOperationIsUnknown) {
  (void)c->put("key", "value", later(), expectation::anything(), "alice");
  c->close();
  const auto got = c->get("key");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_EQ(got.why.code, errc::store_closed);
  const auto put = c->put("key", "value", later());
  EXPECT_EQ(put.status, put_status::unknown);
  EXPECT_EQ(put.why.code, errc::store_closed);
  const auto touched = c->touch("key", later());
  EXPECT_EQ(touched.status, touch_status::unknown);
  EXPECT_EQ(touched.why.code, errc::store_closed);
  const auto removed = c->remove("key");
  EXPECT_EQ(removed.status, remove_status::unknown);
  EXPECT_EQ(removed.why.code, errc::store_closed);
  const auto can = c->raw().capabilities();
  const auto index = can.owner_index ? errc::store_closed : errc::store_unsupported;
  EXPECT_EQ(c->owned_by("alice").why.code, index);
  EXPECT_EQ(c->remove_owner("alice").why.code, index);
  const auto listing = can.scan ? errc::store_closed : errc::store_unsupported;
  EXPECT_EQ(c->clear().why.code, listing);
  EXPECT_EQ(c->scan("", 10).why.code, listing);
  EXPECT_EQ(c->prune(10).why.code, errc::store_closed);
  EXPECT_EQ(c->stats().why.code, errc::store_closed);
  const auto health = c->health();
  EXPECT_FALSE(health.known);
  EXPECT_EQ(health.why.code, errc::store_closed);
}

TEST_P(StoreContract, CloseTwiceIsCloseOnce) {
  c->close();
  c->close();
  EXPECT_EQ(c->get("key").why.code, errc::store_closed);
}

TEST_P(StoreContract, CloseEndsOneClientAlone) {
  auto other = open_client();
  (void)c->put("key", "value", later());
  c->close();
  EXPECT_EQ(other.get("key").value.bytes, "value");
  EXPECT_EQ(open_client().get("key").value.bytes, "value");
}

TEST_P(StoreContract, WhatIsInFlightAtCloseCompletesOnce) {
  pending<get_result> got;
  pending<put_result> put;
  c->raw().get("key", got.slot());
  c->raw().put("key", "value", later(), expectation::anything(), {}, put.slot());
  const bool got_inside = got.done;
  const bool put_inside = put.done;
  EXPECT_TRUE(c->raw().capabilities().needs_loop || (got_inside && put_inside));
  c->close();
  if (!got.done) place->run_until(got.done);
  if (!put.done) place->run_until(put.done);
  EXPECT_EQ(got.completions, 1);
  EXPECT_EQ(put.completions, 1);
  if (!got_inside) {
    EXPECT_EQ(got.value.status, get_status::unknown);
    EXPECT_EQ(got.value.why.code, errc::store_closed);
  }
  if (!put_inside) {
    EXPECT_EQ(put.value.status, put_status::unknown);
    EXPECT_EQ(put.value.why.code, errc::store_closed);
  }
}

}  // namespace
}  // namespace coatcheck::contract
