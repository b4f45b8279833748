// Remote key sets: how many fetches a situation costs, and that no failure takes keys away.
#include "coatcheck/jose/remote_key_set.hpp"

#include "jose_vectors.hpp"

namespace coatcheck::jose::test {
namespace {

constexpr epoch_ms start = 1'700'000'000'000;

std::string set_of(std::initializer_list<std::string> kids) {
  std::vector<key> keys;
  for (const std::string& kid : kids) {
    static std::map<std::string, key> made;
    const auto found = made.find(kid);
    keys.push_back(found != made.end()
                       ? found->second
                       : made.emplace(kid, *key::generate(algorithm::ES256, {.kid = kid})->public_key()).first->second);
  }
  return *key_set::from_keys(std::move(keys))->to_json(key_part::public_only);
}

remote_key_set make(remote_key_set_options options = {}) {
  options.url = "https://issuer.example/jwks";
  auto made = remote_key_set::create(options);
  EXPECT_TRUE(made) << made.error().message;
  return *made;
}

// Prepares, and answers the fetch if there is one.
bool load(const remote_key_set& from, const std::string& body, epoch_ms now, std::string_view cache = "",
          std::string_view etag = "") {
  const key_plan plan = from.prepare("", now);
  if (!plan.fetch) return false;
  return static_cast<bool>(from.finish(plan.fetch->ticket, {200, body, etag, cache, ""}, now));
}

TEST(remote_key_set, urls) {
  for (const char* url : {"https://a.example/jwks", "HTTPS://a.example", "https://[::1]:8443/x?y=1"}) {
    EXPECT_EQ("OK", outcome(remote_key_set::create({.url = url}))) << url;
  }
  for (const char* url :
       {"", "http://a.example/", "file:///etc/passwd", "https://", "https:///x", "https://user:pw@a.example/",
        "ftp://a.example", "https://a.example/#f", "https://a.example/ x", "https://a.example\r\nX: y", "//a.example",
        "https://:443/", "https://a.example\\@b.example"}) {
    EXPECT_EQ("ERR_INVALID_URL", outcome(remote_key_set::create({.url = url}))) << url;
  }
  EXPECT_EQ("OK", outcome(remote_key_set::create({.url = "http://127.0.0.1/jwks", .allow_http = true})));
  EXPECT_EQ("ERR_INVALID_OPTION", outcome(remote_key_set::create({.url = "https://a.example/", .cooldown = 0})));
}

TEST(remote_key_set, one_fetch_at_a_time_and_fresh_for_as_long_as_the_server_says) {
  const auto set = make();
  const key_plan first = set.prepare("a", start);
  ASSERT_EQ(key_advice::fetch, first.advice);
  EXPECT_EQ("https://issuer.example/jwks", first.fetch->url);
  EXPECT_EQ("", first.fetch->etag);
  EXPECT_EQ(key_advice::wait, set.prepare("a", start).advice);
  const std::string body = set_of({"a"});
  ASSERT_TRUE(set.finish(first.fetch->ticket, {200, body, "\"v1\"", "public, max-age=120", "20"}, start));
  key_plan plan = set.prepare("a", start + 99'999);
  EXPECT_EQ(key_advice::use, plan.advice);
  EXPECT_FALSE(plan.fetch);
  EXPECT_EQ(1u, plan.keys.keys().size());
  plan = set.prepare("a", start + 100'000);  // stale: used, and revalidated in the background
  EXPECT_EQ(key_advice::use, plan.advice);
  ASSERT_TRUE(plan.fetch);
  EXPECT_EQ("\"v1\"", plan.fetch->etag);
  const std::uint64_t epoch = plan.epoch;
  ASSERT_TRUE(set.finish(plan.fetch->ticket, {304, "", "", "max-age=60", ""}, start + 100'000));
  plan = set.prepare("a", start + 159'999);
  EXPECT_FALSE(plan.fetch);
  EXPECT_EQ(epoch, plan.epoch);
}

TEST(remote_key_set, a_flood_of_unknown_kids_costs_one_request_per_cooldown) {
  const auto set = make();
  const std::string body = set_of({"a"});
  ASSERT_TRUE(load(set, body, start, "max-age=86400"));
  int fetches = 0;
  for (int i = 0; i < 10'000; ++i) {
    const epoch_ms now = start + 1 + i * 6;  // within 60 s
    const key_plan plan = set.prepare("random" + std::to_string(i), now);
    if (!plan.fetch) continue;
    ++fetches;
    ASSERT_TRUE(set.finish(plan.fetch->ticket, {200, body, "", "max-age=86400", ""}, now));
  }
  EXPECT_LE(fetches, 2);
  EXPECT_EQ(key_advice::use, set.prepare("a", start + 60'000).advice);
}

TEST(remote_key_set, a_new_kid_is_found) {
  const auto set = make();
  ASSERT_TRUE(load(set, set_of({"a"}), start));
  const std::uint64_t before = set.prepare("a", start).epoch;
  const key_plan plan = set.prepare("b", start + 30'000);
  ASSERT_EQ(key_advice::fetch, plan.advice);
  const std::string body = set_of({"a", "b"});
  ASSERT_TRUE(set.finish(plan.fetch->ticket, {200, body, "", "", ""}, start + 30'000));
  const key_plan after = set.prepare("b", start + 30'000);
  EXPECT_EQ(key_advice::use, after.advice);
  EXPECT_NE(before, after.epoch);
}

TEST(remote_key_set, failures_never_take_keys_away) {
  const auto set = make();
  ASSERT_TRUE(load(set, set_of({"a"}), start, "max-age=60"));
  epoch_ms now = start + 61'000;
  const std::string secret = *key_set::from_keys({*key::generate(algorithm::HS256)})->to_json(key_part::with_private);
  const std::string large(300'000, ' ');
  const std::pair<key_response, errc> answers[] = {
      {{500, "", "", "", ""}, errc::key_set_unavailable},   {{404, "{}", "", "", ""}, errc::key_set_unavailable},
      {{302, "", "", "", ""}, errc::key_set_unavailable},   {{200, "<html>", "", "", ""}, errc::key_set_invalid},
      {{200, "{}", "", "", ""}, errc::key_set_invalid},     {{200, secret, "", "", ""}, errc::key_set_invalid},
      {{200, large, "", "", ""}, errc::key_set_unavailable}};
  for (const auto& [answer, code] : answers) {
    const key_plan plan = set.prepare("a", now);
    ASSERT_TRUE(plan.fetch);
    const auto done = set.finish(plan.fetch->ticket, answer, now);
    ASSERT_FALSE(done);
    EXPECT_EQ(code, done.error().code);
    const key_plan after = set.prepare("a", now);
    EXPECT_EQ(key_advice::use, after.advice);
    EXPECT_FALSE(after.fetch);  // cooling down
    EXPECT_EQ(1u, after.keys.keys().size());
    now += 30'000;
  }
  const key_plan plan = set.prepare("a", now);
  set.fail(plan.fetch->ticket, "connection refused", now);
  EXPECT_EQ(key_advice::use, set.prepare("a", now).advice);
}

TEST(remote_key_set, stale_keys_are_used_only_so_long) {
  remote_key_set_options options;
  options.stale_for = 600'000;
  const auto set = make(options);
  ASSERT_TRUE(load(set, set_of({"a"}), start, "max-age=60"));
  epoch_ms now = start + 60'000 + 599'999;
  key_plan plan = set.prepare("a", now);
  EXPECT_EQ(key_advice::use, plan.advice);
  set.fail(plan.fetch->ticket, "timeout", now);
  plan = set.prepare("a", now + 1);
  EXPECT_EQ(key_advice::unavailable, plan.advice);
  EXPECT_EQ(errc::key_set_unavailable, plan.why.code);
  EXPECT_NE(std::string::npos, plan.why.message.find("timeout"));
  EXPECT_EQ(0u, plan.keys.keys().size());
  EXPECT_EQ(key_advice::fetch, set.prepare("a", now + 30'000).advice);
}

TEST(remote_key_set, the_age_is_held_within_bounds) {
  const auto set = make();
  ASSERT_TRUE(load(set, set_of({"a"}), start, "no-store"));
  EXPECT_FALSE(set.prepare("a", start + 29'999).fetch);
  EXPECT_TRUE(set.prepare("a", start + 30'000).fetch);
  const auto forever = make();
  ASSERT_TRUE(load(forever, set_of({"a"}), start, "max-age=999999999999"));
  EXPECT_FALSE(forever.prepare("a", start + 86'399'999).fetch);
  EXPECT_TRUE(forever.prepare("a", start + 86'400'000).fetch);
  const auto silent = make();
  ASSERT_TRUE(load(silent, set_of({"a"}), start, "max-age=x, public"));
  EXPECT_FALSE(silent.prepare("a", start + 599'999).fetch);
  EXPECT_TRUE(silent.prepare("a", start + 600'000).fetch);
}

TEST(remote_key_set, a_host_that_never_answers_does_not_stop_fetching) {
  const auto set = make();
  const key_plan lost = set.prepare("a", start);
  EXPECT_EQ(key_advice::wait, set.prepare("a", start + 9'999).advice);
  const key_plan again = set.prepare("a", start + 30'000);
  ASSERT_EQ(key_advice::fetch, again.advice);
  EXPECT_EQ("ERR_INVALID_STATE",
            outcome(set.finish(lost.fetch->ticket, {200, set_of({"a"}), "", "", ""}, start + 30'000)));
  const std::string body = set_of({"a"});
  EXPECT_EQ("OK", outcome(set.finish(again.fetch->ticket, {200, body, "", "", ""}, start + 30'000)));
}

}  // namespace
}  // namespace coatcheck::jose::test
