// Encryption at rest: what the place below sees, what is refused, and how keys and services change while it is used.
#include "store/layers/encrypting.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

#include "coatcheck/event_loop.hpp"
#include "coatcheck/refresh_tokens.hpp"

#include "core/store/file_places.hpp"
#include "support/redis_server.hpp"

namespace coatcheck::test {
namespace {

const key_spec first_key{.id = "first", .secret = "the first secret of thirty-two bytes"};
const key_spec second_key{.id = "second", .secret = "the second secret of thirty-two bytes"};

key_ring ring(const std::vector<key_spec>& keys) { return *key_ring::from_keys(keys); }

// One memory store, as it is and under layers.
class Encrypting : public ::testing::Test {
 protected:
  std::shared_ptr<store> under(std::string_view layer, const key_ring& secrets) {
    auto opened = open_store(std::string(layer) + url_, {&time, nullptr, &secrets});
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message);
    return *opened;
  }
  std::shared_ptr<store> sealed(const key_ring& secrets) { return under("encrypted:", secrets); }
  std::string raw_bytes(std::string_view key) { return get(*raw, key).value.bytes; }
  std::vector<std::string> owned(store& s, std::string_view owner) {
    auto got = complete<keys_result>([&](auto done) { s.owned_by(owner, done); });
    EXPECT_TRUE(got.known);
    return got.keys;
  }

