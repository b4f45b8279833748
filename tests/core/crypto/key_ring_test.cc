// The key ring: construction, Express' signed form, rotation, sealed values.
#include "coatcheck/key_ring.hpp"

#include <gtest/gtest.h>
#include <optional>

#include "coatcheck/cookie.hpp"

#include "crypto/hkdf.hpp"
#include "crypto/sealed_value.hpp"
#include "support/vectors.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::from_hex;
using coatcheck_test::vector_cases;

constexpr epoch_ms now = 1'700'000'000'000;
const std::string old_secret = "old secret, thirty-two bytes long";
const std::string new_secret = "new secret, thirty-two bytes long";

key_ring ring_of(const std::vector<std::string>& secrets) {
  auto ring = key_ring::from_secrets(secrets);
  EXPECT_TRUE(ring);
  return *ring;
}

key_ring ring_of_keys(const std::vector<key_spec>& keys) {
  auto ring = key_ring::from_keys(keys);
  EXPECT_TRUE(ring) << (ring ? "" : ring.error().message);
  return *ring;
}

// The index of the key that verified or opened; nothing when none did.
std::optional<std::size_t> verified_by(const key_ring& ring, std::string_view text, epoch_ms at = now) {
  const auto verified = ring.unsign_express(text, at);
  return verified ? std::optional(verified->key) : std::nullopt;
}

std::optional<std::size_t> opened_by(const key_ring& ring, std::string_view sealed) {
  const auto opened = ring.unseal("session", "id", sealed, now);
  return opened ? std::optional(opened->key) : std::nullopt;
}

void expect_not_opened(const key_ring& ring, std::string_view sealed) {
  const auto opened = ring.unseal("session", "id", sealed, now);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, errc::token_decryption);
}

std::string secret_of(const nlohmann::json& c) {
  return c.contains("secret_hex") ? from_hex(c["secret_hex"].get<std::string>()) : c["secret"].get<std::string>();
}

void expect_refused(const result<key_ring>& ring, errc code, std::string_view message_part) {
  ASSERT_FALSE(ring);
  EXPECT_EQ(ring.error().code, code);
  EXPECT_NE(ring.error().message.find(message_part), std::string::npos) << ring.error().message;
}

TEST(key_ring, refuses_what_is_no_secret_and_says_which_option) {
  expect_refused(key_ring::from_secret("", "SECRET_KEY"), errc::invalid_secret, "\"SECRET_KEY\" is empty");
  expect_refused(key_ring::from_secrets({}), errc::invalid_secret,
                 "secret option array must contain one or more strings");
  expect_refused(key_ring::from_keys({}), errc::invalid_secret, "keys option array must contain one or more keys");
  const std::vector<std::string> second_empty{new_secret, ""};
  expect_refused(key_ring::from_secrets(second_empty), errc::invalid_secret, "\"secret\" (number 2 of 2) is empty");
  const std::vector<std::string> repeated{new_secret, old_secret, new_secret};
  expect_refused(key_ring::from_secrets(repeated), errc::invalid_secret, "repeats the secret of number 1");
}

TEST(key_ring, refuses_bad_ids_dates_and_states) {
  const auto refused = [](key_spec spec, errc code, std::string_view part) {
    spec.secret = new_secret;
    const std::vector<key_spec> keys{spec};
    expect_refused(key_ring::from_keys(keys), code, part);
  };
  for (const char* id : {"a.b", "a b", "a=b", "é", "a\n"}) refused({id, ""}, errc::invalid_option, "has an id that");
  refused({std::string(65, 'a'), ""}, errc::invalid_option, "has an id that");
  refused({std::string("a\0b", 3), ""}, errc::invalid_option, "has an id that");
  refused({"", "", key_state::active, 5, 5}, errc::invalid_option, "dates");
  refused({"", "", key_state::active, -1, 0}, errc::invalid_option, "dates");
  refused({"", "", key_state::active, 0, -1}, errc::invalid_option, "dates");
  refused({"", "", key_state::revoked}, errc::invalid_option, "revoked");
  const std::vector<key_spec> same_id{{"k", new_secret}, {"k", old_secret}};
  expect_refused(key_ring::from_keys(same_id), errc::invalid_option, "repeats the id of number 1");
}

TEST(key_ring, no_message_holds_a_secret) {
  const std::string secret = "hunter2";
  const std::vector<std::string> repeated{secret, secret};
  const auto refused = key_ring::from_secrets(repeated);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message.find(secret), std::string::npos);
  const auto warned = key_ring::from_secret(secret, "SECRET_KEY");
  ASSERT_TRUE(warned);
  ASSERT_EQ(warned->warnings().size(), 1u);
  EXPECT_NE(warned->warnings()[0].find("\"SECRET_KEY\""), std::string::npos) << warned->warnings()[0];
  EXPECT_EQ(warned->warnings()[0].find(secret), std::string::npos);
}

