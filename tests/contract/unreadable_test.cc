// What is stored and can't be read, on every store: it is no data and is not overwritten, but whoever logs out or in is
// rid of it. Else a browser would be locked out for as long as it has the cookie.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "coatcheck/engine.hpp"
#include "coatcheck/refresh_tokens.hpp"

#include "contract/at_once.hpp"
#include "tokens/family.hpp"

namespace coatcheck::contract {
namespace {

constexpr const char* secret = "a test secret of more than thirty-two bytes";

struct service {
  service(store_place& at, session_mode mode)
      : place(at), hand(at.now()), keys(*key_ring::from_secret(secret)), sessions(at.open()) {
    engine_options options{.keys = keys, .where = sessions};
    options.time = &hand;
    options.tokens.mode = mode;
    on = *engine::create(std::move(options));
  }
  opened open(std::string_view cookie) {
    return to_its_end<opened>(place, [&](auto done) { on->open({.cookie_header = cookie}, done); });
  }
  committed commit(commit_request request) {
    return to_its_end<committed>(place, [&](auto done) { on->commit(std::move(request), done); });
  }
  destroyed destroy(const snapshot& session) {
    return to_its_end<destroyed>(place, [&](auto done) { on->destroy(session, false, done); });
  }
  engine::regenerated regenerate(const snapshot& session) {
    return to_its_end<engine::regenerated>(place, [&](auto done) { on->regenerate(session, done); });
  }
  std::string login(const std::string& owner = {}) {
    commit_request request{.base = open("").session, .payload = R"({"user":"ann"})"};
    request.owner = owner;
    const auto done = commit(std::move(request));
    EXPECT_EQ(done.status, commit_status::stored) << done.why.message;
    return done.set_cookie.substr(0, done.set_cookie.find(';'));
  }
  std::string bytes(const std::string& key) {
    return to_its_end<get_result>(place, [&](auto done) { sessions->get(key, done); }).value.bytes;
  }
  void put(const std::string& key, const std::string& damaged) {
    const auto until = hand.now() + 900'000;
    const auto got = to_its_end<put_result>(
        place, [&](auto done) { sessions->put(key, damaged, until, expectation::anything(), {}, done); });
    ASSERT_EQ(got.status, put_status::stored);
  }
  bool there(const std::string& key) {
    return to_its_end<get_result>(place, [&](auto done) { sessions->get(key, done); }).status != get_status::absent;
  }

