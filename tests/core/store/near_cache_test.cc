// The near-cache's rules, each race by itself: what is under way is answered in the order that the test says.
#include "store/layers/near_cache.hpp"

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "contract/store_contract.hpp"
#include "support/near_stubs.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::held_store;
using coatcheck_test::still_driver;
using coatcheck_test::told_source;
using contract::pending;

const etag one("0000000000000001");
const etag two("0000000000000002");

get_result found(std::string bytes, const etag& tag, epoch_ms until) {
  get_result out;
  out.status = get_status::found;
  out.value = {std::move(bytes), tag, until};
  return out;
}
get_result absent() {
  get_result out;
  out.status = get_status::absent;
  return out;
}
put_result stored(const etag& tag) {
  put_result out;
  out.status = put_status::stored;
  out.tag = tag;
  return out;
}

class NearCache : public testing::Test {
 protected:
  void SetUp() override { source->come_back(loop.at); }

  [[nodiscard]] epoch_ms later() const { return time.now() + 60'000; }
  // Starts a read; the answer, if it was given at once, is there.
  std::unique_ptr<pending<get_result>> read(std::string_view key = "key") {
    auto made = std::make_unique<pending<get_result>>();
    cache->get(key, made->slot());
    return made;
  }
  // Puts a value into the cache, by a read.
  void warm(std::string bytes, const etag& tag = one, std::string_view key = "key") {
    const auto got = read(key);
    ASSERT_FALSE(got->done) << "it was warm already";
    below->gets.back().answer(found(std::move(bytes), tag, later()));
    below->gets.pop_back();
  }
  // What a read is answered with inside the call; "": the store is asked.
  std::string here(std::string_view key = "key") {
    const auto got = read(key);
    if (got->done) return got->value.status == get_status::found ? got->value.value.bytes : "(absent)";
    below->gets.back().answer({});
    below->gets.pop_back();
    return {};
  }
  std::unique_ptr<pending<put_result>> put(std::string_view bytes, std::string_view key = "key") {
    auto made = std::make_unique<pending<put_result>>();
    cache->put(key, bytes, later(), expectation::anything(), {}, made->slot());
    return made;
  }

  manual_clock time;
  still_driver loop;
  std::shared_ptr<held_store> below = std::make_shared<held_store>();
  std::shared_ptr<told_source> source = std::make_shared<told_source>();
  std::shared_ptr<near_cache> cache =
      std::make_shared<near_cache>(below, source, near_cache_options{std::size_t{1} << 20, 2000}, loop, time);
};

TEST_F(NearCache, AnswersAWarmReadInsideTheCall) {
  warm("v1");
  const auto got = read();
  ASSERT_TRUE(got->done);
  EXPECT_EQ(got->value.value.bytes, "v1");
  EXPECT_EQ(got->value.value.tag, one);
  EXPECT_EQ(got->value.value.expires_at, later());
  EXPECT_TRUE(below->gets.empty());
  EXPECT_EQ(cache->figures().hits, 1U);
  EXPECT_EQ(cache->figures().misses, 1U);
}

TEST_F(NearCache, DropsWhatTheServerSaysHasChanged) {
  warm("v1");
  source->listener->on_changed("another");
  EXPECT_EQ(here(), "v1");
  source->listener->on_changed("key");
  EXPECT_EQ(here(), "");
  EXPECT_EQ(cache->figures().invalidations, 2U);
}

TEST_F(NearCache, DoesNotKeepAnAnswerWhoseKeyChangedWhileItWasUnderWay) {
  const auto got = read();
  source->listener->on_changed("key");
  below->gets.front().answer(found("old", one, later()));
  below->gets.clear();
  EXPECT_EQ(got->value.value.bytes, "old") << "the caller gets it: it was asked for before the change was told";
  EXPECT_EQ(here(), "");
}

// The old flight's answer comes after a new flight has begun, before and after its answer.
TEST_F(NearCache, AnOldFlightNeverFillsForANewOne) {
  for (const bool old_first : {true, false}) {
    const auto old_read = read();
    source->listener->on_changed("key");
    const auto new_read = read();
    ASSERT_EQ(below->gets.size(), 2U) << "a read after the change must not join one from before it";
    below->gets[old_first ? 0 : 1].answer(found(old_first ? "old" : "new", old_first ? one : two, later()));
    EXPECT_EQ(old_read->done, old_first);
    below->gets[old_first ? 1 : 0].answer(found(old_first ? "new" : "old", old_first ? two : one, later()));
    EXPECT_EQ(old_read->value.value.bytes, "old");
    EXPECT_EQ(new_read->value.value.bytes, "new");
    below->gets.clear();
    EXPECT_EQ(here(), "new");
    source->listener->on_changed("key");
  }
}

TEST_F(NearCache, AnEmptiedServerVoidsWhatIsKeptAndWhatIsUnderWay) {
  warm("v1");
  const auto got = read("other");
  source->listener->on_gap();
  below->gets.front().answer(found("old", one, later()));
  below->gets.clear();
  EXPECT_EQ(got->value.value.bytes, "old");
  EXPECT_EQ(here("other"), "");
  EXPECT_EQ(here(), "");
}

TEST_F(NearCache, WhileNobodyTellsOfChangesEachReadAsksTheStoreAndNothingIsKept) {
  warm("v1");
  const auto across = read("other");  // begun before, answered after
  source->lose();
  EXPECT_EQ(here(), "");
  const auto meanwhile = read("third");
  const auto again = read("third");
  ASSERT_EQ(below->gets.size(), 3U) << "reads are not shared either";
  source->come_back(loop.at);
  for (auto& one_get : below->gets) one_get.answer(found("old", one, later()));
  below->gets.clear();
  EXPECT_EQ(here("other"), "");
  EXPECT_EQ(here("third"), "");
  EXPECT_EQ(here(), "");
  warm("v2", two);
  EXPECT_EQ(here(), "v2");
}

TEST_F(NearCache, AnswersOnlyWhileTheServerWasHeardRecently) {
  warm("v1");
  loop.at += 1999;
  EXPECT_EQ(here(), "v1");
  loop.at += 1;
  EXPECT_EQ(here(), "");
  EXPECT_EQ(cache->figures().lease_refusals, 1U);
  source->told = loop.at - 1;
  EXPECT_EQ(here(), "v1") << "every change until a moment ago was told: it is as good as before";
}

TEST_F(NearCache, ReadsOfOneKeyAtOnceAreOneRead) {
  const auto first = read();
  const auto second = read();
  const auto third = read();
  ASSERT_EQ(below->gets.size(), 1U);
  below->gets.front().answer(found("v1", one, later()));
  for (const auto* got : {first.get(), second.get(), third.get()}) {
    EXPECT_EQ(got->completions, 1);
    EXPECT_EQ(got->value.value.bytes, "v1");
  }
  EXPECT_EQ(cache->figures().joined, 2U);
  below->gets.clear();
  EXPECT_EQ(here(), "v1");
}

TEST_F(NearCache, DoesNotJoinAReadThatIsOlderThanItsAnswerMayBe) {
  const auto first = read();
  loop.at += 2000;
  source->told = loop.at;
  const auto second = read();
  EXPECT_EQ(below->gets.size(), 2U);
  for (auto& one_get : below->gets) one_get.answer(absent());
}

TEST_F(NearCache, KeepsForAMomentThatAKeyIsAbsent) {
  const auto got = read();
  below->gets.front().answer(absent());
  below->gets.clear();
  EXPECT_EQ(here(), "(absent)");
  source->listener->on_changed("key");
  EXPECT_EQ(here(), "");
  const auto again = read();
  below->gets.front().answer(absent());
  below->gets.clear();
  loop.at += 1000;
  source->told = loop.at;
  EXPECT_EQ(here(), "") << "an absence is not worth long trust";
}

TEST_F(NearCache, NeverKeepsAnOutcomeThatIsUnknown) {
  const auto got = read();
  below->gets.front().answer({});
  below->gets.clear();
  EXPECT_EQ(got->value.status, get_status::unknown);
  EXPECT_EQ(here(), "");
}

TEST_F(NearCache, AnEntryEndsAtItsOwnTimeAndTheStoreDecides) {
  warm("v1");
  time.advance(60'000);
  EXPECT_EQ(here(), "") << "another process may have moved the deadline";
}

// A write of this process: its own reads see nothing older, from when it is sent.
TEST_F(NearCache, AnOwnWriteIsSeenByOwnReads) {
  warm("v1");
  const auto before = read("key2");
  const auto written = put("v2");
  EXPECT_EQ(here(), "") << "it may have taken effect";
  below->puts.front().answer(stored(two));
  EXPECT_EQ(written->value.status, put_status::stored);
  EXPECT_EQ(here(), "v2") << "and is kept with its new tag";
  EXPECT_EQ(read()->value.value.tag, two);
  below->gets.front().answer(absent());
}

TEST_F(NearCache, AReadAcrossAnOwnWriteIsNotKept) {
  for (const bool read_first : {true, false}) {
    const auto got = read();
    const auto written = put("v2");
    if (read_first) below->gets.front().answer(found("v1", one, later()));
    below->puts.front().answer(stored(two));
    if (!read_first) below->gets.front().answer(found("v1", one, later()));
    below->gets.clear();
    below->puts.clear();
    EXPECT_EQ(here(), "v2");
    source->listener->on_changed("key");
  }
}

TEST_F(NearCache, AReadThatBeganDuringAnOwnWriteIsNotKept) {
  const auto written = put("v2");
  const auto got = read();
  below->puts.front().answer(stored(two));
  below->gets.front().answer(found("v1", one, later()));
  below->gets.clear();
  EXPECT_EQ(got->value.value.bytes, "v1");
  EXPECT_EQ(here(), "v2");
}

TEST_F(NearCache, OfTwoOwnWritesAtOnceNeitherIsKept) {
  const auto first = put("v1");
  const auto second = put("v2");
  below->puts[1].answer(stored(two));
  EXPECT_EQ(here(), "");
  below->puts[0].answer(stored(one));
  EXPECT_EQ(here(), "");
}

TEST_F(NearCache, AnOwnWriteWhoseKeyChangedMeanwhileIsNotKept) {
  const auto written = put("v2");
  source->listener->on_changed("key");
  below->puts.front().answer(stored(two));
  EXPECT_EQ(here(), "");
}

TEST_F(NearCache, AWriteWhoseOutcomeIsUnknownLeavesNothing) {
  warm("v1");
  const auto written = put("v2");
  below->puts.front().answer({});
  EXPECT_EQ(here(), "");
}

TEST_F(NearCache, AConflictTellsWhatIsThere) {
  warm("v1");
  const auto written = put("v2");
  put_result lost;
  lost.status = put_status::conflict;
  lost.current = {"theirs", two, later()};
  below->puts.front().answer(std::move(lost));
  EXPECT_EQ(written->value.current.bytes, "theirs");
  EXPECT_EQ(here(), "theirs");
}

// A server that tells of every change, whoever's it is.
class NearCacheWithEchoes : public NearCache {
 protected:
  void SetUp() override {
    NearCache::SetUp();
    source->echoes = true;
  }
  void told() { source->listener->on_changed("key"); }
  // A put from its start to its answer, with so many messages meanwhile.
  void write(std::string_view bytes, const etag& tag, int messages = 0) {
    const auto written = put(bytes);
    for (int i = 0; i < messages; ++i) told();
    below->puts.front().answer(stored(tag));
    below->puts.pop_front();
    EXPECT_EQ(written->value.status, put_status::stored);
  }
};

TEST_F(NearCacheWithEchoes, AnOwnWriteIsReadBackBeforeAndAfterTheServerHasToldOfIt) {
  write("v2", two);
  EXPECT_EQ(here(), "v2");
  EXPECT_EQ(read()->value.value.tag, two);
  told();
  EXPECT_EQ(here(), "v2");
  EXPECT_EQ(cache->figures().echoes, 1U);
  told();
  EXPECT_EQ(here(), "") << "that was another's";
  write("v3", one, 1);
  EXPECT_EQ(here(), "v3") << "the message was quicker than the answer";
  told();
  EXPECT_EQ(here(), "");
  write("v4", two, 2);
  EXPECT_EQ(here(), "") << "one of the two was another's";
}

// The message may have told of another's write of the same moment as well.
TEST_F(NearCacheWithEchoes, AnOwnWriteIsNeverTrustedForLongerThanMaxStale) {
  for (const int messages : {0, 1}) {
    write("v2", two, messages);
    loop.at += 1999;
    source->told = loop.at;
    EXPECT_EQ(here(), "v2");
    loop.at += 1;
    source->told = loop.at;
    EXPECT_EQ(here(), "");
  }
}

TEST_F(NearCacheWithEchoes, EchoesOfEarlierWritesAreWaitedForAsWell) {
  write("v1", one);
  write("v2", two);
  write("v3", one);
  for (int i = 0; i < 3; ++i) told();
  EXPECT_EQ(here(), "v3");
  told();
  EXPECT_EQ(here(), "");
  write("v4", two);
  write("v5", one, 2);
  EXPECT_EQ(here(), "v5");
  told();
  EXPECT_EQ(here(), "");
}

TEST_F(NearCacheWithEchoes, AReadUnderWayWhileAnEchoComesIsNotKept) {
  write("v2", two);
  source->told = change_source::never;  // so that it is asked
  const auto got = read();
  source->told = loop.at;
  told();
  below->gets.front().answer(found("v2", two, later()));
  below->gets.clear();
  EXPECT_EQ(here(), "v2") << "what was written is still good for a while";
  loop.at += 2000;
  source->told = loop.at;
  EXPECT_EQ(here(), "") << "and nothing that was read beside a message is";
}

TEST_F(NearCacheWithEchoes, AConflictBesideAMessageTellsNothing) {
  const auto written = put("v2");
  told();
  put_result lost;
  lost.status = put_status::conflict;
  lost.current = {"theirs", two, later()};
  below->puts.front().answer(std::move(lost));
  EXPECT_EQ(here(), "");
}

TEST_F(NearCacheWithEchoes, AnOwnersRemovalEndsWhatWasWrittenBesideIt) {
  const auto written = put("v2");
  pending<count_result> removed;
  cache->remove_owner("ada", {}, removed.slot());
  below->puts.front().answer(stored(two));
  below->puts.clear();
  below->counts.front().answer({true, 1, {}});
  source->told = loop.at;
  told();  // of both, if they came to the server in one turn
  EXPECT_EQ(here(), "");
  write("v3", one);
  EXPECT_EQ(here(), "v3") << "and nothing else";
}

TEST_F(NearCacheWithEchoes, AGapEndsWhatWasWritten) {
  write("v2", two);
  source->listener->on_gap();
  EXPECT_EQ(here(), "");
  const auto written = put("v3");
  source->listener->on_gap();
  below->puts.front().answer(stored(two));
  EXPECT_EQ(here(), "");
}

TEST_F(NearCache, ATouchMovesTheDeadlineOfWhatIsKept) {
  warm("v1");
  pending<touch_result> touched;
  const epoch_ms until = time.now() + 3'600'000;
  cache->touch("key", until, touched.slot());
  EXPECT_EQ(here(), "v1") << "bytes and tag stay";
  touch_result ok;
  ok.status = touch_status::touched;
  below->touches.front().answer(std::move(ok));
  EXPECT_EQ(read()->value.value.expires_at, until);
  time.advance(3'599'999);
  EXPECT_EQ(here(), "v1");
  time.advance(1);
  EXPECT_EQ(here(), "");
}

TEST_F(NearCache, ATouchThatMayHaveEndedTheSessionLeavesNothing) {
  for (const auto status : {touch_status::gone, touch_status::unknown}) {
    warm("v1");
    pending<touch_result> touched;
    cache->touch("key", time.now() + 3'600'000, touched.slot());
    touch_result over;
    over.status = status;
    below->touches.front().answer(std::move(over));
    below->touches.clear();
    EXPECT_EQ(here(), "");
  }
  warm("v1");
  pending<touch_result> ended;
  cache->touch("key", time.now() - 1, ended.slot());
  EXPECT_EQ(here(), "") << "a touch that shortens its life";
  below->touches.front().answer({});
}

TEST_F(NearCache, ARemovedKeyIsGoneAtOnceAndNoReadBringsItBack) {
  warm("v1");
  source->listener->on_changed("key");
  const auto across = read();
  pending<remove_result> removed;
  cache->remove("key", removed.slot());
  below->gets.front().answer(found("v1", one, later()));
  below->gets.clear();
  EXPECT_EQ(here(), "");
  remove_result done;
  done.status = remove_status::removed;
  below->removes.front().answer(std::move(done));
  EXPECT_EQ(removed.value.status, remove_status::removed);
  EXPECT_EQ(here(), "");
}

TEST_F(NearCache, AfterAnOwnersSessionsWereRemovedNothingIsAnsweredUntilTheServerHasToldAll) {
  warm("v1");
  pending<count_result> removed;
  cache->remove_owner("ada", {}, removed.slot());
  below->counts.front().answer({true, 1, {}});
  EXPECT_TRUE(removed.done);
  EXPECT_EQ(here(), "");
  source->listener->on_changed("key");
  source->told = loop.at;
  EXPECT_EQ(here(), "");
}

TEST_F(NearCache, ClearLeavesNothing) {
  warm("v1");
  pending<count_result> cleared;
  cache->clear(cleared.slot());
  EXPECT_EQ(here(), "");
  below->counts.front().answer({true, 1, {}});
  EXPECT_EQ(here(), "");
}

TEST_F(NearCache, KeepsWithinItsBytesAndKeepsWhatIsAskedFor) {
  warm("hot", one, "hot");
  for (int i = 0; i < 5000; ++i) {
    warm(std::string(1000, 'x'), one, "key" + std::to_string(i));
    ASSERT_EQ(here("hot"), "hot");
    ASSERT_LE(cache->figures().bytes, std::size_t{1} << 20);
  }
  const auto now = cache->figures();
  EXPECT_GT(now.entries, 500U);
  EXPECT_GT(now.evictions, 3000U);
  warm(std::string(std::size_t{1} << 19, 'x'), one, "large");
  EXPECT_EQ(here("large"), "") << "one session does not push out all others";
}

TEST_F(NearCache, AReadUnderWayOutlivesEveryEviction) {
  const auto slow = read("slow");
  for (int i = 0; i < 3000; ++i) warm(std::string(1000, 'x'), one, "key" + std::to_string(i));
  source->listener->on_changed("slow");
  below->gets.front().answer(found("old", one, later()));
  below->gets.clear();
  EXPECT_EQ(here("slow"), "");
}

TEST_F(NearCache, AnswersMayLetGoOfTheStore) {
  warm("v1");
  struct context {
    std::shared_ptr<near_cache>* cache;
    int ended = 0;
  } mine{&cache};
  const auto drop = [](void* at, get_result&&) {
    auto& self = *static_cast<context*>(at);
    self.cache->reset();
    ++self.ended;
  };
  cache->get("other", completion<get_result>(drop, &mine));
  cache->get("other", completion<get_result>(drop, &mine));
  cache->get("key", completion<get_result>(drop, &mine));
  EXPECT_EQ(mine.ended, 1);
  EXPECT_FALSE(cache);
  below->gets.front().answer(absent());
  EXPECT_EQ(mine.ended, 3);
}

TEST_F(NearCache, FiguresComeWithTheStoresOwn) {
  warm("v1");
  source->lose();
  pending<stats_result> got;
  cache->stats(got.slot());
  ASSERT_TRUE(got.done);
  ASSERT_TRUE(got.value.near);
  EXPECT_EQ(got.value.near->misses, 1U);
  EXPECT_EQ(got.value.near->max_bytes, std::size_t{1} << 20);
  EXPECT_FALSE(got.value.near->trouble.empty());
}

TEST(OpenNearCache, TakesItsOptionsFromTheUrlOrByTheirNamesAndRefusesTheRest) {
  still_driver loop;
  const auto open = [&](std::string_view url, std::optional<near_cache_options> near = {}) {
    auto opened = open_store(url, {.loop = &loop, .near_cache = near});
    return opened ? std::string() : opened.error().message;
  };
  EXPECT_EQ(open("redis://localhost?near_cache=1000000"), "");
  EXPECT_EQ(open("redis://localhost?near_cache=1000000&max_stale=500"), "");
  EXPECT_EQ(open("redis://localhost", near_cache_options{1'000'000, 500}), "");
  EXPECT_NE(open("redis://localhost?near_cache=1000"), "");
  EXPECT_NE(open("redis://localhost?near_cache=1000000&max_stale=1"), "");
  EXPECT_NE(open("redis://localhost?max_stale=500"), "");
  EXPECT_NE(open("redis://localhost?near_cache=1000000", near_cache_options{1'000'000, 500}), "");
  EXPECT_NE(open("redis://localhost?layout=connect-redis&near_cache=1000000"), "");
  EXPECT_NE(open("redis://localhost", near_cache_options{1000, 500}), "");
  EXPECT_NE(open("redis://localhost", near_cache_options{1'000'000, 60'001}), "");
  EXPECT_NE(open("memory:", near_cache_options{1'000'000, 500}), "");
  EXPECT_NE(open("memory:?near_cache=1000000"), "");
}

}  // namespace
}  // namespace coatcheck
