// coatcheck::sessions: what a C++ service sees, on a memory store with a clock set by hand.
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>

#include "coatcheck/coatcheck.hpp"

namespace coatcheck {
namespace {

const std::string secret = "a secret of at least thirty-two bytes";

// The Cookie header that a browser sends after this Set-Cookie.
std::string cookie_of(const std::string& set_cookie) { return set_cookie.substr(0, set_cookie.find(';')); }

class Sessions : public testing::Test {
 protected:
  static sessions make(const manual_clock& time, session_policy policy = {}) {
    static int places = 0;
    return {"memory:service-test-" + std::to_string(++places), secret, {.cookie = {}, .policy = policy, .time = &time}};
  }
  // A stored session with this content, and its Cookie header.
  static std::string stored(sessions& on, const json& data) {
    session s = on.open("");
    s.data() = data;
    return cookie_of(on.commit(s));
  }

  manual_clock time_;
};

template <class Run>
errc code_of(Run&& run) {
  try {
    run();
  } catch (const exception& why) {
    EXPECT_STRNE(why.what(), "");
    EXPECT_EQ(why.name(), name_of(why.code()));
    return why.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return errc::invalid_state;
}

TEST_F(Sessions, KeepWhatWasCommitted) {
  sessions on = make(time_);
  const std::string cookie = stored(on, {{"user", "ada"}, {"n", 1}});
  session again = on.open(cookie);
  EXPECT_FALSE(again.fresh());
  EXPECT_EQ(again.data(), (json{{"user", "ada"}, {"n", 1}}));
  EXPECT_EQ(on.commit(again), "") << "nothing changed: nothing to send";
}

TEST_F(Sessions, AreAllEndedByClear) {
  sessions on = make(time_);
  const std::string ann = stored(on, {{"user", "ann"}});
  const std::string bob = stored(on, {{"user", "bob"}});
  session open = on.open(ann);
  open.data()["n"] = 1;
  EXPECT_EQ(on.clear(), 2U);
  EXPECT_TRUE(on.open(ann).fresh());
  EXPECT_TRUE(on.open(bob).fresh());
  EXPECT_EQ(code_of([&] { (void)on.commit(open); }), errc::session_gone);
}

TEST_F(Sessions, AreChangedInTransactionsThatRunAgain) {
  sessions on = make(time_);
  const std::string cookie = stored(on, {{"n", 0}});
  session mine = on.open(cookie);
  mine.data()["mine"] = 1;
  int runs = 0;
  const auto set_cookie = on.transact(mine, [&](json& data) {
    if (runs++ == 0) {
      session other = on.open(cookie);
      other.data()["n"] = 10;
      EXPECT_EQ(on.commit(other), "");
    }
    data["n"] = data["n"].get<int>() + 1;
  });
  EXPECT_EQ(set_cookie, "");
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(mine.data(), (json{{"n", 11}, {"mine", 1}}));
  EXPECT_EQ(on.open(cookie).data(), (json{{"n", 11}})) << "what was changed otherwise is for commit";
  EXPECT_EQ(on.commit(mine), "");
  EXPECT_EQ(on.open(cookie).data(), (json{{"n", 11}, {"mine", 1}}));

  session late = on.open(cookie);
  session ended = on.open(cookie);
  EXPECT_NE(on.destroy(ended), "");
  EXPECT_EQ(code_of([&] { (void)on.transact(late, [](json&) {}); }), errc::session_gone);
}

TEST_F(Sessions, ThatHoldWhatJsonDoesNotHaveAreRefused) {
  sessions on = make(time_);
  for (const json& bad : {json(std::nan("")), json(HUGE_VAL), json::binary({1, 2})}) {
    session s = on.open("");
    s.data()["list"] = {1, bad};
    EXPECT_EQ(code_of([&] { (void)on.commit(s); }), errc::not_serialisable);
  }
}

TEST_F(Sessions, ThatNobodyFilledAreNotStored) {
  sessions on = make(time_);
  session s = on.open("");
  EXPECT_TRUE(s.fresh());
  EXPECT_EQ(s.reason(), fresh_reason::no_cookie);
  EXPECT_TRUE(s.data().empty());
  EXPECT_EQ(on.commit(s), "");
}

TEST_F(Sessions, MergeWritesToDifferentKeys) {
  sessions on = make(time_);
  const std::string cookie = stored(on, {{"start", 1}});
  session one = on.open(cookie);
  session two = on.open(cookie);
  one.data()["one"] = 1;
  two.data()["two"] = 2;
  (void)on.commit(one);
  (void)on.commit(two);
  EXPECT_EQ(two.data(), (json{{"start", 1}, {"one", 1}, {"two", 2}})) << "the merged content is what one goes on with";
  EXPECT_EQ(on.open(cookie).data(), two.data());
}

TEST_F(Sessions, ThrowOnAConflictThatThePolicyRejects) {
  sessions on = make(time_, {.on_conflict = merge_policy::reject});
  const std::string cookie = stored(on, {{"n", 0}});
  session one = on.open(cookie);
  session two = on.open(cookie);
  one.data()["n"] = 1;
  two.data()["n"] = 2;
  (void)on.commit(one);
  EXPECT_EQ(code_of([&] { (void)on.commit(two); }), errc::session_conflict);
  EXPECT_EQ(on.open(cookie).data()["n"], 1);
}

TEST_F(Sessions, StayDestroyed) {
  sessions on = make(time_);
  const std::string cookie = stored(on, {{"user", "ada"}});
  session slow = on.open(cookie);
  session quick = on.open(cookie);
  EXPECT_NE(on.destroy(quick).find("Expires="), std::string::npos);
  slow.data()["late"] = true;
  EXPECT_EQ(code_of([&] { (void)on.commit(slow); }), errc::session_gone);
  EXPECT_TRUE(on.open(cookie).fresh());

  quick.data()["user"] = "eve";
  const std::string next = cookie_of(on.commit(quick));
  EXPECT_NE(next, cookie) << "what is put in after a logout is another session";
  EXPECT_EQ(on.open(next).data(), (json{{"user", "eve"}}));
}

TEST_F(Sessions, ThatCannotBeReadCanBeEnded) {
  const std::string url = "memory:service-test-damaged";
  sessions on(url, secret, {.cookie = {}, .policy = {}, .time = &time_});
  const std::string cookie = stored(on, {{"user", "ada"}});
  const auto raw = value_or_throw(open_store(url, {&time_}));
  const auto keys = complete<keys_result>([&](auto done) { raw->scan("", 10, done); });
  ASSERT_EQ(keys.keys.size(), 1u);
  (void)complete<put_result>(
      [&](auto done) { raw->put(keys.keys[0], "x", time_.now() + 60'000, expectation::anything(), {}, done); });
  EXPECT_EQ(code_of([&] { (void)on.open(cookie); }), errc::record_damaged);
  EXPECT_NE(on.end(cookie), "");
  EXPECT_TRUE(on.open(cookie).fresh());
  const std::string other = stored(on, {{"user", "eve"}});
  EXPECT_NE(on.end(other), "") << "one that can be read, too";
  EXPECT_TRUE(on.open(other).fresh());
  raw->close();
}

TEST_F(Sessions, AreEncryptedWhereTheOptionSaysSo) {
  const std::string url = "memory:service-test-encrypted";
  sessions_options options;
  options.time = &time_;
  options.encrypt = encryption::required;
  sessions on(url, secret, options);
  const std::string cookie = stored(on, {{"user", "ada"}});
  EXPECT_EQ(on.open(cookie).data(), (json{{"user", "ada"}}));
  EXPECT_EQ(code_of([&] { (void)sessions(url, secret, {.cookie = {}, .policy = {}, .time = &time_}).open(cookie); }),
            errc::record_damaged);
  options.encrypt = encryption::migrate;
  EXPECT_EQ(code_of([&] { sessions("encrypted:" + url, secret, options); }), errc::invalid_option);
}

TEST_F(Sessions, ArePrunedWhenAsked) {
  sessions on = make(time_);
  (void)stored(on, {{"n", 1}});
  EXPECT_EQ(on.prune(), 0U);
  time_.advance(2 * 86'400'000);
  EXPECT_EQ(on.prune(), 1U);
}

TEST_F(Sessions, GetANewIdAtLogin) {
  sessions on = make(time_);
  const std::string cookie = stored(on, {{"cart", {"tea"}}});
  session s = on.open(cookie);
  on.regenerate(s);
  EXPECT_TRUE(on.open(cookie).fresh()) << "the old id is dead at once";
  const std::string next = cookie_of(on.commit(s));
  EXPECT_NE(next, cookie);
  EXPECT_EQ(on.open(next).data(), (json{{"cart", {"tea"}}}));
}

TEST_F(Sessions, CarryTheirCookiesSettingsAndOwner) {
  sessions on = make(time_);
  session s = on.open("");
  s.data()["n"] = 1;
  s.set_cookie({{"maxAge", 120'000}});
  s.set_owner("ada");
  const std::string set_cookie = on.commit(s);
  EXPECT_NE(set_cookie.find("; Expires="), std::string::npos) << set_cookie;
  const session again = on.open(cookie_of(set_cookie));
  EXPECT_EQ(again.cookie(), (json{{"maxAge", 120'000}}));
  EXPECT_EQ(again.owner(), "ada");
}

TEST_F(Sessions, EndWithTheirIdleTime) {
  sessions on = make(time_);
  const std::string cookie = stored(on, {{"n", 1}});
  time_.advance(3'600'000 - 1);
  EXPECT_FALSE(on.open(cookie).fresh());
  time_.advance(1);
  EXPECT_TRUE(on.open(cookie).fresh());
}

TEST_F(Sessions, RefuseWhatIsNoText) {
  sessions on = make(time_);
  session s = on.open("");
  s.data()["bytes"] = "\xff\xfe";
  EXPECT_EQ(code_of([&] { (void)on.commit(s); }), errc::not_serialisable);
  s.data() = json::array();
  EXPECT_EQ(code_of([&] { (void)on.commit(s); }), errc::not_serialisable);
}

TEST_F(Sessions, SayWhatIsWrongWithTheirSettings) {
  EXPECT_EQ(code_of([] { sessions("memory:", ""); }), errc::invalid_secret);
  EXPECT_EQ(code_of([] { sessions("nonsense:", secret); }), errc::invalid_url);
  ::unsetenv("COATCHECK_SECRET");
  EXPECT_EQ(code_of([] { (void)sessions::from_environment(); }), errc::invalid_secret);
}

}  // namespace
}  // namespace coatcheck