TEST(key_ring, warns_of_secrets_below_32_bytes_alone) {
  EXPECT_EQ(key_ring::from_secret(std::string(31, 'a'))->warnings().size(), 1u);
  EXPECT_EQ(key_ring::from_secret(std::string(32, 'a'))->warnings().size(), 0u);
  EXPECT_EQ(ring_of({"short", std::string(32, 'a'), "brief"}).warnings().size(), 2u);
}

TEST(key_ring, derives_the_same_ids_and_store_keys_everywhere) {
  for (const auto& c : vector_cases("keys")) {
    const key_ring ring = ring_of({secret_of(c)});
    EXPECT_EQ(ring.id(0), c["key_id"]);
    EXPECT_EQ(ring.store_key(c["session_id"].get<std::string>(), 0), c["store_key"]);
  }
}

TEST(signed_cookie, known_answers) {
  for (const auto& c : vector_cases("signed_cookies")) {
    const key_ring ring = ring_of({secret_of(c)});
    const std::string text = c["signed"];
    const auto verified = ring.unsign_express(text, now);
    ASSERT_EQ(verified.has_value(), c["valid"].get<bool>()) << c["source"] << ": " << text;
    if (!verified) continue;
    EXPECT_EQ(verified->value, c["value"].get<std::string>()) << c["source"];
    EXPECT_EQ(verified->value.data(), text.data() + 2) << "a view into the argument";
    const auto made = ring.sign_express(c["value"].get<std::string>(), now);
    ASSERT_TRUE(made);
    EXPECT_EQ(*made, text) << c["source"];
    EXPECT_EQ(percent_encode(*made), c["cookie"].get<std::string>()) << c["source"];
  }
}

TEST(signed_cookie, refuses_any_changed_byte) {
  const key_ring ring = ring_of({new_secret});
  const std::string text = *ring.sign_express("an-id.with.dots", now);
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[i] = static_cast<char>(byte);
      ASSERT_EQ(ring.unsign_express(changed, now).has_value(), changed == text) << i << " " << byte;
    }
  }
}

TEST(signed_cookie, refuses_to_sign_nothing_or_too_much) {
  const key_ring ring = ring_of({new_secret});
  for (const std::size_t size : {0, 257, 5000}) {
    const auto made = ring.sign_express(std::string(size, 'v'), now);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, errc::invalid_cookie);
  }
}

TEST(rotation, the_first_signs_and_all_verify) {
  const key_ring before = ring_of({old_secret}), after = ring_of({new_secret, old_secret});
  const std::string old_cookie = *before.sign_express("id", now), new_cookie = *after.sign_express("id", now);
  EXPECT_EQ(verified_by(after, old_cookie), 1u);
  EXPECT_EQ(verified_by(after, new_cookie), 0u);
  EXPECT_EQ(before.unsign_express(new_cookie, now), std::nullopt);
  // What the old key made is found in the store by the index that verified it.
  EXPECT_EQ(after.store_key("id", 1), before.store_key("id", 0));
  EXPECT_NE(after.store_key("id", 0), before.store_key("id", 0));

  const std::string old_seal = *before.seal("session", "id", "text", 0, now);
  const std::string new_seal = *after.seal("session", "id", "text", 0, now);
  EXPECT_EQ(opened_by(after, old_seal), 1u);
  EXPECT_EQ(opened_by(after, new_seal), 0u);
  expect_not_opened(before, new_seal);
}

TEST(rotation, a_retired_key_verifies_and_a_revoked_one_does_not) {
  const key_ring plain = ring_of_keys({{"old", old_secret}});
  const std::string cookie = *plain.sign_express("id", now), sealed = *plain.seal("session", "id", "text", 0, now);
  const auto with_old = [&](key_state state) {
    return ring_of_keys({{"old", old_secret, state}, {"new", new_secret}});
  };
  const key_ring retired = with_old(key_state::verify_only);
  EXPECT_EQ(verified_by(retired, cookie), 0u);
  EXPECT_EQ(opened_by(retired, sealed), 0u);
  EXPECT_EQ(verified_by(retired, *retired.sign_express("id", now)), 1u) << "the active one signs";

  const key_ring revoked = with_old(key_state::revoked);
  EXPECT_EQ(revoked.size(), 2u);
  EXPECT_EQ(revoked.state(0), key_state::revoked);
  EXPECT_EQ(revoked.unsign_express(cookie, now), std::nullopt);
  expect_not_opened(revoked, sealed);
}

TEST(rotation, dates_decide_to_the_millisecond) {
  const key_ring ring = ring_of_keys(
      {{"next", new_secret, key_state::active, now + 1000, 0}, {"last", old_secret, key_state::active, 0, now + 2000}});
  const std::string by_last = *ring.sign_express("id", now);
  EXPECT_EQ(verified_by(ring, by_last), 1u) << "not yet the next key";
  EXPECT_EQ(verified_by(ring, *ring.sign_express("id", now + 999)), 1u);
  const std::string by_next = *ring.sign_express("id", now + 1000);
  EXPECT_EQ(verified_by(ring, by_next), 0u) << "verifies before it signs: another host may be ahead";
  EXPECT_TRUE(ring.unsign_express(by_last, now + 1999));
  EXPECT_FALSE(ring.unsign_express(by_last, now + 2000));
}

