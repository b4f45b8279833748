// Sticky sessions: when the browser is told which node serves it, and what is refused.
#include "fixture.hpp"

namespace coatcheck::testing {
namespace {

class affinity_test : public engine_test {
 protected:
  std::shared_ptr<engine> node(const std::string& name) {
    const std::string one = secret;
    auto made = engine::create({.keys = *key_ring::from_secrets(std::span(&one, 1)),
                                .where = sessions,
                                .cookie = {},
                                .policy = {},
                                .time = &time,
                                .affinity = {.node = name}});
    EXPECT_TRUE(made) << made.error().message;
    return *made;
  }
  committed untouched(const std::string& cookies) {
    auto got = open(cookies);
    EXPECT_EQ(got.status, open_status::found);
    due = got.touch_due;
    return commit({.base = *snapshot::unpack(got.session.pack(), got.session.payload)});  // as Node has it
  }
  bool due = false;
};

TEST_F(affinity_test, the_node_is_named_with_a_new_session_and_not_again) {
  on = node("n1");
  const auto made = commit(open("").session, R"({"a":1})");
  EXPECT_EQ(made.clearing, std::vector<std::string>{"route=n1; Path=/; HttpOnly; SameSite=Lax"});
  const auto again = untouched(pair_of(made.set_cookie) + "; route=n1");
  EXPECT_FALSE(due);
  EXPECT_TRUE(again.clearing.empty());
  EXPECT_TRUE(again.set_cookie.empty());
}

TEST_F(affinity_test, a_session_that_comes_from_another_node_is_told_without_a_write) {
  on = node("n1");
  const auto cookie = pair_of(commit(open("").session, R"({"a":1})").set_cookie);
  on = node("n2");
  for (const std::string route : {"; route=n1", "", "; route=n2; route=n1", "; route="}) {
    const auto got = untouched(cookie + route);
    EXPECT_TRUE(due);
    EXPECT_EQ(got.status, commit_status::unchanged);
    EXPECT_EQ(pair_of(got.set_cookie), cookie);
    EXPECT_EQ(got.clearing, std::vector<std::string>{"route=n2; Path=/; HttpOnly; SameSite=Lax"}) << route;
  }
  const auto written = commit(open(cookie).session, R"({"a":2})");
  EXPECT_EQ(written.status, commit_status::stored);
  EXPECT_EQ(written.clearing.size(), 1U);
  EXPECT_FALSE(written.session.reroute);
}

TEST_F(affinity_test, nobody_is_told_without_a_session) {
  on = node("n1");
  EXPECT_FALSE(open("route=n2").touch_due);
  EXPECT_TRUE(commit({.base = open("route=n2").session}).clearing.empty());
}

TEST_F(affinity_test, what_can_not_be_is_refused) {
  const std::string one = secret;
  const auto refused = [&](affinity_options affinity, session_mode mode = session_mode::store) {
    auto made = engine::create({.keys = *key_ring::from_secrets(std::span(&one, 1)),
                                .where = sessions,
                                .cookie = {},
                                .policy = {},
                                .time = &time,
                                .tokens = {.mode = mode},
                                .affinity = std::move(affinity)});
    return made ? std::string() : made.error().message;
  };
  EXPECT_NE(refused({.node = "n 1"}), "");
  EXPECT_NE(refused({.node = std::string(65, 'n')}), "");
  EXPECT_NE(refused({.node = "n\n1"}), "");
  EXPECT_NE(refused({.node = "n1", .cookie = "session"}), "");
  EXPECT_NE(refused({.node = "n1", .cookie = "a b"}), "");
  EXPECT_NE(refused({.node = "n1", .cookie = ""}), "");
  EXPECT_NE(refused({.node = "n1"}, session_mode::jwt_signed), "");
  EXPECT_EQ(refused({.node = "n1.eu-west_1", .cookie = "stick"}), "");
}

}  // namespace
}  // namespace coatcheck::testing
