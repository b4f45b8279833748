// Refresh tokens: rotation, the grace window, theft, lifetimes, listing and revocation, by a clock set by hand.
#include "coatcheck/refresh_tokens.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "support/vectors.hpp"
#include "tokens/refresh_token.hpp"

namespace coatcheck {
namespace {

constexpr const char* secret = "a test secret of more than thirty-two bytes";
constexpr const char* other_secret = "another test secret of more than 32 bytes";

class refresh_test : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = open_store("memory:refresh-test-" + std::to_string(++stores), {.time = &time});
    ASSERT_TRUE(opened) << opened.error().message;
    where = *opened;
    on = make({secret});
  }
  std::shared_ptr<refresh_tokens> make(const std::vector<std::string>& secrets, refresh_options options) {
    auto keys = key_ring::from_secrets(secrets);
    EXPECT_TRUE(keys);
    options.keys = *keys;
    options.where = where;
    options.time = &time;
    auto made = refresh_tokens::create(std::move(options));
    EXPECT_TRUE(made) << made.error().message;
    return *made;
  }
  std::shared_ptr<refresh_tokens> make(const std::vector<std::string>& secrets) {
    return make(secrets, {.keys = *key_ring::from_secret(secret)});
  }

  issue_result issue(std::string_view owner = "ann", std::string_view device = "phone") const {
    auto out = complete<issue_result>([&](auto done) { on->issue(owner, device, R"({"role":"admin"})", done); });
    EXPECT_EQ(out.status, issue_status::issued) << out.why.message;
    return out;
  }
  refresh_result refresh(std::string_view token) const {
    return complete<refresh_result>([&](auto done) { on->refresh(token, done); });
  }
  std::vector<token_family> list(std::string_view owner) const {
    auto out = complete<families_result>([&](auto done) { on->list(owner, done); });
    EXPECT_TRUE(out.known) << out.why.message;
    return out.families;
  }
  remove_status revoke(std::string_view family) const {
    return complete<remove_result>([&](auto done) { on->revoke(family, done); }).status;
  }
  revoke_all_result revoke_all(std::string_view owner, std::string_view except = {}) const {
    return complete<revoke_all_result>([&](auto done) { on->revoke_all(owner, except, done); });
  }
  epoch_status check(std::string_view owner, epoch_ms epoch) const {
    return complete<epoch_result>([&](auto done) { on->check(owner, epoch, done); }).status;
  }

  static inline int stores = 0;
  manual_clock time;
  std::shared_ptr<store> where;
  std::shared_ptr<refresh_tokens> on;
};

