// Refresh tokens on every store under a thousand uses at once: none is lost, none is accepted twice, no false theft.
//
// On a synchronous store the uses come from eight threads and two clients; on an asynchronous one all of them are in
// flight at once, on two connections.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "coatcheck/refresh_tokens.hpp"

#include "contract/at_once.hpp"

namespace coatcheck::contract {
namespace {

constexpr std::size_t uses = 1000;
constexpr duration_ms longest_grace = 600'000;  // no machine is so slow that concurrency alone outlasts it
constexpr duration_ms short_grace = 20;

// Two services that share families: each has a client of its own.
class two_services {
 public:
  two_services(store_place& place, duration_ms grace) : place_(place), time_(place) {
    for (auto& one : services_) {
      auto made = refresh_tokens::create({.keys = *key_ring::from_secret("a test secret of more than thirty-two bytes"),
                                          .where = place.open(),
                                          .time = &time_,
                                          .grace = grace});
      EXPECT_TRUE(made);
      one = *made;
    }
  }

  [[nodiscard]] issue_result issue() {
    return to_its_end<issue_result>(place_, [&](auto done) { services_[0]->issue("ann", "phone", "{}", done); });
  }
  [[nodiscard]] refresh_result refresh(std::string_view token) {
    return to_its_end<refresh_result>(place_, [&](auto done) { services_[1]->refresh(token, done); });
  }
  // All of them at once; the two services take turns.
  [[nodiscard]] std::vector<refresh_result> refresh_all(const std::vector<std::string>& tokens) {
    return all_at_once<refresh_result>(place_, !services_[0]->capabilities().needs_loop, tokens.size(),
                                       [&](std::size_t i, auto done) { services_[i % 2]->refresh(tokens[i], done); });
  }

 private:
  store_place& place_;
  place_clock time_;
  std::shared_ptr<refresh_tokens> services_[2];
};

std::size_t count(const std::vector<refresh_result>& all, refresh_status status) {
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [&](const auto& one) { return one.status == status; }));
}

TEST_P(StoreOfOurs, AThousandUsesOfOneRefreshTokenHaveOneSuccessor) {
  two_services on(*place, longest_grace);
  auto token = on.issue().token;
  ASSERT_FALSE(token.empty());
  for (int generation = 0; generation < 3; ++generation) {
    std::set<std::string> successors;
    int first = 0;
    for (const auto& one : on.refresh_all(std::vector<std::string>(uses, token))) {
      ASSERT_EQ(one.status, refresh_status::rotated) << one.why.message;
      if (!one.repeated) ++first;
      successors.insert(one.token);
    }
    EXPECT_EQ(first, 1);
    ASSERT_EQ(successors.size(), 1u);
    token = *successors.begin();
  }
  EXPECT_EQ(on.refresh(token).status, refresh_status::rotated) << "the family lives";
}

TEST_P(StoreOfOurs, AThousandRefreshesOfManyFamiliesDoNotMeet) {
  two_services on(*place, longest_grace);
  std::vector<std::string> tokens;
  for (std::size_t i = 0; i < uses / 2; ++i) {
    // Neighbours, so that the two services use one token at the same time.
    tokens.insert(tokens.end(), 2, on.issue().token);
  }
  const auto got = on.refresh_all(tokens);
  std::set<std::string> successors;
  std::vector<std::string> next;
  for (std::size_t i = 0; i < got.size(); i += 2) {
    ASSERT_EQ(got[i].status, refresh_status::rotated) << got[i].why.message;
    ASSERT_EQ(got[i + 1].status, refresh_status::rotated) << got[i + 1].why.message;
    EXPECT_EQ(got[i].token, got[i + 1].token);
    EXPECT_NE(got[i].repeated, got[i + 1].repeated);
    successors.insert(got[i].token);
    next.push_back(got[i].token);
  }
  EXPECT_EQ(successors.size(), uses / 2);
  EXPECT_EQ(count(on.refresh_all(next), refresh_status::rotated), uses / 2) << "every successor is good";
}

TEST_P(StoreOfOurs, AThousandReusesAfterTheWindowEndTheFamilyOnce) {
  two_services on(*place, short_grace);
  const auto used = on.issue().token;
  const auto newest = on.refresh(used).token;
  ASSERT_FALSE(newest.empty());
  place->pass_time(2 * short_grace);
  const auto got = on.refresh_all(std::vector<std::string>(uses, used));
  EXPECT_EQ(count(got, refresh_status::reused), 1u) << "one alarm for one theft";
  EXPECT_EQ(count(got, refresh_status::revoked), uses - 1);
  EXPECT_EQ(on.refresh(newest).status, refresh_status::revoked);
}

}  // namespace
}  // namespace coatcheck::contract
