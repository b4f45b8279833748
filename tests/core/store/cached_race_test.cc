// Cache-aside, step by step: each way in which two reads and writes, of one process or of two that share the cache, can
// come between each other.
#include <gtest/gtest.h>

#include "support/held_tiers.hpp"

namespace coatcheck::held {
namespace {

struct CachedRaces : testing::Test {
  held_places places;
  held_process a{places};
  held_process b{places};
  etag first;

  // A session in the origin, of which the cache knows nothing.
  void SetUp() override {
    places.in_origin->entries["key"] = {"one", etag("1111111111111111"), a.later(), "ann"};
    first = etag("1111111111111111");
  }
};

TEST_F(CachedRaces, AReadFillsTheCacheAndTheNextOneIsAHit) {
  const auto got = a.get("key");
  ASSERT_EQ(got.status, get_status::found);
  EXPECT_EQ(got.value.tag, first) << "the origin's etag";
  EXPECT_EQ(places.slot("key"), 'v');
  pending<get_result> again;
  b.tier->get("key", again.slot());
  EXPECT_TRUE(b.c("get"));
  ASSERT_TRUE(again.done) << "the origin was asked";
  EXPECT_EQ(again.value.value.bytes, "one");
  EXPECT_EQ(again.value.value.tag, first);
  EXPECT_EQ(again.value.value.expires_at, got.value.expires_at);
  EXPECT_EQ(b.tier->counts().hits, 1U);
}

TEST_F(CachedRaces, AReadIsAnsweredBeforeTheCacheIsFilled) {
  pending<get_result> got;
  a.tier->get("key", got.slot());
  EXPECT_TRUE(a.c("get"));
  EXPECT_TRUE(a.o("get"));
  EXPECT_TRUE(got.done);
  EXPECT_EQ(places.slot("key"), '-');
  EXPECT_TRUE(a.c("put"));
  EXPECT_EQ(places.slot("key"), 'v');
}

// A stampede: one read of the cache and one of the origin, also for those who come while the cache is being filled.
TEST_F(CachedRaces, AThousandReadsAreOneReadOfTheOrigin) {
  std::vector<pending<get_result>> reads(1000);
  for (std::size_t i = 0; i < 400; ++i) a.tier->get("key", reads[i].slot());
  EXPECT_EQ(a.cache->calls.size(), 1U);
  EXPECT_TRUE(a.c("get"));
  for (std::size_t i = 400; i < 700; ++i) a.tier->get("key", reads[i].slot());
  EXPECT_EQ(a.origin->calls.size(), 1U);
  EXPECT_TRUE(a.o("get"));
  for (std::size_t i = 700; i < 900; ++i) a.tier->get("key", reads[i].slot());
  EXPECT_TRUE(a.c("put"));
  for (std::size_t i = 900; i < 1000; ++i) a.tier->get("key", reads[i].slot());
  EXPECT_EQ(a.cache->calls.size(), 1U);
  a.settle();
  for (const auto& one : reads) {
    ASSERT_EQ(one.completions, 1);
    EXPECT_EQ(one.value.value.bytes, "one");
  }
  EXPECT_EQ(a.tier->counts().misses, 1U);
  EXPECT_EQ(a.tier->counts().fills, 1U);
}

// How a write goes in between a slow read of another process, at each of its steps.
enum class step { before_cache, before_origin, before_fill };
void run_until(held_process& in, step at) {
  if (at != step::before_cache) {
    EXPECT_TRUE(in.c("get"));
  }
  if (at == step::before_fill) {
    EXPECT_TRUE(in.o("get"));
  }
}

TEST_F(CachedRaces, ASlowReadBringsNothingBackThatAnotherProcessRemoved) {
  for (const auto filled : {false, true}) {
    for (const auto at : {step::before_cache, step::before_origin, step::before_fill}) {
      for (const bool same_process : {false, true}) {
        SCOPED_TRACE(std::to_string(static_cast<int>(at)) + (filled ? " filled" : "") + (same_process ? " same" : ""));
        SetUp();
        places.in_cache->entries.clear();
        if (filled) {  // a copy that is too old to be a hit
          (void)b.get("key");
          places.time.advance(61'000);
        }
        held_process& remover = same_process ? a : b;
        pending<get_result> slow;
        a.tier->get("key", slow.slot());
        run_until(a, at);
        pending<remove_result> removed;
        remover.tier->remove("key", removed.slot());
        EXPECT_TRUE(remover.o("remove"));
        EXPECT_FALSE(removed.done) << "the cache does not know of it yet";
        while (!removed.done && remover.c("put")) {  // in the same process, behind the fill
        }
        ASSERT_TRUE(removed.done);
        EXPECT_EQ(removed.value.status, remove_status::removed);
        a.settle();
        b.settle();
        EXPECT_TRUE(slow.done);
        EXPECT_NE(places.slot("key"), 'v');
        EXPECT_EQ(a.get("key").status, get_status::absent);
        EXPECT_EQ(b.get("key").status, get_status::absent);
      }
    }
  }
}

// The read's fill and the remove's mark, in the other order: the fill is there first.
TEST_F(CachedRaces, AFillBeforeTheMarkIsReplacedByIt) {
  pending<get_result> slow;
  a.tier->get("key", slow.slot());
  run_until(a, step::before_fill);
  pending<remove_result> removed;
  b.tier->remove("key", removed.slot());
  EXPECT_TRUE(b.o("remove"));
  EXPECT_TRUE(a.c("put"));
  EXPECT_EQ(places.slot("key"), 'v') << "the remove is not acknowledged";
  EXPECT_TRUE(b.c("put"));
  EXPECT_TRUE(removed.done);
  EXPECT_EQ(a.get("key").status, get_status::absent);
}

TEST_F(CachedRaces, ASlowReadNeverReplacesANewerWrite) {
  for (const auto at : {step::before_cache, step::before_origin, step::before_fill}) {
    for (const auto& expect : {expectation::version(first), expectation::anything()}) {
      SetUp();
      places.in_cache->entries.clear();
      pending<get_result> slow;
      a.tier->get("key", slow.slot());
      run_until(a, at);
      EXPECT_EQ(b.put("key", "two", expect).status, put_status::stored);
      a.settle();
      EXPECT_TRUE(slow.done);
      EXPECT_EQ(a.get("key").value.bytes, "two");
      EXPECT_EQ(b.get("key").value.bytes, "two");
      EXPECT_EQ(places.copy("key"), "two");
    }
  }
}

// A mark that a read has seen does not let it put what it read before a write that came after.
TEST_F(CachedRaces, AReadThatSawAMarkBringsNothingBack) {
  (void)b.remove("other");
  for (const bool removes : {false, true}) {
    SetUp();
    places.in_cache->entries["ct-key"] = {std::string(cached_entry::mark), etag("mark"), places.time.now() + 60'000,
                                          ""};
    pending<get_result> slow;
    a.tier->get("key", slow.slot());
    run_until(a, step::before_fill);
    if (removes) {
      EXPECT_EQ(b.remove("key").status, remove_status::removed);
    } else {
      EXPECT_EQ(b.put("key", "two", expectation::version(first)).status, put_status::stored);
    }
    a.settle();
    EXPECT_NE(places.copy("key"), "one");
    EXPECT_EQ(a.get("key").status, removes ? get_status::absent : get_status::found);
  }
}

TEST_F(CachedRaces, TwoWritersLeaveTheLaterVersionWhicheverTellsTheCacheLast) {
  for (const bool later_first : {false, true}) {
    for (const bool filled : {false, true}) {
      SetUp();
      places.in_cache->entries.clear();
      if (filled) (void)a.get("key");
      pending<put_result> one;
      pending<put_result> two;
      a.tier->put("key", "two", a.later(), expectation::version(first), {}, one.slot());
      EXPECT_TRUE(a.o("put"));
      const etag second = places.in_origin->find("key")->tag;
      b.tier->put("key", "three", b.later(), expectation::version(second), {}, two.slot());
      EXPECT_TRUE(b.o("put"));
      (later_first ? b : a).settle();
      (later_first ? a : b).settle();
      EXPECT_EQ(one.value.status, put_status::stored);
      EXPECT_EQ(two.value.status, put_status::stored);
      EXPECT_NE(places.copy("key"), "two");
      EXPECT_EQ(a.get("key").value.bytes, "three");
      EXPECT_EQ(b.get("key").value.bytes, "three");
    }
  }
}

TEST_F(CachedRaces, AWriteAndARemoveLeaveNothingWhicheverTellsTheCacheLast) {
  for (const bool remove_first : {false, true}) {
    SetUp();
    places.in_cache->entries.clear();
    (void)a.get("key");
    pending<put_result> put;
    pending<remove_result> removed;
    a.tier->put("key", "two", a.later(), expectation::version(first), {}, put.slot());
    EXPECT_TRUE(a.o("put"));
    b.tier->remove("key", removed.slot());
    EXPECT_TRUE(b.o("remove"));
    (remove_first ? b : a).settle();
    (remove_first ? a : b).settle();
    EXPECT_TRUE(put.done && removed.done);
    EXPECT_EQ(a.get("key").status, get_status::absent);
    EXPECT_NE(places.slot("key"), 'v');
  }
}

// A session that was removed and, under the same key, created by someone whose news of it comes late.
TEST_F(CachedRaces, ACreationThatTellsTheCacheLateBringsNothingBack) {
  pending<put_result> made;
  a.tier->put("new", "n", a.later(), expectation::nothing(), {}, made.slot());
  EXPECT_TRUE(a.o("put"));
  EXPECT_EQ(b.remove("new").status, remove_status::removed);
  EXPECT_EQ(b.get("new").status, get_status::absent);  // the mark is replaced by "absent"
  a.settle();
  EXPECT_TRUE(made.done);
  EXPECT_EQ(a.get("new").status, get_status::absent);
}

TEST_F(CachedRaces, AReadOfThisProcessThatBeganBeforeAWriteIsNotJoinedAfterIt) {
  pending<get_result> before;
  a.tier->get("key", before.slot());
  run_until(a, step::before_origin);
  const auto read = a.origin->next("get");
  a.origin->apply(read);  // it has read "one", and the answer is under way
  pending<put_result> put;
  a.tier->put("key", "two", a.later(), expectation::version(first), {}, put.slot());
  EXPECT_TRUE(a.o("put"));
  while (a.c("put") || a.c("get")) {
  }
  ASSERT_TRUE(put.done);
  pending<get_result> after;
  a.tier->get("key", after.slot());
  a.settle();
  EXPECT_EQ(before.value.value.bytes, "one");
  EXPECT_EQ(after.value.value.bytes, "two");
  EXPECT_EQ(a.get("key").value.bytes, "two");
}

TEST_F(CachedRaces, AConflictGivesTheCacheWhatIsThere) {
  (void)a.get("key");
  // Another program writes past the cache.
  places.in_origin->entries["key"] = {"theirs", etag("2222222222222222"), a.later(), ""};
  const auto conflict = a.put("key", "mine", expectation::version(first));
  ASSERT_EQ(conflict.status, put_status::conflict);
  EXPECT_EQ(conflict.current.bytes, "theirs");
  EXPECT_EQ(places.copy("key"), "theirs");
  EXPECT_EQ(a.put("key", "mine", expectation::version(conflict.current.tag)).status, put_status::stored);
  EXPECT_EQ(places.copy("key"), "mine");
}

TEST_F(CachedRaces, AWriteThatIsUnknownLeavesNoCopy) {
  const error down{errc::store_timeout, "down"};
  for (const bool happened : {false, true}) {
    SetUp();
    (void)a.get("key");
    ASSERT_EQ(places.slot("key"), 'v');
    pending<put_result> put;
    a.tier->put("key", "two", a.later(), expectation::version(first), {}, put.slot());
    const auto call = a.origin->next("put");
    if (happened) a.origin->apply(call);
    a.origin->answer(call, &down);
    a.settle();
    EXPECT_EQ(put.value.status, put_status::unknown);
    EXPECT_EQ(put.value.why.code, errc::store_timeout);
    EXPECT_EQ(places.slot("key"), 'd');
    EXPECT_EQ(a.get("key").value.bytes, happened ? "two" : "one");
    places.in_cache->entries.clear();
  }
}

TEST_F(CachedRaces, ATouchMovesTheCopysDeadlineAndKeepsItsEtag) {
  (void)a.get("key");
  const auto until = a.later() + 777'000;
  EXPECT_EQ(b.touch("key", until).status, touch_status::touched);
  EXPECT_EQ(places.slot("key"), 'v');
  pending<get_result> hit;
  a.tier->get("key", hit.slot());
  EXPECT_TRUE(a.c("get"));
  ASSERT_TRUE(hit.done);
  EXPECT_EQ(hit.value.value.expires_at, until);
  EXPECT_EQ(hit.value.value.tag, first);
}

TEST_F(CachedRaces, ATouchDuringAWriteKeepsTheNewerBytes) {
  for (const bool touch_tells_last : {false, true}) {
    SetUp();
    places.in_cache->entries.clear();
    (void)a.get("key");
    pending<touch_result> touched;
    pending<put_result> put;
    b.tier->touch("key", b.later() + 1000, touched.slot());
    EXPECT_TRUE(b.c("get"));
    a.tier->put("key", "two", a.later(), expectation::version(first), {}, put.slot());
    EXPECT_TRUE(a.o("put"));
    EXPECT_TRUE(b.o("touch"));
    (touch_tells_last ? a : b).settle();
    (touch_tells_last ? b : a).settle();
    EXPECT_EQ(touched.value.status, touch_status::touched);
    EXPECT_NE(places.copy("key"), "one");
    EXPECT_EQ(a.get("key").value.bytes, "two");
  }
}

TEST_F(CachedRaces, WhatAnOwnerHadIsGoneFromTheCacheOfEverybody) {
  (void)a.put("k1", "v", expectation::nothing(), "ann");
  (void)a.put("k2", "v", expectation::nothing(), "ann");
  (void)a.put("k3", "v", expectation::nothing(), "bob");
  pending<get_result> slow;
  b.tier->get("k1", slow.slot());
  EXPECT_TRUE(b.c("get"));
  const auto removed = a.to_end<count_result>([&](auto done) { a.tier->remove_owner("ann", "k2", done); });
  ASSERT_TRUE(removed.known) << removed.why.message;
  EXPECT_EQ(removed.count, 2U);  // with the one of SetUp
  b.settle();
  EXPECT_EQ(b.get("k1").status, get_status::absent);
  EXPECT_EQ(b.get("key").status, get_status::absent);
  EXPECT_EQ(places.slot("k2"), 'v');
  EXPECT_EQ(places.slot("k3"), 'v');
}

// Empty slots say nothing after a while: what a write left there may be over.
TEST_F(CachedRaces, AReadThatTookTooLongFillsNothing) {
  pending<get_result> slow;
  a.tier->get("key", slow.slot());
  run_until(a, step::before_origin);
  a.origin->apply(a.origin->next("get"));
  EXPECT_EQ(b.remove("key").status, remove_status::removed);
  places.time.advance(61'000);
  EXPECT_EQ(places.slot("key"), '-') << "the mark is over";
  a.origin->answer(a.origin->next("get"));
  a.settle();
  EXPECT_TRUE(slow.done);
  EXPECT_EQ(places.slot("key"), '-');
  EXPECT_EQ(a.get("key").status, get_status::absent);
}

}  // namespace
}  // namespace coatcheck::held