TEST_F(refresh_test, a_token_is_replaced_at_every_use) {
  const auto first = issue();
  EXPECT_TRUE(first.token.starts_with("ccr1." + first.family.id + "."));
  std::set<std::string> seen = {first.token};
  std::string token = first.token;
  for (int use = 0; use < 20; ++use) {
    time.advance(60'000);
    const auto next = refresh(token);
    ASSERT_EQ(next.status, refresh_status::rotated) << next.why.message;
    EXPECT_FALSE(next.repeated);
    EXPECT_TRUE(seen.insert(next.token).second) << "a token came twice";
    EXPECT_EQ(next.family.id, first.family.id);
    EXPECT_EQ(next.family.owner, "ann");
    EXPECT_EQ(next.family.payload, R"({"role":"admin"})");
    EXPECT_EQ(next.family.last_used, time.now());
    token = next.token;
  }
}

TEST_F(refresh_test, a_retry_within_the_window_gets_the_same_successor) {
  const auto first = issue();
  const auto second = refresh(first.token);
  time.advance(9'999);
  const auto retry = refresh(first.token);
  ASSERT_EQ(retry.status, refresh_status::rotated) << retry.why.message;
  EXPECT_TRUE(retry.repeated);
  EXPECT_EQ(retry.token, second.token);
  EXPECT_EQ(refresh(second.token).status, refresh_status::rotated);
}

TEST_F(refresh_test, after_the_window_a_used_token_is_theft_and_ends_the_family) {
  const auto first = issue();
  const auto second = refresh(first.token);
  time.advance(10'000);
  const auto thief = refresh(first.token);
  EXPECT_EQ(thief.status, refresh_status::reused);
  EXPECT_EQ(thief.why.code, errc::token_reused);
  EXPECT_TRUE(thief.token.empty());
  EXPECT_EQ(thief.family.owner, "ann") << "whom to warn";
  const auto victim = refresh(second.token);
  EXPECT_EQ(victim.status, refresh_status::revoked);
  EXPECT_EQ(victim.why.code, errc::token_revoked);
  EXPECT_TRUE(list("ann").empty());
}

TEST_F(refresh_test, after_the_successor_was_used_the_token_before_is_theft_at_once) {
  const auto first = issue();
  const auto second = refresh(first.token);
  const auto third = refresh(second.token);
  ASSERT_EQ(third.status, refresh_status::rotated);
  EXPECT_EQ(refresh(first.token).status, refresh_status::reused);
  EXPECT_EQ(refresh(third.token).status, refresh_status::revoked);
}

TEST_F(refresh_test, without_a_window_every_repetition_is_theft) {
  on = make({secret}, {.keys = *key_ring::from_secret(secret), .grace = 0});
  const auto first = issue();
  ASSERT_EQ(refresh(first.token).status, refresh_status::rotated);
  EXPECT_EQ(refresh(first.token).status, refresh_status::reused);
}

TEST_F(refresh_test, a_host_whose_clock_is_behind_still_repeats) {
  const auto first = issue();
  const auto second = refresh(first.token);
  time.advance(-3'000);
  EXPECT_EQ(refresh(first.token).token, second.token);
}

TEST_F(refresh_test, made_up_tokens_change_nothing) {
  const auto first = issue();
  const auto second = refresh(first.token);
  time.advance(60'000);
  // Every character of an old token turned into another one: never theft, never taken.
  const std::string old = first.token;
  for (std::size_t i = 0; i < old.size(); ++i) {
    std::string altered = old;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    const auto got = refresh(altered);
    EXPECT_TRUE(got.status == refresh_status::not_found || got.status == refresh_status::malformed) << i;
  }
  for (const std::string& text : {std::string(), std::string("ccr1."), old + "A", old.substr(1), " " + old,
                                  std::string(64 * 1024, 'A'), old.substr(0, 28) + std::string(48, 'A')}) {
    EXPECT_EQ(refresh(text).status, refresh_status::malformed);
  }
  EXPECT_EQ(refresh(second.token).status, refresh_status::rotated) << "the family still lives";
}

TEST_F(refresh_test, idle_and_absolute_time_end_a_family) {
  on = make({secret}, {.keys = *key_ring::from_secret(secret), .idle_timeout = 1'000, .absolute_timeout = 2'500});
  auto idle = issue();
  EXPECT_EQ(idle.family.expires_at, time.now() + 1'000);
  time.advance(1'000);
  EXPECT_EQ(refresh(idle.token).status, refresh_status::not_found) << "the store has dropped it";

  auto busy = issue();
  std::string token = busy.token;
  for (int use = 0; use < 3; ++use) {
    time.advance(800);
    const auto next = refresh(token);
    ASSERT_EQ(next.status, refresh_status::rotated);
    token = next.token;
    EXPECT_LE(next.family.expires_at, busy.family.absolute_at);
  }
  time.advance(100);
  EXPECT_NE(refresh(token).status, refresh_status::rotated) << "activity never moves the absolute deadline";
}

TEST_F(refresh_test, a_list_shows_devices_and_no_tokens) {
  const auto phone = issue("ann", "phone");
  time.advance(1'000);
  const auto laptop = issue("ann", "Laptop in the kitchen");
  issue("bob", "phone");
  time.advance(1'000);
  ASSERT_EQ(refresh(phone.token).status, refresh_status::rotated);
  const auto families = list("ann");
  ASSERT_EQ(families.size(), 2u);
  EXPECT_EQ(families[0].id, laptop.family.id) << "newest first";
  EXPECT_EQ(families[0].device, "Laptop in the kitchen");
  EXPECT_EQ(families[1].last_used, time.now());
  EXPECT_GT(families[1].last_used, families[1].created);
  EXPECT_TRUE(list("carol").empty());
}

TEST_F(refresh_test, the_store_holds_nothing_that_refreshes) {
  const auto first = issue();
  const auto got = complete<get_result>([&](auto done) { where->get("rf_" + first.family.id, done); });
  ASSERT_EQ(got.status, get_status::found);
  const auto dot = first.token.rfind('.');
  EXPECT_EQ(got.value.bytes.find(first.token.substr(dot + 7)), std::string::npos);
  // What is there does not help: a token of the same family under another ring is not taken.
  const auto outsider = make({other_secret});
  EXPECT_EQ(complete<refresh_result>([&](auto done) { outsider->refresh(first.token, done); }).status,
            refresh_status::not_found);
  EXPECT_EQ(refresh(first.token).status, refresh_status::rotated);
}

TEST_F(refresh_test, revoking_one_family_leaves_the_others) {
  const auto phone = issue("ann", "phone");
  const auto laptop = issue("ann", "laptop");
  EXPECT_EQ(revoke(phone.family.id), remove_status::removed);
  EXPECT_EQ(revoke(phone.family.id), remove_status::absent);
  EXPECT_EQ(revoke("not an id"), remove_status::absent);
  EXPECT_EQ(refresh(phone.token).status, refresh_status::revoked);
  EXPECT_EQ(refresh(laptop.token).status, refresh_status::rotated);
}

TEST_F(refresh_test, logout_takes_any_genuine_token_of_the_family) {
  const auto first = issue();
  const auto second = refresh(first.token);
  const auto other = issue("bob");
  const auto forged = first.token.substr(0, 28) + other.token.substr(28);  // ann's family, bob's secret
  const auto logout = [&](const std::string& token) {
    return complete<remove_result>([&](auto done) { on->revoke_token(token, done); }).status;
  };
  EXPECT_EQ(logout(forged), remove_status::absent);
  EXPECT_EQ(logout(first.token), remove_status::removed);
  EXPECT_EQ(refresh(second.token).status, refresh_status::revoked);
}

TEST_F(refresh_test, revoking_all_moves_the_epoch_and_spares_one) {
  const auto phone = issue("ann", "phone");
  const auto laptop = issue("ann", "laptop");
  const auto bob = issue("bob", "phone");
  EXPECT_EQ(phone.family.epoch, 0);
  EXPECT_EQ(check("ann", phone.family.epoch), epoch_status::current);
  time.advance(5'000);

  const auto done = revoke_all("ann", laptop.family.id);
  ASSERT_TRUE(done.known) << done.why.message;
  EXPECT_EQ(done.count, 1u);
  EXPECT_EQ(check("ann", phone.family.epoch), epoch_status::revoked);
  EXPECT_EQ(check("ann", time.now() - 1), epoch_status::revoked) << "an iat before it";
  EXPECT_EQ(check("bob", bob.family.epoch), epoch_status::current);
  EXPECT_EQ(refresh(phone.token).status, refresh_status::revoked);
  const auto spared = refresh(laptop.token);
  ASSERT_EQ(spared.status, refresh_status::rotated) << spared.why.message;
  EXPECT_EQ(spared.family.epoch, done.epoch);
  EXPECT_EQ(check("ann", spared.family.epoch), epoch_status::current);
  EXPECT_EQ(issue("ann").family.epoch, done.epoch);

  const auto again = revoke_all("ann");
  EXPECT_GT(again.epoch, done.epoch) << "also within the same millisecond";
  EXPECT_EQ(again.count, 2u);
  EXPECT_EQ(refresh(bob.token).status, refresh_status::rotated);
}

TEST_F(refresh_test, a_family_of_somebody_else_is_not_spared) {
  const auto ann = issue("ann");
  const auto bob = issue("bob");
  const auto done = revoke_all("ann", bob.family.id);
  EXPECT_EQ(done.count, 1u);
  EXPECT_EQ(refresh(bob.token).family.epoch, 0) << "untouched";
  EXPECT_EQ(refresh(ann.token).status, refresh_status::revoked);
}

// revoke_all lists families after it moved the epoch: one that is stored later, under the old epoch, must not live on.
TEST_F(refresh_test, a_family_that_was_being_issued_meanwhile_ends_at_its_first_refresh) {
  const auto family = issue("ann");
  const auto key = "rf_" + family.family.id;
  const auto before = complete<get_result>([&](auto done) { where->get(key, done); });
  ASSERT_EQ(complete<remove_result>([&](auto done) { where->remove(key, done); }).status, remove_status::removed);
  EXPECT_EQ(revoke_all("ann").count, 0u);
  const auto late = complete<put_result>([&](auto done) {
    where->put(key, before.value.bytes, before.value.expires_at, expectation::nothing(), "ann", done);
  });
  ASSERT_EQ(late.status, put_status::stored);
  EXPECT_EQ(refresh(family.token).status, refresh_status::revoked);
  EXPECT_TRUE(list("ann").empty());
}

// A failover of the store may lose the last write; what was handed out counts all the same.
TEST_F(refresh_test, a_rotation_that_the_store_lost_is_survived) {
  const auto first = issue();
  const auto key = "rf_" + first.family.id;
  const auto before = complete<get_result>([&](auto done) { where->get(key, done); });
  const auto second = refresh(first.token);
  (void)complete<put_result>([&](auto done) {
    where->put(key, before.value.bytes, before.value.expires_at, expectation::anything(), "ann", done);
  });
  const auto third = refresh(second.token);
  EXPECT_EQ(third.status, refresh_status::rotated);
  EXPECT_NE(third.token, second.token);
}

TEST_F(refresh_test, keys_rotate_under_living_families) {
  const auto first = issue();
  on = make({other_secret, secret});
  const auto second = refresh(first.token);
  ASSERT_EQ(second.status, refresh_status::rotated);
  EXPECT_EQ(refresh(first.token).token, second.token) << "the retry is answered under the new key";
  on = make({other_secret});
  EXPECT_EQ(refresh(second.token).status, refresh_status::rotated);
  EXPECT_EQ(refresh(first.token).status, refresh_status::not_found) << "its key is gone";
}

TEST_F(refresh_test, damaged_records_are_unknown_and_stay) {
  const auto first = issue();
  const auto key = "rf_" + first.family.id;
  const auto good = complete<get_result>([&](auto done) { where->get(key, done); }).value;
  const auto other = issue("bob");
  const auto others = complete<get_result>([&](auto done) { where->get("rf_" + other.family.id, done); }).value.bytes;
  const auto store_as = [&](const std::string& bytes) {
    (void)complete<put_result>(
        [&](auto done) { where->put(key, bytes, good.expires_at, expectation::anything(), "ann", done); });
  };
  for (const std::string& bytes :
       {std::string(), std::string("cf2 {}\n{}"), std::string("cf1 {}\n{}"),
        good.bytes.substr(0, good.bytes.size() / 2), good.bytes.substr(0, good.bytes.size() - 1)}) {
    store_as(bytes);
    const auto got = refresh(first.token);
    EXPECT_EQ(got.status, refresh_status::unknown) << bytes;
    EXPECT_EQ(got.why.code, errc::record_damaged);
    EXPECT_EQ(complete<get_result>([&](auto done) { where->get(key, done); }).value.bytes, bytes);
  }
  store_as(others);
  EXPECT_EQ(refresh(first.token).why.code, errc::record_mismatch);
  store_as(good.bytes);
  EXPECT_EQ(refresh(first.token).status, refresh_status::rotated);
}

TEST_F(refresh_test, an_unavailable_store_is_unknown_everywhere) {
  const auto first = issue();
  where->close();
  EXPECT_EQ(refresh(first.token).status, refresh_status::unknown);
  EXPECT_EQ(refresh(first.token).why.code, errc::store_closed);
  EXPECT_EQ(revoke(first.family.id), remove_status::unknown);
  EXPECT_FALSE(revoke_all("ann").known);
  EXPECT_EQ(check("ann", 0), epoch_status::unknown);
  const auto issued = complete<issue_result>([&](auto done) { on->issue("ann", "", "{}", done); });
  EXPECT_EQ(issued.status, issue_status::unknown);
  EXPECT_TRUE(issued.token.empty());
  EXPECT_FALSE(complete<families_result>([&](auto done) { on->list("ann", done); }).known);
}

TEST_F(refresh_test, bad_arguments_are_refused) {
  const auto refused = [&](std::string_view owner, std::string_view device, std::string_view payload) {
    const auto out = complete<issue_result>([&](auto done) { on->issue(owner, device, payload, done); });
    EXPECT_EQ(out.status, issue_status::refused);
    return out.why.code;
  };
  EXPECT_EQ(refused("", "d", "{}"), errc::invalid_option);
  EXPECT_EQ(refused(std::string(257, 'a'), "d", "{}"), errc::invalid_option);
  EXPECT_EQ(refused("\xff", "d", "{}"), errc::invalid_option);
  EXPECT_EQ(refused("ann", std::string(257, 'd'), "{}"), errc::invalid_option);
  EXPECT_EQ(refused("ann", "a\nb", "{}"), errc::invalid_option);
  for (const char* payload : {"", "[]", "1", "{} ", R"({"a":1,"a":2})", "{\"a\":\xff}"}) {
    EXPECT_EQ(refused("ann", "d", payload), errc::not_serialisable) << payload;
  }
  EXPECT_EQ(refused("ann", "d", R"({"a":")" + std::string(70'000, 'x') + "\"}"), errc::payload_too_large);
  EXPECT_FALSE(revoke_all("ann", "not an id").known);

  const auto create = [&](refresh_options options) {
    options.where = where;
    return refresh_tokens::create(std::move(options));
  };
  const auto keys = *key_ring::from_secret(secret);
  EXPECT_FALSE(create({.keys = keys, .idle_timeout = 0}));
  EXPECT_FALSE(create({.keys = keys, .absolute_timeout = -1}));
  EXPECT_FALSE(create({.keys = keys, .grace = 600'001}));
  EXPECT_FALSE(refresh_tokens::create({.keys = keys}));
}

// Computed with Python's hmac and hashlib from docs/formats.md.
TEST(refresh_vectors, tokens_are_made_as_documented) {
  for (const auto& one : coatcheck_test::vector_cases("refresh_tokens")) {
    tokens::token_maker maker(*key_ring::from_secret(one["secret"].get<std::string>()));
    tokens::family family;
    family.facts.id = one["family"];
    family.salt = coatcheck_test::from_hex(one["salt"].get<std::string>());
    family.counter = one["counter"];
    family.key = one["key_id"];
    const auto made = maker.newest(family, 1);
    ASSERT_TRUE(made);
    EXPECT_EQ(*made, one["token"].get<std::string>());
    const auto parsed = tokens::parse_token(*made);
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(maker.genuine(family, parsed->counter, parsed->mac, 1));
    EXPECT_FALSE(maker.genuine(family, parsed->counter + 1, parsed->mac, 1));
  }
}

}  // namespace
}  // namespace coatcheck
