// Pruning by turns, on every store: of several clients one has the turn, and the next interval is anybody's.
#include "coatcheck/pruning.hpp"

#include <algorithm>
#include <gtest/gtest.h>

#include "contract/at_once.hpp"

namespace coatcheck::contract {
namespace {

constexpr duration_ms interval = 1'000;

prune_result turn(store_place& place, client& of) {
  const place_clock time(place);
  return of.run<prune_result>([&](auto done) { prune_in_turn(of.raw(), time, interval, done); });
}

TEST_P(StoreContract, OneOfSeveralPrunesInAnInterval) {
  auto other = open_client();
  if (c->raw().capabilities().expires_itself) {
    EXPECT_EQ(turn(*place, *c).status, prune_status::unnecessary);
    EXPECT_EQ(c->get(prune_lease_key).status, get_status::absent);
    return;
  }
  // Without the few that each write drops: what is due is due at once.
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(c->put("k" + std::to_string(i), "v", place->now() + 20).status, put_status::stored);
  }
  ASSERT_EQ(c->put("lives", "v", later()).status, put_status::stored);
  place->pass_time(30);
  const auto first = turn(*place, *c);
  ASSERT_EQ(first.status, prune_status::pruned) << first.why.message;
  EXPECT_GT(first.count, 0U);
  EXPECT_EQ(turn(*place, other).status, prune_status::not_ours);
  EXPECT_EQ(turn(*place, *c).status, prune_status::not_ours);
  EXPECT_EQ(c->get("lives").status, get_status::found);
  EXPECT_EQ(c->run<prune_result>([&](auto done) { prune_further(c->raw(), done); }).count, 0U);

  place->pass_time(interval);
  EXPECT_EQ(turn(*place, other).status, prune_status::pruned);
  EXPECT_EQ(turn(*place, *c).status, prune_status::not_ours);
}

TEST_P(StoreContract, ManyThatAskAtOnceGiveOneTurn) {
  const auto can = c->raw().capabilities();
  if (can.expires_itself) return;
  const place_clock time(*place);
  const auto all = all_at_once<prune_result>(
      *place, !can.needs_loop, 40, [&](std::size_t, auto done) { prune_in_turn(c->raw(), time, interval, done); });
  EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const auto& one) { return one.status == prune_status::pruned; }),
            1);
  EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const auto& one) { return one.status == prune_status::not_ours; }),
            39);
}

TEST_P(StoreContract, AnIntervalOutOfRangeAndAClosedStoreAreSaid) {
  const place_clock time(*place);
  for (const duration_ms wrong : {duration_ms{0}, duration_ms{999}, duration_ms{86'400'001}, duration_ms{-1}}) {
    const auto got = c->run<prune_result>([&](auto done) { prune_in_turn(c->raw(), time, wrong, done); });
    EXPECT_EQ(got.status, prune_status::unknown);
    EXPECT_EQ(got.why.code, errc::invalid_option);
  }
  if (c->raw().capabilities().expires_itself) return;
  c->close();
  EXPECT_EQ(turn(*place, *c).why.code, errc::store_closed);
}

}  // namespace
}  // namespace coatcheck::contract