  static int next() {
    static int last = 0;
    return ++last;
  }
  const std::string url_ = "memory:encrypting-" + std::to_string(next());
  manual_clock time{1'700'000'000'000};
  const epoch_ms until = time.now() + 3'600'000;
  const key_ring keys = ring({first_key});
  std::shared_ptr<store> raw = *open_store(url_, {&time});
};

void expect_unreadable(const get_result& got) {
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_EQ(got.why.code, errc::record_damaged) << got.why.message;
  EXPECT_TRUE(got.value.bytes.empty());
}

TEST_F(Encrypting, SealsUnderTheNewestKeyAndLeavesEtagAndDeadlineToTheStore) {
  const auto s = sealed(keys);
  const auto stored = put(*s, "key", "the text", expectation::nothing(), "ann", until);
  ASSERT_EQ(stored.status, put_status::stored);
  const auto below = get(*raw, "key").value;
  EXPECT_TRUE(below.bytes.starts_with("ccs1.first."));
  EXPECT_EQ(below.bytes.find("text"), std::string::npos);
  EXPECT_EQ(below.tag, stored.tag);
  EXPECT_EQ(below.expires_at, until);
  const auto got = get(*s, "key");
  EXPECT_EQ(got.value.bytes, "the text");
  EXPECT_EQ(got.value.tag, stored.tag);
  ASSERT_EQ(touch(*s, "key", until + 1).status, touch_status::touched);
  EXPECT_EQ(raw_bytes("key"), below.bytes);
  const auto other = put(*s, "key", "another", expectation::version(etag("x")), {}, until);
  EXPECT_EQ(other.status, put_status::conflict);
  EXPECT_EQ(other.current.bytes, "the text");
  EXPECT_EQ(other.current.tag, stored.tag);
}

TEST_F(Encrypting, WhatDoesNotOpenIsUnknownAndIsNotOverwrittenUnseen) {
  const auto s = sealed(keys);
  ASSERT_EQ(put(*s, "a", "of a", expectation::anything(), {}, until).status, put_status::stored);
  ASSERT_EQ(put(*s, "b", "of b", expectation::anything(), {}, until).status, put_status::stored);
  const auto of_a = raw_bytes("a");
  const auto of_b = raw_bytes("b");
  std::vector<std::string> planted = {of_b, "", "x", "cc1 plain", of_a.substr(0, of_a.size() - 1), of_a + "x"};
  for (std::size_t at = 0; at < of_a.size(); ++at) {
    planted.push_back(of_a);
    planted.back()[at] = static_cast<char>(planted.back()[at] ^ 1);
  }
  for (const auto& bytes : planted) {
    ASSERT_EQ(put(*raw, "a", bytes, expectation::anything(), {}, until).status, put_status::stored);
    expect_unreadable(get(*s, "a"));
    for (const auto& expected : {expectation::nothing(), expectation::version(etag("x"))}) {
      const auto refused = put(*s, "a", "mine", expected, {}, until);
      EXPECT_EQ(refused.status, put_status::unknown);
      EXPECT_EQ(refused.why.code, errc::record_damaged);
    }
    EXPECT_EQ(raw_bytes("a"), bytes);
  }
  EXPECT_EQ(get(*s, "b").value.bytes, "of b");
  EXPECT_EQ(remove(*s, "a").status, remove_status::removed);
}

TEST_F(Encrypting, RotationReadsOldRecordsSealsThemAgainWhenTheyAreWrittenAndEndsWithRevocation) {
  const auto old = sealed(keys);
  ASSERT_EQ(put(*old, "read", "one", expectation::anything(), {}, until).status, put_status::stored);
  ASSERT_EQ(put(*old, "written", "two", expectation::anything(), {}, until).status, put_status::stored);
  const auto both = ring({second_key, first_key});
  const auto now = sealed(both);
  EXPECT_EQ(get(*now, "read").value.bytes, "one");
  ASSERT_EQ(put(*now, "written", "two", expectation::version(get(*now, "written").value.tag), {}, until).status,
            put_status::stored);
  EXPECT_TRUE(raw_bytes("read").starts_with("ccs1.first."));
  EXPECT_TRUE(raw_bytes("written").starts_with("ccs1.second."));
  expect_unreadable(get(*old, "written"));

  auto gone = first_key;
  gone.state = key_state::revoked;
  const auto revoked = ring({second_key, gone});
  const auto after = sealed(revoked);
  EXPECT_EQ(get(*after, "written").value.bytes, "two");
  expect_unreadable(get(*after, "read"));
}

TEST_F(Encrypting, ARingWhoseKeyMayNotSealYetStoresNothing) {
  auto later = first_key;
  later.state = key_state::verify_only;
  const auto none = ring({later});
  const auto refused = put(*sealed(none), "key", "text", expectation::anything(), {}, until);
  EXPECT_EQ(refused.status, put_status::unknown);
  EXPECT_EQ(refused.why.code, errc::key_unsuitable);
  EXPECT_EQ(get(*raw, "key").status, get_status::absent);
}

TEST_F(Encrypting, MovesInAndOutWithoutLosingAndWithoutReadingWhatIsPlainWhereItIsNotAsked) {
  ASSERT_EQ(put(*raw, "old", "plain", expectation::anything(), "ann", until).status, put_status::stored);
  const auto strict = sealed(keys);
  const auto moving = under("encrypted+migrate:", keys);
  const auto announced = under("encrypted+prepare:", keys);
  expect_unreadable(get(*strict, "old"));
  EXPECT_EQ(get(*moving, "old").value.bytes, "plain");
  EXPECT_EQ(get(*announced, "old").value.bytes, "plain");

  ASSERT_EQ(put(*announced, "new", "still plain", expectation::anything(), "ann", until).status, put_status::stored);
  EXPECT_EQ(raw_bytes("new"), "still plain");
  ASSERT_EQ(put(*moving, "old", "sealed", expectation::anything(), "ann", until).status, put_status::stored);
  EXPECT_TRUE(raw_bytes("old").starts_with("ccs1."));
  for (const auto& s : {strict, moving, announced}) EXPECT_EQ(get(*s, "old").value.bytes, "sealed");

  // Log out everywhere finds a user's sessions of before and of now.
  for (const auto& s : {moving, announced}) {
    EXPECT_EQ(owned(*s, "ann"), (std::vector<std::string>{"new", "old"}));
  }
  EXPECT_EQ(remove_owner(*moving, "ann"), 2U);

  // One that says that it is sealed and does not open is no plain one.
  ASSERT_EQ(put(*raw, "planted", "ccs1.first.planted", expectation::anything(), {}, until).status, put_status::stored);
  for (const auto& s : {strict, moving, announced}) expect_unreadable(get(*s, "planted"));
}

TEST_F(Encrypting, OwnersAreFoundUnderEveryKeyAndNamedToNobody) {
  const auto old = sealed(keys);
  ASSERT_EQ(put(*old, "one", "1", expectation::anything(), "ann@example.com", until).status, put_status::stored);
  auto gone = first_key;
  gone.state = key_state::revoked;
  const auto revoked = ring({second_key, gone});
  const auto s = sealed(revoked);
  ASSERT_EQ(put(*s, "two", "2", expectation::anything(), "ann@example.com", until).status, put_status::stored);
  ASSERT_EQ(put(*s, "three", "3", expectation::anything(), "bob", until).status, put_status::stored);
  EXPECT_EQ(owned(*s, "ann@example.com"), (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(owned(*s, "").empty());
  EXPECT_TRUE(owned(*raw, "ann@example.com").empty());
  const auto removed = complete<count_result>([&](auto done) { s->remove_owner("ann@example.com", "two", done); });
  EXPECT_EQ(removed.count, 1U);
  EXPECT_EQ(owned(*s, "ann@example.com"), std::vector<std::string>{"two"});
}

TEST(EncryptedUrl, PutsOneLayerAndNoOther) {
  EXPECT_EQ(*encrypted_url("memory:", encryption::off), "memory:");
  EXPECT_EQ(*encrypted_url("memory:", encryption::required), "encrypted:memory:");
  EXPECT_EQ(*encrypted_url("counted:memory:", encryption::migrate), "encrypted+migrate:counted:memory:");
  EXPECT_EQ(*encrypted_url("counted:encrypted:memory:", encryption::required), "counted:encrypted:memory:");
  EXPECT_EQ(*encrypted_url("Encrypted:memory:", encryption::off), "Encrypted:memory:");
  EXPECT_EQ(unencrypted_url("counted:encrypted:memory:a"), "counted:memory:a");
  EXPECT_EQ(unencrypted_url("redis://localhost"), "redis://localhost");
  const auto both = encrypted_url("encrypted:redis://user:password@host", encryption::migrate);
  ASSERT_FALSE(both);
  EXPECT_EQ(both.error().code, errc::invalid_option);
  EXPECT_EQ(both.error().message.find("password"), std::string::npos);
  const auto without = open_store("encrypted:memory:");
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().code, errc::invalid_option);
  EXPECT_TRUE(*needs_driver("encrypted:redis://localhost"));
  EXPECT_FALSE(*needs_driver("encrypted+prepare:memory:"));
}

constexpr std::string_view marker = "a text that nobody is to find";

// What a thief of the file sees.
TEST(EncryptedFile, HoldsNoTextOfASessionAndNoOwner) {
  const auto keys = ring({first_key});
  for (const bool encrypted : {false, true}) {
    const temporary_directory dir;
    const auto opened = open_store((encrypted ? "encrypted:" : "") + dir.url("?map_size=4194304"), {{}, {}, &keys});
    ASSERT_TRUE(opened);
    ASSERT_EQ(put(**opened, "key", marker, expectation::anything(), "ann@example.com").status, put_status::stored);
    EXPECT_EQ(get(**opened, "key").value.bytes, marker);
    (*opened)->close();
    std::ifstream file(dir.file(), std::ios::binary);
    const std::string all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    EXPECT_EQ(all.find(marker) == std::string::npos, encrypted);
    EXPECT_EQ(all.find("ann@example.com") == std::string::npos, encrypted);
    EXPECT_EQ(all.find("ccs1.first.") != std::string::npos, encrypted);
  }
}

TEST(EncryptedRedis, HoldsNoTextOfASessionOrOfARefreshToken) {
  if (coatcheck_test::redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
  coatcheck_test::redis_server server;
  event_loop loop;
  const auto keys = ring({first_key});
  const auto opened = *open_store("encrypted:" + server.url() + "?timeout=20000", {nullptr, &loop, &keys});
  const auto stored = loop.wait<put_result>(
      [&](auto done) { opened->put("key", marker, in_an_hour(), expectation::anything(), "ann@example.com", done); });
  ASSERT_EQ(stored.status, put_status::stored) << stored.why.message;
  const auto tokens = *refresh_tokens::create({.keys = keys, .where = opened});
  const auto issued = loop.wait<issue_result>(
      [&](auto done) { tokens->issue("ann@example.com", "a device", R"({"marker":"of a token"})", done); });
  ASSERT_FALSE(issued.token.empty()) << issued.why.message;
  const auto again = loop.wait<refresh_result>([&](auto done) { tokens->refresh(issued.token, done); });
  EXPECT_EQ(again.status, refresh_status::rotated) << again.why.message;
  EXPECT_NE(server.command({"GET", "cc:s:{key}"}).find("ccs1.first."), std::string::npos);
  const auto all = server.command(
      {"EVAL",
       "local all = '' for _, key in ipairs(redis.call('KEYS', '*')) do "
       "local kind = redis.call('TYPE', key).ok all = all .. key .. ' ' .. "
       "(kind == 'zset' and table.concat(redis.call('ZRANGE', key, 0, -1)) or redis.call('GET', key)) end return all",
       "0"});
  EXPECT_GT(all.size(), 500U);
  for (const auto text :
       {marker, std::string_view("of a token"), std::string_view("a device"), std::string_view("ann@example.com")}) {
    EXPECT_EQ(all.find(text), std::string::npos) << text;
  }
  opened->close();
}

}  // namespace
}  // namespace coatcheck::test