TEST(rotation, says_so_when_no_key_may_sign) {
  const key_ring ring = ring_of_keys({{"k", new_secret, key_state::verify_only}});
  EXPECT_EQ(ring.sign_express("id", now).error().code, errc::key_unsuitable);
  EXPECT_EQ(ring.seal("session", "", "text", 0, now).error().code, errc::key_unsuitable);
}

TEST(sealed_cookie, known_answers_and_refusals) {
  for (const auto& c : vector_cases("sealed")) {
    const std::string secret = c["secret"], id = c["key_id"], purpose = c["purpose"], context = c["context"];
    const key_ring ring = ring_of_keys({{id, secret}});
    const auto opened = ring.unseal(purpose, context, c["sealed"].get<std::string>(), c["now"].get<epoch_ms>());
    ASSERT_EQ(static_cast<bool>(opened), c["valid"].get<bool>()) << c["name"];
    if (!opened) {
      EXPECT_EQ(name_of(opened.error().code), c["error"].get<std::string>()) << c["name"];
      continue;
    }
    EXPECT_EQ(opened->plaintext, c["plaintext"].get<std::string>()) << c["name"];
    EXPECT_EQ(opened->sealed_at, c["sealed_at"].get<epoch_ms>()) << c["name"];
    EXPECT_EQ(opened->expires_at, c["expires_at"].get<epoch_ms>()) << c["name"];

    // The other way, with the case's nonce.
    const std::string nonce = from_hex(c["nonce"].get<std::string>());
    const auto made = crypto::seal_value(
        crypto::hkdf_sha256(secret), id, purpose, context, c["plaintext"].get<std::string>(),
        c["sealed_at"].get<epoch_ms>(), c["expires_at"].get<epoch_ms>(),
        crypto::xaes_nonce(reinterpret_cast<const unsigned char*>(nonce.data()), crypto::xaes_nonce_bytes));
    ASSERT_TRUE(made) << c["name"];
    EXPECT_EQ(*made, c["sealed"].get<std::string>()) << c["name"];
  }
}

TEST(sealed_cookie, one_answer_for_every_cause_but_expiry) {
  const key_ring ring = ring_of({new_secret});
  const std::string sealed = *ring.seal("session", "id", "text", now + 1000, now);
  const auto message = [&](std::string_view purpose, std::string_view context, std::string_view value, epoch_ms at) {
    const auto opened = ring.unseal(purpose, context, value, at);
    EXPECT_FALSE(opened);
    return opened ? "" : std::string(name_of(opened.error().code)) + opened.error().message;
  };
  const std::string refusal = message("session", "id", "garbage", now);
  EXPECT_EQ(message("other", "id", sealed, now), refusal);
  EXPECT_EQ(message("session", "other", sealed, now), refusal);
  EXPECT_EQ(message("session", "id", sealed.substr(0, sealed.size() - 1), now), refusal);
  EXPECT_EQ(message("session", "id", "cc1.unknown0." + sealed.substr(13), now), refusal);
  EXPECT_EQ(message("session", "id", sealed, now - 60'001), refusal);
  EXPECT_EQ(message("session", "id", std::string(4 << 20, 'A'), now), refusal);
  EXPECT_NE(message("session", "id", sealed, now + 1000), refusal);
  // An expired value of another context is not told from any other bad one.
  EXPECT_EQ(message("session", "other", sealed, now + 1000), refusal);
}

TEST(sealed_cookie, every_seal_has_a_nonce_of_its_own) {
  const key_ring ring = ring_of({new_secret});
  EXPECT_NE(*ring.seal("session", "id", "text", 0, now), *ring.seal("session", "id", "text", 0, now));
}

TEST(sealed_cookie, holds_any_bytes_up_to_its_limit) {
  const key_ring ring = ring_of({new_secret});
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const std::string text = bytes.substr(0, size);
    const auto opened = ring.unseal("p", bytes, *ring.seal("p", bytes, text, 0, now), now);
    ASSERT_TRUE(opened) << size;
    ASSERT_EQ(opened->plaintext, text);
  }
  const std::string largest(max_sealed_plaintext, 'x');
  const auto opened = ring.unseal("p", "", *ring.seal("p", "", largest, 0, now), now);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->plaintext, largest);
  EXPECT_EQ(ring.seal("p", "", largest + "x", 0, now).error().code, errc::payload_too_large);
}

TEST(sealed_cookie, refuses_bad_arguments) {
  const key_ring ring = ring_of({new_secret});
  EXPECT_EQ(ring.seal("", "", "text", 0, now).error().code, errc::invalid_option);
  EXPECT_EQ(ring.seal(std::string(65, 'p'), "", "text", 0, now).error().code, errc::invalid_option);
  EXPECT_EQ(ring.seal("p", "", "text", -1, now).error().code, errc::invalid_option);
}

}  // namespace
}  // namespace coatcheck
