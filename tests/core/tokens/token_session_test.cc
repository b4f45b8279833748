// Sessions on tokens through the engine's own calls: what a request sees and what the browser gets.
#include <gtest/gtest.h>
#include <string>

#include "coatcheck/engine.hpp"
#include "coatcheck/refresh_tokens.hpp"

#include "core/tokens/fixture.hpp"
#include "crypto/base64url.hpp"

namespace coatcheck {
namespace {

using testing::secret;
using testing::ttl;

class token_session_test : public testing::token_session_test {};

TEST_P(token_session_test, a_session_lives_in_its_cookie) {
  const auto cookie = stored();
  where->close();  // no request before exp needs it
  const auto got = open(cookie);
  ASSERT_EQ(got.status, open_status::found) << name_of(got.reason);
  EXPECT_EQ(got.session.payload, R"({"user":"ann"})");
  EXPECT_EQ(got.session.owner, "ann");
  EXPECT_FALSE(got.touch_due);
  const auto changed = commit(got.session, R"({"user":"ann","cart":["tea"]})");
  ASSERT_EQ(changed.status, commit_status::stored) << changed.why.message;
  EXPECT_EQ(open(pair_of(changed.set_cookie)).session.payload, R"({"user":"ann","cart":["tea"]})");
  EXPECT_EQ(commit(got.session).status, commit_status::unchanged);
  EXPECT_TRUE(commit(got.session, R"({ "user" : "ann" })").set_cookie.empty()) << "equal in value";
}

TEST_P(token_session_test, nothing_is_made_for_a_session_that_nobody_changed) {
  const auto done = commit(open("").session, "{}");
  EXPECT_EQ(done.status, commit_status::unchanged);
  EXPECT_TRUE(done.set_cookie.empty());
  EXPECT_EQ(entries(), 0u);
}

TEST_P(token_session_test, sealed_hides_what_signed_shows) {
  const auto value = value_of(stored(R"({"user":"find me"})"));
  const auto payload = crypto::base64url_decode(
      value.substr(value.find('.') + 1, value.find('.', value.find('.') + 1) - value.find('.') - 1));
  const bool readable = payload && payload->find("find me") != std::string::npos;
  EXPECT_EQ(readable, GetParam() == session_mode::jwt_signed);
}

TEST_P(token_session_test, after_exp_the_family_is_asked_and_the_cookie_replaced) {
  auto cookie = stored();
  for (int round = 0; round < 5; ++round) {
    time.advance(ttl);
    const auto got = open(cookie);
    ASSERT_EQ(got.status, open_status::found) << name_of(got.reason);
    EXPECT_TRUE(got.touch_due);
    const auto done = commit(got.session);
    ASSERT_EQ(done.status, commit_status::touched) << done.why.message;
    ASSERT_NE(pair_of(done.set_cookie), cookie);
    cookie = pair_of(done.set_cookie);
    EXPECT_FALSE(open(cookie).touch_due);
    EXPECT_EQ(open(cookie).session.expires_at, time.now() + 3'600'000);
  }
}

TEST_P(token_session_test, changes_do_not_put_the_refresh_off) {
  auto cookie = stored();
  for (int change = 1; change <= 3; ++change) {
    time.advance(ttl / 4);
    const auto done = commit(open(cookie).session, "{\"n\":" + std::to_string(change) + "}");
    ASSERT_EQ(done.status, commit_status::stored);
    cookie = pair_of(done.set_cookie);
  }
  time.advance(ttl / 4);
  EXPECT_TRUE(open(cookie).touch_due) << "or a revoked session could live on by changing";
}

TEST_P(token_session_test, a_response_that_never_formed_rotates_nothing) {
  const auto cookie = stored();
  time.advance(ttl);
  for (int failed = 0; failed < 3; ++failed) {
    ASSERT_EQ(open(cookie).status, open_status::found);
    time.advance(60'000);
  }
  EXPECT_NE(visit(cookie), cookie);
}

TEST_P(token_session_test, a_lost_response_is_survived_within_the_window) {
  const auto cookie = stored();
  time.advance(ttl);
  const auto lost = visit(cookie);
  time.advance(9'000);
  const auto again = visit(cookie);
  EXPECT_NE(again, cookie);
  time.advance(ttl);
  EXPECT_NE(visit(again), again) << "the same place in the family as the lost one";
}

TEST_P(token_session_test, a_request_that_outlasts_the_window_is_no_theft) {
  const auto cookie = stored();
  time.advance(ttl);
  const auto slow = open(cookie).session;
  const auto other = visit(cookie);
  time.advance(60'000);
  const auto done = commit(slow, R"({"user":"ann","slow":1})");
  ASSERT_EQ(done.status, commit_status::stored) << done.why.message;
  EXPECT_EQ(open(pair_of(done.set_cookie)).status, open_status::found);
  EXPECT_EQ(open(other).status, open_status::found);
}

TEST_P(token_session_test, an_old_cookie_is_theft_and_ends_the_family) {
  const auto stolen = stored();
  time.advance(ttl);
  const auto mine = visit(stolen);
  time.advance(10'001);
  const auto thief = open(stolen);
  EXPECT_EQ(thief.status, open_status::fresh);
  EXPECT_EQ(thief.reason, fresh_reason::reused);
  EXPECT_EQ(thief.session.payload, "{}");
  time.advance(ttl);
  const auto victim = open(mine);
  EXPECT_EQ(victim.status, open_status::fresh);
  EXPECT_EQ(victim.reason, fresh_reason::revoked);
}

TEST_P(token_session_test, logout_ends_the_family_and_clears_the_cookie) {
  const auto cookie = stored();
  const auto session = open(cookie).session;
  const auto done = complete<destroyed>([&](auto then) { on->destroy(session, false, then); });
  EXPECT_EQ(done.status, remove_status::removed);
  EXPECT_NE(done.set_cookie.find("Expires=Thu, 01 Jan 1970"), std::string::npos) << done.set_cookie;
  EXPECT_EQ(open(cookie).status, open_status::found) << "a copy is good until its exp: documented";
  time.advance(ttl);
  EXPECT_EQ(open(cookie).reason, fresh_reason::revoked);
}

TEST_P(token_session_test, a_logout_during_a_request_that_refreshes_wins) {
  const auto cookie = stored();
  time.advance(ttl);
  const auto slow = open(cookie).session;
  (void)complete<destroyed>([&](auto then) { on->destroy(slow, false, then); });
  const auto done = commit(slow, R"({"user":"mallory"})");
  EXPECT_EQ(done.status, commit_status::gone);
  EXPECT_EQ(done.why.code, errc::session_gone);
  EXPECT_TRUE(done.set_cookie.empty());
}

TEST_P(token_session_test, login_begins_a_new_family_with_the_same_content) {
  const auto cookie = stored(R"({"cart":["tea"]})", "");
  const auto before = open(cookie).session;
  const auto renewed = complete<engine::regenerated>([&](auto then) { on->regenerate(before, then); });
  ASSERT_EQ(renewed.status, remove_status::removed);
  EXPECT_TRUE(renewed.session.id.empty());
  commit_request request{.base = renewed.session, .payload = R"({"cart":["tea"],"user":"ann"})"};
  request.owner = "ann";
  const auto done = commit(std::move(request));
  ASSERT_EQ(done.status, commit_status::stored) << done.why.message;
  EXPECT_NE(done.session.id, before.id);
  time.advance(ttl);
  EXPECT_EQ(open(cookie).reason, fresh_reason::revoked);
  EXPECT_EQ(open(pair_of(done.set_cookie)).session.payload, R"({"cart":["tea"],"user":"ann"})");
}

TEST_P(token_session_test, idle_and_absolute_time_end_it) {
  session_policy policy;
  policy.idle_timeout = 1'000'000;
  policy.absolute_timeout = 1'500'000;
  on = make({}, {secret}, policy);
  auto cookie = stored();
  time.advance(1'000'000);
  EXPECT_EQ(open(cookie).reason, fresh_reason::expired);
  cookie = stored();
  for (int visits = 0; visits < 4; ++visits) {
    time.advance(ttl);
    cookie = visit(cookie);
  }
  EXPECT_EQ(open(cookie).session.expires_at, open(cookie).session.absolute_at);
  time.advance(ttl);
  EXPECT_EQ(open(cookie).reason, fresh_reason::expired);
}

TEST_P(token_session_test, an_outage_is_unknown_and_never_a_fresh_session) {
  const auto cookie = stored();
  time.advance(ttl);
  const auto before = open(cookie).session;
  where->close();
  const auto got = open(cookie);
  EXPECT_EQ(got.status, open_status::unknown);
  EXPECT_EQ(got.why.code, errc::store_closed);
  const auto unchanged = commit(before);
  EXPECT_EQ(unchanged.status, commit_status::untouched) << "it was read while the store was there";
  EXPECT_TRUE(unchanged.set_cookie.empty());
  EXPECT_EQ(commit(before, R"({"a":1})").status, commit_status::unknown);
  EXPECT_EQ(commit(open("").session, R"({"a":1})").status, commit_status::unknown);
}

TEST_P(token_session_test, a_session_that_no_cookie_holds_is_refused_and_names_the_way_out) {
  const auto done = commit(open("").session, R"({"a":")" + std::string(4000, 'x') + "\"}");
  EXPECT_EQ(done.status, commit_status::refused);
  EXPECT_EQ(done.why.code, errc::payload_too_large);
  EXPECT_NE(done.why.message.find("mode 'store'"), std::string::npos);
  EXPECT_TRUE(done.set_cookie.empty());
  EXPECT_EQ(entries(), 0u) << "no family for a cookie that was never sent";

  const auto cookie = stored();
  time.advance(ttl);
  const auto due = open(cookie).session;
  EXPECT_EQ(commit(due, R"({"a":")" + std::string(100'000, 'x') + "\"}").why.code, errc::payload_too_large);
  time.advance(60'000);
  EXPECT_EQ(open(cookie).status, open_status::found) << "nothing rotated for it";
}

TEST_P(token_session_test, every_cookie_that_is_sent_fits_and_comes_back) {
  int sent = 0;
  for (std::size_t size = 2'400; size < 3'000; size += 7) {
    const auto payload = R"({"a":")" + std::string(size, 'x') + "\"}";
    const auto done = commit(open("").session, payload);
    if (done.status == commit_status::refused) continue;
    ++sent;
    ASSERT_LE(pair_of(done.set_cookie).size() - 1, max_cookie_size);
    ASSERT_EQ(open(pair_of(done.set_cookie)).session.payload, payload);
  }
  EXPECT_GT(sent, 0);
}

TEST_P(token_session_test, what_json_allows_comes_back_byte_for_byte) {
  for (const char* payload : {R"({"data":{"data":1},"size":2,"sid":"x"})", R"({"a":"\",\"data\":{","b":"}"})",
                              R"({"n":[1.0,1e5,-0.5,9007199254740991]})", R"({"ключ":"значение 🔑","esc":"\u0000\\\/"})",
                              R"({"":null,"t":[true,false,[[]],{}]})"}) {
    const auto done = commit(open("").session, payload);
    ASSERT_EQ(done.status, commit_status::stored) << done.why.message;
    EXPECT_EQ(open(pair_of(done.set_cookie)).session.payload, payload);
  }
}

TEST_P(token_session_test, the_cookies_own_settings_travel_with_it) {
  const auto cookie = stored();
  commit_request request{.base = open(cookie).session};
  request.cookie = R"({"maxAge":600000,"sameSite":"strict"})";
  const auto done = commit(std::move(request));
  ASSERT_EQ(done.status, commit_status::stored) << done.why.message;
  EXPECT_NE(done.set_cookie.find("SameSite=Strict"), std::string::npos);
  EXPECT_NE(done.set_cookie.find("Expires="), std::string::npos);
  time.advance(ttl);
  const auto later = open(pair_of(done.set_cookie));
  ASSERT_EQ(later.status, open_status::found);
  const auto renewed = commit(later.session);
  EXPECT_EQ(renewed.session.expires_at, time.now() + 600'000);
  EXPECT_NE(renewed.set_cookie.find("SameSite=Strict"), std::string::npos);
  time.advance(600'000);
  EXPECT_EQ(open(pair_of(renewed.set_cookie)).reason, fresh_reason::expired);
}

TEST_P(token_session_test, revoking_all_of_an_owner_ends_what_it_should) {
  const auto phone = stored();
  const auto laptop = stored();
  const auto bob = stored(R"({"user":"bob"})", "bob");
  const auto spared = open(laptop).session.id;
  const auto ended = complete<revoke_all_result>([&](auto done) { families()->revoke_all("ann", spared, done); });
  EXPECT_EQ(ended.count, 1u);
  EXPECT_EQ(open(phone).status, open_status::found) << "until its exp, unless check_epoch is on";

  token_session_options strict;
  strict.check_epoch = true;
  on = make(strict);
  EXPECT_EQ(open(phone).reason, fresh_reason::revoked);
  EXPECT_EQ(open(bob).status, open_status::found);
  const auto mine = visit(laptop);
  EXPECT_NE(mine, laptop) << "the spared one goes on under the new epoch";
  EXPECT_FALSE(open(mine).touch_due);
}

TEST_P(token_session_test, a_list_shows_the_owners_sessions) {
  const auto cookie = stored();
  const auto listed = complete<families_result>([&](auto done) { families()->list("ann", done); });
  ASSERT_EQ(listed.families.size(), 1u);
  EXPECT_EQ(listed.families[0].kind, family_kind::session);
  EXPECT_EQ(listed.families[0].id, open(cookie).session.id);
  // A change of owner moves it.
  commit_request request{.base = open(cookie).session};
  request.owner = "eve";
  ASSERT_EQ(commit(std::move(request)).status, commit_status::stored);
  EXPECT_TRUE(complete<families_result>([&](auto done) { families()->list("ann", done); }).families.empty());
  EXPECT_EQ(complete<families_result>([&](auto done) { families()->list("eve", done); }).families.size(), 1u);
}

TEST_P(token_session_test, keys_rotate_under_living_sessions) {
  const std::string newer = "a newer secret of more than thirty-two bytes!";
  const auto cookie = stored();
  on = make({}, {newer, secret});
  time.advance(ttl);
  const auto renewed = visit(cookie);
  on = make({}, {newer});
  EXPECT_EQ(open(renewed).status, open_status::found);
  EXPECT_EQ(open(cookie).reason, fresh_reason::bad_signature);
}

TEST_P(token_session_test, own_keys_rotate_under_living_sessions) {
  const bool sealed = GetParam() == session_mode::jwt_sealed;
  const auto generate = [&](const char* kid) {
    return *jose::key::generate(sealed ? jose::algorithm::dir : jose::algorithm::ES256, {.kid = kid});
  };
  const auto with = [&](std::vector<jose::key> keys) {
    token_session_options tokens;
    tokens.keys = std::move(keys);
    return make(tokens);
  };
  const auto old_key = generate("old");
  const auto new_key = generate("new");
  on = with({old_key});
  const auto cookie = stored();
  // Of a signing key that has retired its public part will do.
  on = with({new_key, sealed ? old_key : *old_key.public_key()});
  EXPECT_EQ(open(cookie).status, open_status::found);
  time.advance(ttl);
  const auto renewed = visit(cookie);
  ASSERT_NE(renewed, cookie);
  on = with({new_key});
  EXPECT_EQ(open(renewed).status, open_status::found);
  EXPECT_EQ(open(cookie).reason, fresh_reason::bad_signature);
  // Own keys take the place of the ring's, both ways.
  on = make({});
  EXPECT_EQ(open(renewed).reason, fresh_reason::bad_signature);
}

TEST_P(token_session_test, a_snapshot_survives_being_packed) {
  const auto cookie = stored();
  time.advance(ttl);
  const auto session = open(cookie).session;
  const auto back = snapshot::unpack(session.pack(), session.payload);
  ASSERT_TRUE(back);
  EXPECT_EQ(commit(*back).status, commit_status::touched);
}

TEST_P(token_session_test, two_sessions_in_one_request_are_ambiguous_and_versions_of_one_are_not) {
  const auto one = stored();
  const auto other = stored();
  const auto both = open(one + "; " + other);
  EXPECT_EQ(both.reason, fresh_reason::ambiguous);
  time.advance(ttl);
  const auto newer = visit(one);
  EXPECT_FALSE(open(one + "; " + newer).touch_due) << "the newest counts";
}

TEST_P(token_session_test, a_login_or_logout_on_two_live_sessions_ends_both) {
  const auto one = stored();
  const auto other = stored();
  const auto login = commit(open(one + "; " + other).session, R"({"user":"cat"})");
  ASSERT_EQ(login.status, commit_status::stored) << login.why.message;
  // Their cookies verify for a while; beside the new one they do not count.
  const auto cookie = pair_of(login.set_cookie);
  const auto again = open(one + "; " + cookie + "; " + other);
  ASSERT_EQ(again.status, open_status::found) << name_of(again.reason);
  EXPECT_EQ(again.session.payload, R"({"user":"cat"})");
  EXPECT_EQ(open(one + "; " + other).reason, fresh_reason::revoked);

  const auto third = stored();
  const auto both = open(cookie + "; " + third).session;
  ASSERT_EQ(both.rivals.size(), 2u);
  const auto ended = complete<destroyed>([&](auto done) { on->destroy(both, false, done); });
  EXPECT_NE(ended.status, remove_status::unknown);
  EXPECT_FALSE(ended.set_cookie.empty());
  EXPECT_EQ(open(cookie + "; " + third).reason, fresh_reason::revoked);
}

TEST_P(token_session_test, there_is_nothing_to_read_by_id) {
  const auto id = open(stored()).session.id;
  const auto got = complete<opened>([&](auto done) { on->load(id, done); });
  EXPECT_EQ(got.status, open_status::unknown);
  EXPECT_EQ(got.why.code, errc::invalid_state);
  commit_request request{.base = open("").session, .payload = R"({"a":1})"};
  request.id = "an-id-of-the-host";
  EXPECT_EQ(commit(std::move(request)).why.code, errc::invalid_option);
}

TEST_P(token_session_test, bad_options_are_refused) {
  const auto code = [&](token_session_options tokens) {
    tokens.mode = GetParam();
    engine_options options{.keys = *key_ring::from_secret(secret), .where = where};
    options.tokens = std::move(tokens);
    auto made = engine::create(std::move(options));
    EXPECT_FALSE(made);
    return made ? errc::invalid_state : made.error().code;
  };
  token_session_options tokens;
  tokens.access_ttl = 999;
  EXPECT_EQ(code(tokens), errc::invalid_option);
  tokens = {};
  tokens.refresh_grace = -1;
  EXPECT_EQ(code(tokens), errc::invalid_option);
  tokens = {};
  const bool sealed = GetParam() == session_mode::jwt_sealed;
  tokens.keys = {*jose::key::generate(sealed ? jose::algorithm::RSA_OAEP_256 : jose::algorithm::dir)};
  EXPECT_EQ(code(tokens), errc::key_unsuitable);
}

INSTANTIATE_TEST_SUITE_P(modes, token_session_test,
                         ::testing::Values(session_mode::jwt_signed, session_mode::jwt_sealed), testing::mode_name);

}  // namespace
}  // namespace coatcheck
