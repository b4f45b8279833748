// What a request's end calls for, by facts that a reader can check one by one.
#include <gtest/gtest.h>

#include "coatcheck/engine.hpp"

#include "core/session/fixture.hpp"

namespace coatcheck::testing {
namespace {

using namespace end_fact;

end_plan plan(std::uint32_t facts, const end_policy& policy = {}) {
  return plan_end(session_life_cycle, facts, policy);
}
end_step step(std::uint32_t facts, const end_policy& policy = {}) { return plan(facts, policy).step; }

TEST(LifeCycle, WritesWhatChanged) {
  EXPECT_EQ(step(0), end_step::nothing);
  EXPECT_EQ(step(looked), end_step::nothing) << "a new session that stayed empty";
  EXPECT_EQ(step(looked | changed), end_step::commit);
  EXPECT_EQ(step(stored | looked), end_step::nothing);
  EXPECT_EQ(step(stored | looked | changed), end_step::commit);
  EXPECT_EQ(step(stored | looked | cookie_changed), end_step::commit);
  EXPECT_FALSE(plan(stored | looked | changed).save);
  EXPECT_TRUE(plan(stored | looked | forced).save);
  EXPECT_TRUE(plan(stored | looked | renewed).save) << "under its new id, with the data that it had";
}

TEST(LifeCycle, MovesTheDeadlineOfWhatDidNotChange) {
  EXPECT_EQ(step(stored | touch_due), end_step::touch);
  EXPECT_EQ(step(stored | looked | touch_due), end_step::touch);
  EXPECT_EQ(step(stored, {.rolling = true}), end_step::touch);
  EXPECT_EQ(step(0, {.rolling = true}), end_step::nothing);
  EXPECT_EQ(step(stored | looked | changed | touch_due), end_step::commit);
}

TEST(LifeCycle, FollowsThePolicy) {
  EXPECT_EQ(step(0, {.save_uninitialised = true}), end_step::commit);
  EXPECT_EQ(step(stored, {.save_uninitialised = true}), end_step::nothing);
  EXPECT_TRUE(plan(stored | looked, {.resave = true}).save);
  EXPECT_EQ(step(stored, {.resave = true}), end_step::nothing) << "nobody looked";
  EXPECT_FALSE(plan(looked | changed, {.resave = true}).save);
}

// express-session 1.19, index.js: the table of shouldSave, shouldTouch and shouldDestroy.
TEST(LifeCycle, HasExpressSessionsRules) {
  const auto express = [](std::uint32_t facts, const end_policy& policy) {
    return plan_end(express_life_cycle, facts, policy).step;
  };
  const end_policy defaults{.resave = true, .save_uninitialised = true, .removed_ends = false};
  const end_policy quiet{.removed_ends = false};
  EXPECT_EQ(express(looked, defaults), end_step::commit) << "saveUninitialized";
  EXPECT_EQ(express(looked, quiet), end_step::nothing);
  EXPECT_EQ(express(looked | changed, quiet), end_step::commit);
  EXPECT_EQ(express(stored | looked, defaults), end_step::commit) << "resave";
  EXPECT_EQ(express(stored | looked, quiet), end_step::touch) << "every request moves the deadline";
  EXPECT_EQ(express(stored | looked | changed, quiet), end_step::commit);
  for (const auto& policy : {defaults, quiet}) {
    EXPECT_EQ(express(stored | looked | saved, policy), end_step::touch);
    EXPECT_EQ(express(looked | saved, policy), end_step::nothing);
    EXPECT_EQ(express(looked | saved | changed, policy), end_step::commit) << "changed after save()";
    EXPECT_EQ(express(stored | removed, policy), end_step::nothing);
    EXPECT_EQ(express(stored | unknown | changed, policy), end_step::nothing);
  }
  EXPECT_EQ(express(removed, {.removed_ends = true}), end_step::destroy);
}

TEST(LifeCycle, SendsExpressSessionsCookie) {
  namespace fact = cookie_fact;
  const auto quiet = tabulate_cookie(express_life_cycle, {});
  EXPECT_FALSE(quiet[fact::is_new]);
  EXPECT_TRUE(quiet[fact::is_new | fact::data_changed]);
  EXPECT_FALSE(quiet[fact::presented | fact::data_changed]) << "a cookie of the browser's session is sent once";
  EXPECT_TRUE(quiet[fact::presented | fact::data_changed | fact::deadline_moved]);
  EXPECT_TRUE(tabulate_cookie(express_life_cycle, {.save_uninitialised = true})[fact::is_new]);
  const auto rolling = tabulate_cookie(express_life_cycle, {.rolling = true});
  EXPECT_TRUE(rolling[fact::presented]);
  EXPECT_FALSE(rolling[fact::is_new]) << "rolling does not override saveUninitialized";
}

TEST(LifeCycle, EndsWhatTheApplicationRemoved) {
  const end_policy keeps{.removed_ends = false};
  for (const auto facts : {removed, stored | removed, unreadable | removed, stored | removed | touch_due}) {
    EXPECT_EQ(step(facts), end_step::destroy) << facts;
    EXPECT_EQ(step(facts, keeps), end_step::nothing) << facts;
  }
}

TEST(LifeCycle, LeavesAloneWhatIsNotKnown) {
  for (std::uint32_t facts = 0; facts < combinations; ++facts) {
    EXPECT_EQ(step(facts | unknown, {true, true, true, true, true}), end_step::nothing) << facts;
    if ((facts & removed) == 0 && (facts & begun) == 0) {
      EXPECT_EQ(step((facts & ~stored & ~renewed) | unreadable), end_step::nothing) << facts;
    }
  }
}

TEST(LifeCycle, SendsNoCookieOnceTheHeadersHaveGone) {
  EXPECT_EQ(step(begun | looked | changed), end_step::late_new);
  EXPECT_EQ(step(begun | stored | renewed | looked), end_step::late_new) << "its old cookie is worth nothing";
  EXPECT_EQ(step(begun | stored | looked | changed), end_step::commit);
  EXPECT_EQ(step(begun | stored | looked | changed, {.in_cookie = true}), end_step::late_in_cookie);
  EXPECT_EQ(step(begun | stored | looked | forced), end_step::commit);
  EXPECT_EQ(step(begun | stored | looked), end_step::nothing);
  EXPECT_EQ(step(begun | stored | removed), end_step::destroy);
  EXPECT_EQ(step(begun | removed), end_step::nothing);
  EXPECT_EQ(step(begun | stored | looked | touch_due, {.rolling = true}), end_step::nothing);
  for (const auto late : {end_step::late_new, end_step::late_in_cookie}) EXPECT_FALSE(late_message(late).empty());
  for (const auto other : {end_step::nothing, end_step::commit, end_step::touch, end_step::destroy}) {
    EXPECT_TRUE(late_message(other).empty());
  }
}

class EngineLifeCycle : public engine_test {};

TEST_F(EngineLifeCycle, ItsTableSaysWhatItsEndSays) {
  const auto table = on->end_table();
  for (std::uint32_t facts = 0; facts < combinations; ++facts) EXPECT_EQ(table[facts], on->end(facts).packed());
}

TEST_F(EngineLifeCycle, KeepsSessionsOutOfCaches) {
  EXPECT_EQ(on->response_headers(false, false), 0U);
  EXPECT_EQ(on->response_headers(false, true), response_header::vary);
  EXPECT_EQ(on->response_headers(true, false), response_header::vary | response_header::no_store);
  EXPECT_EQ(on->response_headers(true, true), response_header::vary | response_header::no_store);
}

TEST(LifeCycle, AddsCookieToVaryOnce) {
  EXPECT_EQ(vary_with_cookie(""), "Cookie");
  EXPECT_EQ(vary_with_cookie(" "), "Cookie");
  EXPECT_EQ(vary_with_cookie("Accept-Encoding"), "Accept-Encoding, Cookie");
  EXPECT_EQ(vary_with_cookie("X-Cookie, Cookies"), "X-Cookie, Cookies, Cookie");
  for (const auto* there : {"Cookie", "cookie", "Accept , COOKIE\t", "*", "Accept,*"}) {
    EXPECT_EQ(vary_with_cookie(there), "") << there;
  }
}

}  // namespace
}  // namespace coatcheck::testing