  store_place& place;
  manual_clock hand;
  key_ring keys;
  std::shared_ptr<store> sessions;
  std::shared_ptr<engine> on;
};

std::string key_of(service& of, const std::string& cookie) {
  const auto session = of.open(cookie).session;
  return of.keys.store_key(session.id, session.key);
}

TEST_P(StoreOfOurs, ARecordThatCannotBeReadIsLeftAloneUntilALogoutOrALoginEndsIt) {
  service of(*place, session_mode::store);
  const auto example = of.bytes(key_of(of, of.login()));
  ASSERT_FALSE(example.empty());
  const std::vector<std::string> damages = {"x", "cc9" + example.substr(3), example.substr(0, example.size() - 1),
                                            example};  // the last: another session's
  for (const auto& damaged : damages) {
    for (const bool logout : {true, false}) {
      const auto cookie = of.login();
      const auto key = key_of(of, cookie);
      of.put(key, damaged);
      const auto got = of.open(cookie);
      ASSERT_EQ(got.status, open_status::unknown);
      ASSERT_TRUE(got.session.unreadable);
      ASSERT_TRUE(got.session.payload.empty());
      const auto packed = snapshot::unpack(got.session.pack(), "");  // as Node carries it
      ASSERT_TRUE(packed);
      ASSERT_TRUE(packed->unreadable);
      const auto stored = of.commit({.base = *packed, .payload = R"({"user":"bob"})", .save = true});
      EXPECT_EQ(stored.status, commit_status::refused);
      EXPECT_EQ(of.bytes(key), damaged) << "the evidence stays";
      if (logout) {
        const auto done = of.destroy(*packed);
        EXPECT_EQ(done.status, remove_status::removed) << done.why.message;
        EXPECT_FALSE(done.set_cookie.empty());
        EXPECT_EQ(of.destroy(*packed).status, remove_status::removed) << "twice";
      } else {
        auto renewed = of.regenerate(*packed);
        ASSERT_EQ(renewed.status, remove_status::removed) << renewed.why.message;
        EXPECT_TRUE(renewed.session.owner.empty());
        const auto again = of.commit({.base = std::move(renewed.session), .payload = R"({"user":"bob"})"});
        ASSERT_EQ(again.status, commit_status::stored) << again.why.message;
        const auto now = of.open(again.set_cookie.substr(0, again.set_cookie.find(';')));
        EXPECT_EQ(now.session.payload, R"({"user":"bob"})");
      }
      EXPECT_FALSE(of.there(key));
      EXPECT_EQ(of.open(cookie).reason, fresh_reason::not_found);
    }
  }
}

TEST_P(StoreOfOurs, AFamilyThatCannotBeReadIsEndedByALogout) {
  service of(*place, session_mode::jwt_sealed);
  const auto cookie = of.login();
  const auto key = tokens::family_key(of.open(cookie).session.id);
  of.hand.advance(600'000);
  of.put(key, "x");
  const auto got = of.open(cookie);
  ASSERT_EQ(got.status, open_status::unknown);
  ASSERT_TRUE(got.session.unreadable);
  EXPECT_EQ(of.commit({.base = got.session, .payload = R"({"user":"bob"})"}).status, commit_status::refused);
  EXPECT_EQ(of.destroy(got.session).status, remove_status::removed);
  EXPECT_FALSE(of.there(key));
  EXPECT_EQ(of.open(cookie).reason, fresh_reason::not_found);
}

TEST_P(StoreOwnerIndex, AnEpochThatCannotBeReadIsReplacedWhenAllOfItsOwnersTokensAreRevoked) {
  service of(*place, session_mode::jwt_sealed);
  const auto cookie = of.login("ann");
  const auto family = tokens::family_key(of.open(cookie).session.id);
  of.put(tokens::epoch_key("ann"), "x");
  commit_request request{.base = of.open("").session, .payload = R"({"user":"ann"})"};
  request.owner = "ann";
  EXPECT_EQ(of.commit(request).status, commit_status::unknown) << "what was revoked is not known";
  auto all = refresh_tokens::create({.keys = of.keys, .where = place->open(), .time = &of.hand});
  ASSERT_TRUE(all);
  of.hand.advance(1000);
  const auto revoked = to_its_end<revoke_all_result>(*place, [&](auto done) { (*all)->revoke_all("ann", {}, done); });
  ASSERT_TRUE(revoked.known) << revoked.why.message;
  EXPECT_EQ(revoked.count, 1u);
  of.hand.advance(600'000);
  EXPECT_EQ(of.open(cookie).reason, fresh_reason::revoked);
  EXPECT_EQ(of.open(of.login("ann")).status, open_status::found);
}

TEST_P(StoreOfOurs, ARefreshTokenDoesNotEndAFamilyThatCannotSayWhetherItIsGenuine) {
  service of(*place, session_mode::store);
  auto all = refresh_tokens::create({.keys = of.keys, .where = of.sessions, .time = &of.hand});
  ASSERT_TRUE(all);
  const auto issued = to_its_end<issue_result>(*place, [&](auto done) { (*all)->issue("ann", {}, "{}", done); });
  const auto key = tokens::family_key(issued.family.id);
  of.put(key, "x");
  const auto by_token = to_its_end<remove_result>(*place, [&](auto done) { (*all)->revoke_token(issued.token, done); });
  EXPECT_EQ(by_token.status, remove_status::unknown);
  EXPECT_TRUE(of.there(key));
  const auto by_id = to_its_end<remove_result>(*place, [&](auto done) { (*all)->revoke(issued.family.id, done); });
  EXPECT_EQ(by_id.status, remove_status::removed);
  EXPECT_FALSE(of.there(key));
}

}  // namespace
}  // namespace coatcheck::contract
