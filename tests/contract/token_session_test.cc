// Sessions in their cookie on every store: a thousand requests with one expired cookie are all served, and none of them
// is taken for a thief's.
#include <set>
#include <string>

#include "coatcheck/engine.hpp"
#include "coatcheck/refresh_tokens.hpp"

#include "contract/at_once.hpp"

namespace coatcheck::contract {
namespace {

constexpr std::size_t requests = 1000;
constexpr duration_ms access_ttl = 60'000;
constexpr const char* secret = "a test secret of more than thirty-two bytes";

std::shared_ptr<engine> make_engine(store_place& place, session_mode mode, const clock& time) {
  engine_options options{.keys = *key_ring::from_secret(secret), .where = place.open()};
  options.time = &time;
  options.tokens.mode = mode;
  options.tokens.access_ttl = access_ttl;
  options.tokens.refresh_grace = 600'000;  // no machine is so slow that concurrency alone outlasts it
  auto made = engine::create(std::move(options));
  EXPECT_TRUE(made);
  return *made;
}

std::string pair_of(const std::string& set_cookie) { return set_cookie.substr(0, set_cookie.find(';')); }

void serve_a_thousand(store_place& place, session_mode mode) {
  const place_clock before(place, access_ttl + 1000);
  const place_clock now(place);
  const auto first = make_engine(place, mode, before);
  const bool synchronous = !first->capabilities().needs_loop;
  const auto fresh = to_its_end<opened>(place, [&](auto done) { first->open({}, done); });
  commit_request request{.base = fresh.session, .payload = R"({"user":"ann"})"};
  request.owner = "ann";
  const auto made = to_its_end<committed>(place, [&](auto done) { first->commit(std::move(request), done); });
  ASSERT_EQ(made.status, commit_status::stored) << made.why.message;
  const auto expired = pair_of(made.set_cookie);

  // Two services; each request is opened and committed by one of them.
  const std::shared_ptr<engine> services[2] = {make_engine(place, mode, now), make_engine(place, mode, now)};
  const auto got = all_at_once<opened>(place, synchronous, requests, [&](std::size_t i, completion<opened> done) {
    services[i % 2]->open({.cookie_header = expired}, done);
  });
  for (const auto& one : got) {
    ASSERT_EQ(one.status, open_status::found) << name_of(one.reason);
    ASSERT_TRUE(one.touch_due);
  }
  const auto sent = all_at_once<committed>(
      place, synchronous, requests,
      [&](std::size_t i, completion<committed> done) { services[i % 2]->commit({.base = got[i].session}, done); });
  std::set<std::string> cookies;
  for (const auto& one : sent) {
    ASSERT_EQ(one.status, commit_status::touched) << one.why.message;
    cookies.insert(pair_of(one.set_cookie));
  }
  // The browser keeps any one of them, and each is good.
  for (const auto& cookie : cookies) {
    const auto next = to_its_end<opened>(place, [&](auto done) { services[0]->open({.cookie_header = cookie}, done); });
    ASSERT_EQ(next.status, open_status::found) << name_of(next.reason);
    ASSERT_FALSE(next.touch_due);
    ASSERT_EQ(next.session.payload, R"({"user":"ann"})");
  }
  auto families = refresh_tokens::create({.keys = *key_ring::from_secret(secret), .where = place.open(), .time = &now});
  ASSERT_TRUE(families);
  const auto listed = to_its_end<families_result>(place, [&](auto done) { (*families)->list("ann", done); });
  ASSERT_EQ(listed.known, services[0]->capabilities().owner_index);
  if (listed.known) {
    EXPECT_EQ(listed.families.size(), 1u);
  }
}

TEST_P(StoreOfOurs, AThousandRequestsWithOneExpiredSignedSessionAreServed) {
  serve_a_thousand(*place, session_mode::jwt_signed);
}

TEST_P(StoreOfOurs, AThousandRequestsWithOneExpiredSealedSessionAreServed) {
  serve_a_thousand(*place, session_mode::jwt_sealed);
}

}  // namespace
}  // namespace coatcheck::contract
