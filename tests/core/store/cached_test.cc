// Cache-aside: lifetimes, outages of either store, what is in the cache that does not belong there, options and URLs.
#include <gtest/gtest.h>

#include "support/held_tiers.hpp"

namespace coatcheck::held {
namespace {

const error down{errc::store_unavailable, "down"};

struct Cached : testing::Test {
  held_places places;
  void SetUp() override { places.in_origin->entries["key"] = {"one", etag("1111111111111111"), later(), "ann"}; }
  [[nodiscard]] epoch_ms later() const { return places.time.now() + 3'600'000; }
  // Answers every call of this store with a failure.
  static void fail_all(held_store& in) {
    while (!in.calls.empty()) {
      const auto one = in.calls.front();
      in.drop(one);
      in.answer(one, &down);
    }
  }
};

// docs/formats.md, "Cache".
TEST(CachedEntry, IsWrittenAsDocumented) {
  using namespace std::string_literals;
  const epoch_ms at = 1'700'000'000'123;  // 0x018bcfe5687b
  cached_entry::value_text text("{}");
  EXPECT_EQ(text.with(at, 60'000, at + 5, etag("0123456789abcdef")),
            "{}0123456789abcdef\x10\x01\x8b\xcf\xe5\x68\x80\x00\x00\xea\x60\x01\x8b\xcf\xe5\x68\x7b"
            "ct1v"s);
  EXPECT_EQ(text.with(at, 0, 0, etag()),
            "{}\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x8b\xcf\xe5\x68\x7b"
            "ct1v"s);
  EXPECT_EQ(cached_entry::encode_absent(at, 1000), "ct1a\x01\x8b\xcf\xe5\x68\x7b\x00\x00\x03\xe8"s);
  EXPECT_EQ(cached_entry::mark, "ct1d");
  const std::string value(text.with(at, 60'000, latest_time, etag(std::string(20, 'e'))));
  const auto back = cached_entry::decode(value);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->read_at, at);
  EXPECT_EQ(back->expires_at, latest_time);
  EXPECT_EQ(back->tag, std::string(20, 'e'));
  EXPECT_EQ(back->bytes, "{}");
  for (std::size_t size = 0; size < value.size(); ++size) {
    EXPECT_FALSE(cached_entry::decode(value.substr(0, size))) << size;
  }
  for (std::size_t cut = 3; cut < value.size(); ++cut) EXPECT_FALSE(cached_entry::decode(value.substr(cut))) << cut;
  EXPECT_FALSE(cached_entry::decode("ct1d "));
}

TEST_F(Cached, ACopyIsBelievedForItsTtlAndNotLonger) {
  held_process a(places, {.ttl = 1000});
  (void)a.get("key");
  places.in_origin->entries["key"].bytes = "two";
  places.time.advance(899);  // at least nine tenths
  EXPECT_EQ(a.get("key").value.bytes, "one");
  places.time.advance(101);
  EXPECT_EQ(a.get("key").value.bytes, "two");
  EXPECT_EQ(a.get("key").value.bytes, "two");
  EXPECT_EQ(a.tier->counts().hits, 2U);
}

TEST_F(Cached, TtlsAreSpread) {
  held_process a(places, {.ttl = 100'000});
  std::set<duration_ms> lives;
  for (int i = 0; i < 50; ++i) {
    const auto key = "k" + std::to_string(i);
    (void)a.put(key, "v", expectation::nothing());
    const auto life = cached_entry::decode(places.in_cache->find("ct-" + key)->bytes)->life;
    EXPECT_GE(life, 90'000);
    EXPECT_LE(life, 100'000);
    lives.insert(life);
  }
  EXPECT_GT(lives.size(), 20U);
}

TEST_F(Cached, ACopyDoesNotOutliveItsSession) {
  held_process a(places);
  places.in_origin->entries["key"].expires_at = places.time.now() + 500;
  EXPECT_EQ(a.get("key").status, get_status::found);
  places.time.advance(499);
  EXPECT_EQ(a.get("key").status, get_status::found);
  places.time.advance(1);
  EXPECT_EQ(a.get("key").status, get_status::absent);
}

TEST_F(Cached, AbsentIsBelievedForAMoment) {
  held_process a(places, {.absent_ttl = 300});
  EXPECT_EQ(a.get("none").status, get_status::absent);
  EXPECT_EQ(places.slot("none"), 'a');
  // Another program writes past the cache.
  places.in_origin->entries["none"] = {"new", etag("x"), later(), ""};
  places.time.advance(299);
  EXPECT_EQ(a.get("none").status, get_status::absent);
  places.time.advance(1);
  EXPECT_EQ(a.get("none").status, get_status::found);
  // A creation through this store is seen at once.
  EXPECT_EQ(a.get("fresh").status, get_status::absent);
  EXPECT_EQ(a.put("fresh", "v", expectation::nothing()).status, put_status::stored);
  EXPECT_EQ(a.get("fresh").status, get_status::found);
}

TEST_F(Cached, AbsentIsNotKeptWhenItIsNotToBe) {
  held_process a(places, {.ttl = 10'000, .absent_ttl = 0});
  EXPECT_EQ(a.get("none").status, get_status::absent);
  EXPECT_EQ(places.slot("none"), '-');
  (void)a.get("key");
  places.in_origin->entries.clear();
  places.time.advance(20'000);
  EXPECT_EQ(a.get("key").status, get_status::absent);
  EXPECT_EQ(places.slot("key"), 'd') << "an old copy is no use to anybody";
}

TEST_F(Cached, AHitOfACacheThatAnswersAtOnceIsAnsweredAtOnce) {
  held_process a(places, {}, false, true);
  (void)a.get("key");
  pending<get_result> hit;
  a.tier->get("key", hit.slot());
  EXPECT_TRUE(hit.done);
  EXPECT_EQ(hit.value.value.bytes, "one");
  std::vector<pending<get_result>> reads(1000);
  places.in_cache->entries.clear();
  for (auto& one : reads) a.tier->get("key", one.slot());
  EXPECT_EQ(a.origin->calls.size(), 1U);
  a.settle();
  for (const auto& one : reads) EXPECT_EQ(one.completions, 1);
}

TEST_F(Cached, WhatIsNotOursInTheCacheIsAMissAndReplaced) {
  held_process a(places);
  const std::string copy = [&] {
    (void)a.get("key");
    return places.in_cache->find("ct-key")->bytes;
  }();
  for (const std::string& garbage :
       {std::string(), std::string("x"), std::string("ct1"), copy.substr(0, copy.size() - 1) + "x",
        copy.substr(0, copy.size() - 1), copy.substr(0, copy.size() - 4) + "ct2v", copy.substr(copy.size() - 20),
        std::string(30, '\xff') + "ct1v", std::string(100'000, '\0')}) {
    places.in_cache->entries["ct-key"] = {garbage, etag("g"), later(), ""};
    EXPECT_EQ(a.get("key").value.bytes, "one");
    EXPECT_EQ(places.copy("key"), "one");
    places.in_cache->entries["ct-none"] = {garbage, etag("g"), later(), ""};
    EXPECT_EQ(a.get("none").status, get_status::absent);
    EXPECT_EQ(places.slot("none"), 'a');
  }
  EXPECT_EQ(a.tier->counts().cache_errors, 0U);
}

TEST_F(Cached, WhatTheCacheItselfCannotReadIsReplacedByAMark) {
  held_process a(places);
  const error damaged{errc::record_damaged, "damaged"};
  pending<get_result> got;
  a.tier->get("key", got.slot());
  const auto read = a.cache->next("get");
  a.cache->drop(read);
  a.cache->answer(read, &damaged);
  a.settle();
  EXPECT_EQ(got.value.value.bytes, "one");
  EXPECT_EQ(places.slot("key"), 'd');
  EXPECT_EQ(a.get("key").value.bytes, "one");
  EXPECT_EQ(places.slot("key"), 'v');
}

TEST_F(Cached, ACacheThatDoesNotAnswerIsNotWaitedFor) {
  held_process a(places);
  pending<get_result> got;
  a.tier->get("key", got.slot());
  EXPECT_EQ(a.origin->calls.size(), 0U);
  places.loop.run_out();
  EXPECT_TRUE(a.o("get"));
  ASSERT_TRUE(got.done);
  EXPECT_EQ(got.value.value.bytes, "one");
  EXPECT_EQ(a.tier->counts().cache_errors, 1U);
  a.settle();  // its answer comes after all
  EXPECT_EQ(got.completions, 1);
  EXPECT_EQ(places.slot("key"), '-') << "nothing was known of the slot";
}

TEST_F(Cached, ACacheThatIsDownIsNotAskedAndTheOriginAnswersAlone) {
  held_process a(places);
  for (int i = 0; i < 5; ++i) {
    pending<get_result> got;
    a.tier->get("key", got.slot());
    fail_all(*a.cache);
    a.settle();
    EXPECT_EQ(got.value.value.bytes, "one");
  }
  EXPECT_EQ(a.tier->counts().breaker_open, 1U);
  pending<get_result> got;
  a.tier->get("key", got.slot());
  EXPECT_TRUE(a.cache->calls.empty());
  EXPECT_TRUE(a.o("get"));
  EXPECT_EQ(got.value.value.bytes, "one");
  const auto put = a.put("key", "two", expectation::version(etag("1111111111111111")));
  EXPECT_EQ(put.status, put_status::stored) << "an outage of the cache stops no write";
  // After a pause one asks, and the others do not wait for it.
  places.time.advance(200);
  pending<get_result> probe;
  pending<get_result> other;
  a.tier->get("key", probe.slot());
  a.tier->get("other", other.slot());
  EXPECT_EQ(a.cache->calls.size(), 1U);
  fail_all(*a.cache);
  a.settle();
  places.time.advance(399);  // the pause has doubled
  a.tier->get("key", probe.slot());
  EXPECT_TRUE(a.cache->calls.empty());
  a.settle();
  places.time.advance(1);
  EXPECT_EQ(a.get("key").value.bytes, "two");
  EXPECT_EQ(a.get("key").value.bytes, "two");
  EXPECT_EQ(a.tier->counts().hits, 1U);
  EXPECT_EQ(a.tier->counts().breaker_open, 1U);
}

// What this process wrote while the cache could not be told, it does not read as it was before.
TEST_F(Cached, AWriterReadsItsOwnWriteAlsoWhenTheCacheMissedIt) {
  held_process a(places);
  (void)a.get("key");
  pending<put_result> put;
  a.tier->put("key", "two", later(), expectation::version(etag("1111111111111111")), {}, put.slot());
  EXPECT_TRUE(a.o("put"));
  fail_all(*a.cache);
  ASSERT_EQ(put.value.status, put_status::stored);
  EXPECT_EQ(places.copy("key"), "one");
  EXPECT_EQ(a.get("key").value.bytes, "two");
  EXPECT_EQ(places.copy("key"), "two");
  EXPECT_EQ(a.get("key").value.bytes, "two");
  EXPECT_EQ(a.tier->counts().hits, 1U);
}

TEST_F(Cached, MoreMissedWritesThanAreKeptInMindAreStillNotForgotten) {
  held_process a(places, {}, true, false);
  constexpr int many = 5000;
  const auto key = [](int i) { return "k" + std::to_string(i); };
  for (int i = 0; i < many; ++i) (void)a.put(key(i), "one", expectation::nothing());
  places.time.advance(5000);
  for (int i = 0; i < many; ++i) {
    pending<put_result> put;
    a.tier->put(key(i), "two", later(), expectation::version(places.in_origin->find(key(i))->tag), {}, put.slot());
    fail_all(*a.cache);
    ASSERT_EQ(put.value.status, put_status::stored);
    if (i % 100 == 0) places.time.advance(1);
  }
  places.time.advance(10'000);
  for (int i = 0; i < many; ++i) ASSERT_EQ(a.get(key(i)).value.bytes, "two") << i;
  const auto hits = a.tier->counts().hits.load();
  EXPECT_EQ(a.get(key(1)).value.bytes, "two");
  EXPECT_EQ(a.tier->counts().hits, hits + 1) << "what was read since is believed";
}

TEST_F(Cached, ARemoveThatTheCacheWasNotToldOfIsUnknownUntilItAnswers) {
  held_process a(places);
  held_process b(places);
  (void)a.get("key");
  pending<remove_result> removed;
  a.tier->remove("key", removed.slot());
  EXPECT_TRUE(a.o("remove"));
  fail_all(*a.cache);
  EXPECT_EQ(removed.value.status, remove_status::unknown);
  EXPECT_EQ(removed.value.why.code, errc::store_unavailable);
  EXPECT_EQ(places.in_origin->find("key"), nullptr);
  EXPECT_EQ(b.get("key").status, get_status::found) << "the copy, which is why";
  EXPECT_EQ(a.remove("key").status, remove_status::absent);
  EXPECT_EQ(b.get("key").status, get_status::absent);
}

TEST_F(Cached, ARemoveMayBeTheOriginsAlone) {
  held_process a(places, {.removal = removal_policy::origin});
  pending<remove_result> removed;
  a.tier->remove("key", removed.slot());
  EXPECT_TRUE(a.o("remove"));
  fail_all(*a.cache);
  EXPECT_EQ(removed.value.status, remove_status::removed);
}

TEST_F(Cached, AnOwnersRemovalIsUnknownWhenTheCacheWasNotTold) {
  held_process a(places);
  (void)a.get("key");
  pending<count_result> removed;
  a.tier->remove_owner("ann", "", removed.slot());
  EXPECT_TRUE(a.o("owned_by"));
  EXPECT_TRUE(a.o("remove_owner"));
  fail_all(*a.cache);
  EXPECT_EQ(removed.completions, 1);
  EXPECT_FALSE(removed.value.known);
  EXPECT_EQ(a.get("key").status, get_status::absent);
}

TEST_F(Cached, AnOriginThatIsDownIsStoodInForByCopies) {
  held_process a(places, {.ttl = 1000, .stale = 5000});
  (void)a.get("key");
  const auto read = [&] {
    pending<get_result> got;
    a.tier->get("key", got.slot());
    (void)a.c("get");
    fail_all(*a.origin);
    EXPECT_EQ(got.completions, 1);
    return got.value;
  };
  EXPECT_EQ(read().value.bytes, "one");
  EXPECT_EQ(a.tier->counts().stale, 0U) << "that was a hit";
  places.time.advance(5'800);
  const auto old = read();
  EXPECT_EQ(old.value.bytes, "one");
  EXPECT_EQ(old.value.tag, etag("1111111111111111"));
  EXPECT_EQ(a.tier->counts().stale, 1U);
  pending<put_result> put;
  a.tier->put("key", "two", later(), expectation::version(old.value.tag), {}, put.slot());
  fail_all(*a.origin);
  a.settle();
  EXPECT_EQ(put.value.status, put_status::unknown);
  EXPECT_EQ(read().status, get_status::unknown) << "it may have been stored";
  (void)a.get("key");
  places.time.advance(6'000);
  EXPECT_EQ(read().status, get_status::unknown) << "too old";
}

TEST_F(Cached, WithoutStaleNothingOldIsServed) {
  held_process a(places, {.ttl = 1000});
  (void)a.get("key");
  places.time.advance(1000);
  pending<get_result> got;
  a.tier->get("key", got.slot());
  (void)a.c("get");
  fail_all(*a.origin);
  EXPECT_EQ(got.value.status, get_status::unknown);
  EXPECT_EQ(got.value.why.code, errc::store_unavailable);
}

// A copy never stands in for a record that is there and can't be read.
TEST_F(Cached, ADamagedRecordIsUnknownAlsoWithStale) {
  held_process a(places, {.ttl = 1000, .stale = 5000});
  (void)a.get("key");
  places.time.advance(1000);
  pending<get_result> got;
  a.tier->get("key", got.slot());
  (void)a.c("get");
  const error damaged{errc::record_damaged, "damaged"};
  a.origin->answer(a.origin->next("get"), &damaged);
  EXPECT_EQ(got.value.status, get_status::unknown);
  EXPECT_EQ(got.value.why.code, errc::record_damaged);
}

TEST_F(Cached, AFullCacheStopsNothing) {
  const auto cache = *open_store("memory:cached-full?max_bytes=4096", {&places.time});
  const auto origin = std::make_shared<held_store>(places.in_origin, places.time, false);
  const auto tier = *cached(cache, origin, {.time = &places.time});
  const auto get = [&](const std::string& key) {
    return complete<get_result>([&](auto done) { tier->get(key, done); });
  };
  const auto put = [&](const std::string& key, const std::string& bytes) {
    return complete<put_result>([&](auto done) { tier->put(key, bytes, later(), expectation::anything(), {}, done); });
  };
  EXPECT_EQ(put("key", std::string(1000, 'a')).status, put_status::stored);
  EXPECT_EQ(get("key").value.bytes.size(), 1000U);
  EXPECT_EQ(put("key", std::string(10'000, 'b')).status, put_status::stored);
  EXPECT_EQ(get("key").value.bytes, std::string(10'000, 'b'));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(put("k" + std::to_string(i), std::string(300, 'c')).status, put_status::stored);
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(get("k" + std::to_string(i)).status, get_status::found);
    EXPECT_EQ(complete<remove_result>([&](auto done) { tier->remove("k" + std::to_string(i), done); }).status,
              remove_status::removed);
  }
  EXPECT_EQ(tier->counts().breaker_open, 0U);
  tier->close();
}

TEST_F(Cached, CloseEndsReadsAndFillsOnce) {
  std::vector<pending<get_result>> reads(3);
  pending<put_result> put;
  pending<remove_result> removed;
  {
    held_process a(places);
    a.tier->get("key", reads[0].slot());
    EXPECT_TRUE(a.c("get"));
    EXPECT_TRUE(a.o("get"));  // the fill is under way
    a.tier->get("k2", reads[1].slot());
    EXPECT_TRUE(a.c("get"));  // the origin is asked
    a.tier->get("k3", reads[2].slot());
    a.tier->put("k4", "v", later(), expectation::nothing(), {}, put.slot());
    EXPECT_TRUE(a.o("put"));
    a.tier->remove("k5", removed.slot());
    a.tier->close();
    a.tier->close();
    places.loop.run_out();
    EXPECT_TRUE(a.cache->calls.empty() && a.origin->calls.empty());
  }
  for (const auto& one : reads) EXPECT_EQ(one.completions, 1);
  EXPECT_EQ(reads[0].value.status, get_status::found);
  EXPECT_EQ(reads[1].value.why.code, errc::store_closed);
  EXPECT_EQ(reads[2].value.why.code, errc::store_closed);
  EXPECT_EQ(put.value.why.code, errc::store_closed);
  EXPECT_EQ(removed.value.why.code, errc::store_closed);
}

TEST(CachedUrl, SaysWhatItIs) {
  for (const auto* url :
       {"cached:memory:url-a|memory:url-b", "CACHED(ttl=5):memory:url-a|memory:url-b",
        "cached(ttl=1,absent_ttl=0,stale=604800000,timeout=60000,removal=origin):memory:url-a|memory:url-b",
        "counted:cached:counted:memory:url-a|counted:memory:url-b",
        "cached():memory:url-a|cached:memory:url-b|memory:url-c"}) {
    const auto opened = open_store(url);
    ASSERT_TRUE(opened) << url << opened.error().message;
    EXPECT_FALSE(*needs_driver(url));
    EXPECT_EQ(complete<put_result>([&](auto done) {
                (*opened)->put("k", "v", system_clock().now() + 10'000, expectation::anything(), {}, done);
              }).status,
              put_status::stored);
    EXPECT_EQ(complete<get_result>([&](auto done) { (*opened)->get("k", done); }).value.bytes, "v");
    (*opened)->close();
  }
  EXPECT_TRUE(*needs_driver("cached:memory:|redis://h"));
  EXPECT_TRUE(*needs_driver("cached:redis://h|file:./x"));
  EXPECT_TRUE(*needs_driver("cached:memory:|cached:memory:x|redis://h"));
  EXPECT_EQ(open_store("cached:memory:|redis://h").error().code, errc::invalid_option);
}

TEST(CachedUrl, RefusesWhatItDoesNotUnderstandWithoutShowingIt) {
  for (const auto* wrong : {"cached",
                            "cached:",
                            "cached:|",
                            "cached:memory:",
                            "cached:memory:|",
                            "cached:|memory:",
                            "cached:memory:|memory:",
                            "cached(:memory:|memory:secret",
                            "cached()memory:|memory:secret",
                            "cached)memory:|memory:secret",
                            "cached(ttl=0):memory:|memory:secret",
                            "cached(ttl=-5):memory:|memory:secret",
                            "cached(ttl=5,):memory:|memory:secret",
                            "cached(,ttl=5):memory:|memory:secret",
                            "cached(ttl=5,ttl=6):memory:|memory:secret",
                            "cached(ttl=5;stale=6):memory:|memory:secret",
                            "cached(secret=5):memory:|memory:x",
                            "cached(ttl):memory:|memory:secret",
                            "cached(ttl=5 ):memory:|memory:secret",
                            "cached(stale=99999999999999999999):memory:|memory:secret",
                            "cached(removal=never):memory:|memory:secret",
                            "cached(removal=both,removal=both):memory:|memory:x",
                            "cached(ttl=5):user:secret@host|memory:",
                            "cached:memory:|user:secret@host",
                            "cached:cached:memory:a|memory:b|memory:c",
                            "cached:memory:a|memory:b|memory:c",
                            "cached:memory:a|memory:b|"}) {
    const auto refused = open_store(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, errc::invalid_url) << wrong;
    EXPECT_EQ(refused.error().message.find("secret@"), std::string::npos) << wrong;
    EXPECT_FALSE(needs_driver(wrong)) << wrong;
  }
  std::string deep = "memory:end";
  for (int i = 0; i < 9; ++i) deep = "cached:memory:" + std::to_string(i) + "|" + deep;
  EXPECT_FALSE(open_store(deep));
}

TEST(CachedOptions, AreChecked) {
  const auto memory = [](const char* url) { return *open_store(url); };
  EXPECT_FALSE(cached(nullptr, memory("memory:")));
  const auto one = memory("memory:");
  EXPECT_FALSE(cached(one, one));
  for (const cached_options& wrong :
       {cached_options{.ttl = 0}, cached_options{.absent_ttl = -1}, cached_options{.stale = -1},
        cached_options{.cache_timeout = 0}, cached_options{.ttl = 31LL * 24 * 3'600'000}}) {
    const auto refused = cached(memory("memory:option-a"), memory("memory:option-b"), wrong);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::invalid_option);
  }
}

}  // namespace
}  // namespace coatcheck::held
