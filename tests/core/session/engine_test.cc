// The life of a session as a host drives it: open, commit, destroy, regenerate, deadlines, cookies.
#include <thread>

#include "core/session/fixture.hpp"
#include "support/vectors.hpp"

namespace coatcheck::testing {
namespace {

using ::testing::Test;

constexpr duration_ms hour = 3'600'000;

TEST_F(engine_test, a_request_without_a_cookie_gets_an_empty_session_and_nothing_is_stored) {
  const auto session = open("");
  EXPECT_EQ(session.status, open_status::fresh);
  EXPECT_EQ(session.reason, fresh_reason::no_cookie);
  EXPECT_EQ(session.session.payload, "{}");
  const auto done = commit({.base = session.session});
  EXPECT_EQ(done.status, commit_status::unchanged);
  EXPECT_EQ(done.set_cookie, "");
}

TEST_F(engine_test, what_one_request_stores_the_next_one_reads) {
  const auto done = commit(open("").session, R"({"user":"ann","n":1})");
  ASSERT_EQ(done.status, commit_status::stored);
  EXPECT_EQ(done.set_cookie.rfind("session=s%3A", 0), 0U) << done.set_cookie;
  EXPECT_NE(done.set_cookie.find("; Path=/; HttpOnly; SameSite=Lax"), std::string::npos) << done.set_cookie;
  const auto again = open(pair_of(done.set_cookie));
  ASSERT_EQ(again.status, open_status::found);
  EXPECT_EQ(again.session.payload, R"({"user":"ann","n":1})");
  EXPECT_EQ(again.session.id.size(), 43U);
}

TEST_F(engine_test, an_empty_new_session_is_stored_only_when_asked_for) {
  EXPECT_EQ(commit(open("").session, "{}").status, commit_status::unchanged);
  EXPECT_EQ(commit({.base = open("").session, .save = true}).status, commit_status::stored);
  settings chosen;
  chosen.policy.save_uninitialised = true;
  on = make(chosen);
  EXPECT_EQ(commit(open("").session, "{}").status, commit_status::stored);
}

TEST_F(engine_test, an_id_of_the_hosts_own_is_checked) {
  for (const std::string& bad :
       {std::string("a\nb"), std::string(1, '\0'), std::string(129, 'a'), std::string("\xc3\xa9")}) {
    const auto done = commit({.base = open("").session, .payload = R"({"a":1})", .id = bad});
    EXPECT_EQ(done.status, commit_status::refused);
    EXPECT_EQ(done.why.code, errc::invalid_option);
  }
}

TEST_F(engine_test, an_exact_commit_is_not_merged_but_told_what_is_stored_now) {
  settings chosen;
  chosen.policy.conflict_retries = 1;
  on = make(chosen);
  const auto cookie = stored(R"({"n":1})");
  const auto session = open(cookie).session;
  ASSERT_EQ(commit(session, R"({"n":5})").status, commit_status::stored);
  const auto stale = commit({.base = session, .payload = R"({"n":2})", .exact = 0});
  ASSERT_EQ(stale.status, commit_status::stale);
  EXPECT_EQ(stale.session.payload, R"({"n":5})");
  EXPECT_EQ(commit({.base = stale.session, .payload = R"({"n":6})", .exact = 1}).status, commit_status::stored);
  EXPECT_EQ(open(cookie).session.payload, R"({"n":6})");
  EXPECT_EQ(commit({.base = session, .payload = R"({"n":2})", .exact = 20}).status, commit_status::conflict);
}

TEST_F(engine_test, halves_of_surrogate_pairs_are_replaced_or_refused_with_their_path) {
  settings strict;
  strict.policy.halves = lone_surrogates::refuse;
  auto refusing = make(strict);
  for (const auto& one : coatcheck_test::vector_cases("lone_surrogates")) {
    const auto text = one["text"].get<std::string>();
    const auto done = commit(open("").session, text);
    if (one.contains("twice")) {
      EXPECT_EQ(done.status, commit_status::refused) << one["name"];
      EXPECT_EQ(done.why.code, errc::not_serialisable);
      continue;
    }
    ASSERT_EQ(done.status, commit_status::stored) << one["name"] << done.why.message;
    const auto read = open(pair_of(done.set_cookie)).session;
    EXPECT_TRUE(same_json(read.payload, one["well_formed"].get<std::string>())) << one["name"] << read.payload;
    const bool half = one["well_formed"].get<std::string>().find("\xef\xbf\xbd") != std::string::npos;
    on.swap(refusing);
    const auto strictly = commit(open("").session, text);
    on.swap(refusing);
    EXPECT_EQ(strictly.status, half ? commit_status::refused : commit_status::stored) << one["name"];
  }
  on = refusing;
  const auto done = commit(open("").session, R"({"a":[0,{"user@example.com":0,"b":["x","\ud83d"]}]})");
  ASSERT_EQ(done.status, commit_status::refused);
  EXPECT_TRUE(done.why.message.ends_with(" in session.a.1.b.1")) << done.why.message;
}

TEST_F(engine_test, equal_values_in_other_bytes_are_no_change) {
  const auto cookie = stored(R"({"a":1,"b":{"x":1,"y":[1,2]}})");
  const auto session = open(cookie).session;
  EXPECT_EQ(commit(session, R"({"b":{"y":[1,2],"x":1.0},"a":1})").status, commit_status::unchanged);
  EXPECT_EQ(commit(session, R"({"a":1,"b":{"x":1,"y":[2,1]}})").status, commit_status::stored);
}

TEST_F(engine_test, what_a_json_printer_lets_through_is_refused_all_the_same) {
  for (const std::string& bad :
       {std::string(R"({"a":9007199254740993})"), std::string(R"({"__proto__":{"admin":true}})"), std::string("[1]"),
        std::string("{"), "{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}",
        std::string(R"({"a":123456789012345678901})")}) {
    const auto done = commit({.base = open("").session, .payload = bad, .printed = true});
    EXPECT_EQ(done.status, commit_status::refused) << bad;
    EXPECT_EQ(done.why.code, errc::not_serialisable) << bad;
  }
  for (const std::string& good : {std::string(R"({"a":0.12345678901234567,"b":1700000000000})"),
                                  std::string(R"({"a":"\u0001","b":"1234567890123456789"})")}) {
    EXPECT_EQ(commit({.base = open("").session, .payload = good, .printed = true}).status, commit_status::stored);
  }
}

TEST_F(engine_test, a_bad_first_cookie_does_not_hide_a_good_second_one) {
  const auto cookie = stored(R"({"user":"ann"})");
  const auto session = open("session=bogus; session=s%3Aaaaa.bbbb; " + cookie);
  ASSERT_EQ(session.status, open_status::found);
  EXPECT_EQ(session.session.payload, R"({"user":"ann"})");
}

TEST_F(engine_test, two_different_live_sessions_in_one_request_are_both_refused) {
  const auto ann = stored(R"({"user":"ann"})");
  const auto bob = stored(R"({"user":"bob"})");
  const auto session = open(ann + "; " + bob);
  EXPECT_EQ(session.status, open_status::fresh);
  EXPECT_EQ(session.reason, fresh_reason::ambiguous);
  EXPECT_EQ(session.session.payload, "{}");
  EXPECT_EQ(open(ann + "; " + ann).status, open_status::found);
}

TEST_F(engine_test, a_login_on_two_live_sessions_ends_both_and_counts_at_once) {
  settings chosen;
  chosen.cookie.domain = "shop.example";
  on = make(chosen);
  const auto ann = stored(R"({"user":"ann"})");
  const auto bob = stored(R"({"user":"bob"})");
  const auto both = open(ann + "; " + bob).session;
  // Nobody logs in: nobody is logged out.
  EXPECT_EQ(commit(both, "{}").status, commit_status::unchanged);
  EXPECT_EQ(open(ann).status, open_status::found);

  // As a host keeps it that has text alone, and with a login's new id.
  const auto kept = snapshot::unpack(both.pack(), both.payload);
  ASSERT_TRUE(kept);
  const auto done = commit(regenerate(*kept).session, R"({"user":"cat"})");
  ASSERT_EQ(done.status, commit_status::stored);
  EXPECT_TRUE(done.session.rivals.empty());
  EXPECT_EQ(open(ann).status, open_status::fresh);
  EXPECT_EQ(open(bob).status, open_status::fresh);
  const auto again = open(ann + "; " + pair_of(done.set_cookie) + "; " + bob);
  ASSERT_EQ(again.status, open_status::found);
  EXPECT_EQ(again.session.payload, R"({"user":"cat"})");
  EXPECT_NE(done.set_cookie.find("; Domain=shop.example"), std::string::npos);
  ASSERT_EQ(done.clearing.size(), 1U);  // of the time before there was a domain
  EXPECT_EQ(done.clearing[0].rfind("session=; Path=/; Expires=Thu, 01 Jan 1970", 0), 0U) << done.clearing[0];
  const auto keys = complete<keys_result>([&](auto then) { sessions->scan("", 10, then); });
  EXPECT_EQ(keys.keys.size(), 1U);  // no orphan
}

TEST_F(engine_test, a_logout_on_two_live_sessions_ends_both) {
  const auto ann = stored(R"({"user":"ann"})");
  const auto bob = stored(R"({"user":"bob"})");
  const auto done = destroy(open(ann + "; " + bob).session);
  EXPECT_NE(done.status, remove_status::unknown);
  EXPECT_EQ(done.set_cookie.rfind("session=; ", 0), 0U);
  EXPECT_TRUE(done.clearing.empty());  // without a domain there is one form
  EXPECT_EQ(open(ann).status, open_status::fresh);
  EXPECT_EQ(open(bob).status, open_status::fresh);
}

TEST_F(engine_test, each_form_of_the_cookie_that_the_options_can_have_set_is_cleared) {
  settings chosen;
  chosen.cookie.domain = "shop.example";
  chosen.cookie.path = "/a";
  on = make(chosen);
  const auto done = commit({.base = open("").session, .payload = R"({"a":1})", .cookie = R"({"path":"/b"})"});
  ASSERT_EQ(done.status, commit_status::stored);
  EXPECT_TRUE(done.clearing.empty());  // the request carried no other
  const auto ended = destroy(done.session);
  EXPECT_NE(ended.set_cookie.find("; Domain=shop.example; Path=/b;"), std::string::npos) << ended.set_cookie;
  ASSERT_EQ(ended.clearing.size(), 3U);
  EXPECT_EQ(ended.clearing[0].rfind("session=; Path=/b;", 0), 0U) << ended.clearing[0];
  EXPECT_EQ(ended.clearing[1].rfind("session=; Domain=shop.example; Path=/a;", 0), 0U) << ended.clearing[1];
  EXPECT_EQ(ended.clearing[2].rfind("session=; Path=/a;", 0), 0U) << ended.clearing[2];
}

TEST_F(engine_test, a_dead_session_beside_a_live_one_does_not_count) {
  const auto ann = stored(R"({"user":"ann"})");
  const auto old = stored(R"({"user":"ann"})");
  destroy(open(old).session);
  EXPECT_EQ(open(old + "; " + ann).status, open_status::found);
}

TEST_F(engine_test, cookies_that_are_not_ours_give_a_fresh_session_with_a_reason) {
  const auto cookie = stored(R"({"user":"ann"})");
  auto tampered = cookie;
  tampered[tampered.size() - 3] = tampered[tampered.size() - 3] == 'A' ? 'B' : 'A';
  EXPECT_EQ(open(tampered).reason, fresh_reason::bad_signature);
  EXPECT_EQ(open(cookie.substr(0, cookie.size() - 1)).reason, fresh_reason::bad_signature);
  EXPECT_EQ(open("session=" + std::string(5000, 'x')).reason, fresh_reason::refused);
  EXPECT_EQ(open("session=").reason, fresh_reason::bad_signature);
  EXPECT_EQ(open("Session=x").reason, fresh_reason::no_cookie);
  const auto foreign = key_ring::from_secret("another secret of more than thirty-two bytes")
                           ->sign_express(open(cookie).session.id, time.now());
  EXPECT_EQ(open("session=" + *foreign).reason, fresh_reason::bad_signature);
}

TEST_F(engine_test, a_well_signed_id_that_is_not_stored_is_never_adopted) {
  const auto ring = key_ring::from_secret(secret);
  const auto session = open("session=" + percent_encode(*ring->sign_express("chosen-by-somebody", time.now())));
  EXPECT_EQ(session.status, open_status::fresh);
  EXPECT_EQ(session.reason, fresh_reason::not_found);
  const auto done = commit(session.session, R"({"user":"ann"})");
  EXPECT_NE(done.session.id, "chosen-by-somebody");
}

TEST_F(engine_test, the_store_never_sees_the_id) {
  const auto cookie = stored(R"({"user":"ann"})");
  const auto id = open(cookie).session.id;
  const auto keys = complete<keys_result>([&](auto done) { sessions->scan("", 10, done); });
  ASSERT_EQ(keys.keys.size(), 1U);
  EXPECT_EQ(keys.keys[0].find(id), std::string::npos);
  const auto got = complete<get_result>([&](auto done) { sessions->get(keys.keys[0], done); });
  EXPECT_EQ(got.value.bytes.find(id), std::string::npos);
}

TEST_F(engine_test, idle_timeout_ends_a_session_and_a_request_before_it_renews_it) {
  const auto cookie = stored(R"({"n":1})");
  time.advance(hour - 1000);
  const auto session = open(cookie);
  ASSERT_EQ(session.status, open_status::found);
  ASSERT_TRUE(session.touch_due);
  EXPECT_EQ(commit({.base = session.session}).status, commit_status::touched);
  time.advance(hour - 1000);
  EXPECT_EQ(open(cookie).status, open_status::found);
  time.advance(hour + 1000);
  EXPECT_EQ(open(cookie).status, open_status::fresh);
}

TEST_F(engine_test, a_touch_is_written_only_after_its_share_of_the_idle_time) {
  const auto cookie = stored(R"({"n":1})");
  time.advance(hour / 10 - 1);
  EXPECT_FALSE(open(cookie).touch_due);
  EXPECT_EQ(commit({.base = open(cookie).session}).status, commit_status::unchanged);
  time.advance(1);
  EXPECT_TRUE(open(cookie).touch_due);
}

TEST_F(engine_test, activity_never_extends_a_session_past_its_absolute_timeout) {
  const auto cookie = stored(R"({"n":1})");
  for (int minute = 0; minute < 24 * 2 - 1; ++minute) {
    time.advance(hour / 2);
    const auto session = open(cookie);
    ASSERT_EQ(session.status, open_status::found) << minute;
    commit({.base = session.session});
  }
  time.advance(hour / 2);
  EXPECT_EQ(open(cookie).status, open_status::fresh);
}

TEST_F(engine_test, a_touch_is_no_conflict_for_another_requests_write) {
  const auto cookie = stored(R"({"n":1})");
  time.advance(hour / 2);
  const auto slow = open(cookie).session;
  EXPECT_EQ(commit({.base = open(cookie).session}).status, commit_status::touched);
  EXPECT_EQ(commit(slow, R"({"n":2})").status, commit_status::stored);
}

TEST_F(engine_test, a_destroyed_session_stays_destroyed_whatever_is_in_flight) {
  const auto cookie = stored(R"({"user":"ann"})");
  const auto slow = open(cookie).session;
  time.advance(hour / 2);
  const auto ended = destroy(open(cookie).session);
  EXPECT_EQ(ended.status, remove_status::removed);
  EXPECT_NE(ended.set_cookie.find("Expires=Thu, 01 Jan 1970 00:00:00 GMT"), std::string::npos);
  const auto late = commit(slow, R"({"user":"ann","late":true})");
  EXPECT_EQ(late.status, commit_status::gone);
  EXPECT_EQ(late.set_cookie, "");
  EXPECT_EQ(commit({.base = slow}).status, commit_status::gone);
  EXPECT_EQ(commit({.base = slow, .save = true}).status, commit_status::gone);
  EXPECT_EQ(open(cookie).status, open_status::fresh);
}

TEST_F(engine_test, regenerate_gives_a_new_id_at_once_and_keeps_what_was_in_it) {
  const auto cookie = stored(R"({"cart":[1]})");
  const auto before = open(cookie).session;
  auto renewed = regenerate(before);
  ASSERT_EQ(renewed.status, remove_status::removed);
  EXPECT_EQ(open(cookie).status, open_status::fresh) << "the old id is dead before the new one is stored";
  EXPECT_EQ(renewed.session.payload, R"({"cart":[1]})");
  const auto done = commit(renewed.session, R"({"cart":[1],"user":"ann"})");
  ASSERT_EQ(done.status, commit_status::stored);
  EXPECT_NE(done.session.id, before.id);
  EXPECT_EQ(open(pair_of(done.set_cookie)).session.payload, R"({"cart":[1],"user":"ann"})");
}

TEST_F(engine_test, regenerating_a_session_that_somebody_ended_does_not_bring_its_data_back) {
  const auto cookie = stored(R"({"user":"ann"})");
  const auto slow = open(cookie).session;
  destroy(open(cookie).session);
  const auto renewed = regenerate(slow);
  EXPECT_EQ(renewed.status, remove_status::absent);
  EXPECT_EQ(renewed.session.payload, "{}");
}

TEST_F(engine_test, overlapping_writes_to_different_keys_are_both_kept) {
  const auto cookie = stored(R"({"n":0,"gone":true})");
  const auto one = open(cookie).session;
  const auto two = open(cookie).session;
  EXPECT_EQ(commit(one, R"({"n":0,"a":1})").status, commit_status::stored);
  const auto merged = commit(two, R"({"n":0,"gone":true,"b":2})");
  EXPECT_EQ(merged.status, commit_status::merged);
  EXPECT_TRUE(same_json(open(cookie).session.payload, R"({"n":0,"a":1,"b":2})")) << open(cookie).session.payload;
}

TEST_F(engine_test, a_key_that_both_changed_follows_the_policy) {
  for (const auto& [policy, expected] :
       {std::pair{merge_policy::mine, R"({"k":"second"})"}, std::pair{merge_policy::theirs, R"({"k":"first"})"},
        std::pair{merge_policy::reject, R"({"k":"first"})"}}) {
    settings chosen;
    chosen.policy.on_conflict = policy;
    on = make(chosen);
    const auto cookie = stored(R"({"k":"base"})");
    const auto one = open(cookie).session;
    const auto two = open(cookie).session;
    commit(one, R"({"k":"first"})");
    const auto late = commit(two, R"({"k":"second"})");
    EXPECT_EQ(late.status, policy == merge_policy::reject ? commit_status::conflict : commit_status::merged);
    if (policy == merge_policy::reject) {
      EXPECT_EQ(late.why.code, errc::session_conflict);
    }
    EXPECT_EQ(open(cookie).session.payload, expected);
  }
}

TEST_F(engine_test, a_second_commit_of_one_request_goes_on_from_the_first) {
  const auto first = commit(open("").session, R"({"a":1})");
  ASSERT_EQ(first.status, commit_status::stored);
  EXPECT_EQ(commit(first.session, R"({"a":1})").status, commit_status::unchanged);
  EXPECT_EQ(commit(first.session, R"({"a":2})").status, commit_status::stored);
  EXPECT_EQ(open(pair_of(first.set_cookie)).session.payload, R"({"a":2})");
}

TEST_F(engine_test, an_outage_is_unknown_and_never_a_fresh_session) {
  const auto cookie = stored(R"({"user":"ann"})");
  const auto session = open(cookie).session;
  sessions->close();
  const auto during = open(cookie);
  EXPECT_EQ(during.status, open_status::unknown);
  EXPECT_EQ(during.why.code, errc::store_closed);
  EXPECT_EQ(commit(session, R"({"user":"bob"})").status, commit_status::unknown);
  EXPECT_EQ(destroy(session).status, remove_status::unknown);
  EXPECT_EQ(regenerate(session).status, remove_status::unknown);
  EXPECT_EQ(open("").status, open_status::fresh) << "no cookie needs no store";
}

TEST_F(engine_test, secrets_rotate_without_logging_anybody_out) {
  settings old_ring;
  old_ring.secrets = {"the old secret, of more than thirty-two bytes"};
  on = make(old_ring);
  const auto cookie = stored(R"({"user":"ann"})");
  settings rotated;
  rotated.secrets = {"the new secret, of more than thirty-two bytes", old_ring.secrets[0]};
  on = make(rotated);
  const auto session = open(cookie);
  ASSERT_EQ(session.status, open_status::found);
  // A cookie that is sent again is signed with the new secret and still finds the record under the old one.
  const auto done =
      commit({.base = session.session, .payload = R"({"user":"ann","n":1})", .cookie = R"({"maxAge":60000})"});
  ASSERT_EQ(done.status, commit_status::stored);
  EXPECT_NE(pair_of(done.set_cookie), cookie);
  EXPECT_EQ(open(pair_of(done.set_cookie)).session.payload, R"({"user":"ann","n":1})");
  EXPECT_EQ(open(cookie).status, open_status::found);
  settings retired;
  retired.secrets = {rotated.secrets[0]};
  on = make(retired);
  EXPECT_EQ(open(cookie).reason, fresh_reason::bad_signature);
}

TEST_F(engine_test, a_session_can_be_loaded_by_its_id) {
  const auto cookie = stored(R"({"user":"ann"})");
  const auto id = open(cookie).session.id;
  const auto load = [&](std::string_view wanted) {
    return complete<opened>([&](auto done) { on->load(wanted, done); });
  };
  EXPECT_EQ(load(id).session.payload, R"({"user":"ann"})");
  EXPECT_EQ(load("no-such-id").status, open_status::fresh);
}

TEST_F(engine_test, a_session_can_be_looked_at_by_its_key_in_the_store) {
  settings other;
  other.secrets = {"another secret of more than thirty-two bytes"};
  const auto elsewhere = make(other);
  const auto cookie = stored(R"({"a":1})");
  const auto id = open(cookie).session.id;
  const auto look = [&](std::string_view key) {
    return complete<opened>([&](auto done) { elsewhere->inspect(key, done); });
  };
  const auto keys = complete<keys_result>([&](auto done) { sessions->scan("", 100, done); });
  ASSERT_EQ(keys.keys.size(), 1U);
  EXPECT_TRUE(is_session_key(keys.keys[0]));
  const auto found = look(keys.keys[0]);
  ASSERT_EQ(found.status, open_status::found);
  EXPECT_EQ(found.session.payload, R"({"a":1})");
  EXPECT_EQ(found.session.id, "");
  // A renewed session leaves a mark, which is none; what is no record is told.
  const auto renewed = regenerate(open(cookie).session);
  const auto mark = look(keys.keys[0]);
  EXPECT_EQ(mark.status, open_status::fresh);
  EXPECT_EQ(mark.reason, fresh_reason::not_found);
  const std::string damaged(43, 'k');
  ASSERT_EQ(complete<put_result>([&](auto done) {
              sessions->put(damaged, "nonsense", time.now() + hour, {}, "", done);
            }).status,
            put_status::stored);
  EXPECT_EQ(look(damaged).why.code, errc::record_damaged);
  EXPECT_FALSE(is_session_key("rf_" + damaged));
}

TEST_F(engine_test, the_owner_is_kept_and_indexed) {
  const auto done = commit({.base = open("").session, .payload = R"({"user":"ann"})", .owner = "ann"});
  const auto session = open(pair_of(done.set_cookie)).session;
  EXPECT_EQ(session.owner, "ann");
  commit(session, R"({"user":"ann","n":1})");
  const auto keys = complete<keys_result>([&](auto d) { sessions->owned_by("ann", d); });
  EXPECT_EQ(keys.keys.size(), 1U);
}

TEST_F(engine_test, a_snapshot_survives_being_kept_as_text) {
  const auto done = commit({.base = open("").session,
                            .payload = R"({"user":"ann"})",
                            .cookie = R"({"maxAge":60000})",
                            .owner = "an owner, with spaces\nand é"});
  const auto session = open(pair_of(done.set_cookie)).session;
  const auto back = snapshot::unpack(session.pack(), session.payload);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->id, session.id);
  EXPECT_EQ(back->tag, session.tag);
  EXPECT_EQ(back->owner, session.owner);
  EXPECT_EQ(back->cookie, session.cookie);
  EXPECT_EQ(back->expires_at, session.expires_at);
  EXPECT_EQ(back->absolute_at, session.absolute_at);
  EXPECT_EQ(commit(*back, R"({"user":"bob"})").status, commit_status::stored);
  const auto packed = session.pack();
  for (std::size_t size = 0; size < packed.size(); ++size) {
    EXPECT_FALSE(snapshot::unpack(packed.substr(0, size), "{}") && size + 1 < packed.size() &&
                 snapshot::unpack(packed.substr(0, size), "{}")->owner == session.owner);
  }
  EXPECT_FALSE(snapshot::unpack("", "{}"));
  EXPECT_FALSE(snapshot::unpack("p9 0 0 0 0 0  0  -", "{}"));
}

TEST_F(engine_test, a_session_with_a_lifetime_of_zero_is_not_kept) {
  EXPECT_EQ(commit({.base = open("").session, .payload = R"({"a":1})", .cookie = R"({"maxAge":0})"}).status,
            commit_status::unchanged);
  const auto cookie = stored(R"({"a":1})");
  commit({.base = open(cookie).session, .cookie = R"({"maxAge":0})"});
  EXPECT_EQ(open(cookie).status, open_status::fresh);
}

TEST_F(engine_test, options_that_make_no_sense_are_refused_with_their_name) {
  const auto refused = [&](auto&& change) {
    auto keys = key_ring::from_secret(secret);
    engine_options options{.keys = *keys, .where = sessions, .cookie = {}, .policy = {}, .time = &time};
    change(options);
    const auto made = engine::create(options);
    EXPECT_FALSE(made);
    return made ? std::string() : made.error().message;
  };
  EXPECT_NE(refused([](auto& o) { o.policy.idle_timeout = 0; }).find("idle_timeout"), std::string::npos);
  EXPECT_NE(refused([](auto& o) { o.policy.absolute_timeout = -1; }).find("absolute_timeout"), std::string::npos);
  EXPECT_NE(refused([](auto& o) { o.policy.touch_share = 1; }).find("touch_share"), std::string::npos);
  EXPECT_NE(refused([](auto& o) { o.policy.touch_share = std::numeric_limits<double>::quiet_NaN(); }).find("touch"),
            std::string::npos);
  EXPECT_NE(refused([](auto& o) { o.policy.id_bytes = 8; }).find("id_bytes"), std::string::npos);
  EXPECT_NE(refused([](auto& o) { o.cookie.max_age = -1; }).find("max_age"), std::string::npos);
  EXPECT_NE(refused([](auto& o) { o.cookie.name = "bad name"; }), "");
  EXPECT_NE(refused([](auto& o) {
              o.cookie.name = "__Host-id";
              o.cookie.domain = "example.com";
            }),
            "");
  EXPECT_NE(refused([](auto& o) { o.where = nullptr; }).find("store"), std::string::npos);
}

}  // namespace
}  // namespace coatcheck::testing
