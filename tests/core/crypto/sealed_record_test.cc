// Sealed records: known answers, refusals, rotation.
#include "crypto/sealed_record.hpp"

#include <gtest/gtest.h>

#include "coatcheck/key_ring.hpp"

#include "crypto/hkdf.hpp"
#include "support/vectors.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::from_hex;
using coatcheck_test::to_hex;

constexpr epoch_ms then = 1'700'000'000'000;

key_ring named(const std::vector<key_spec>& keys) {
  auto ring = key_ring::from_keys(keys);
  EXPECT_TRUE(ring) << (ring ? "" : ring.error().message);
  return *ring;
}

errc code_of_opening(const key_ring& keys, std::string_view store_key, std::string bytes) {
  const auto opened = keys.open_record(store_key, bytes, then);
  EXPECT_FALSE(opened) << "it opened: " << bytes;
  return opened ? errc::invalid_state : opened.error().code;
}

TEST(SealedRecord, KnownAnswers) {
  for (const auto& c : coatcheck_test::vector_cases("sealed_records")) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const auto keys = named({{.id = c["key_id"], .secret = c["secret"]}});
    const auto store_key = c["store_key"].get<std::string>();
    const auto record = c["record"].get<std::string>();
    auto bytes = from_hex(c["sealed"].get<std::string>());
    if (!c["opens"].get<bool>()) {
      EXPECT_EQ(code_of_opening(keys, store_key, bytes), errc::record_damaged);
      continue;
    }
    // The ring keeps this sub-key to itself: it is made here as the page says.
    std::array<unsigned char, 32> key{};
    EXPECT_FALSE(keys.derive(0, crypto::record_purpose, key));
    ASSERT_TRUE(crypto::hkdf_sha256(c["secret"].get<std::string>()).expand(key, "coatcheck v1 record"));
    const auto nonce = from_hex(c["nonce"].get<std::string>());
    const crypto::xaes_nonce nonce_bytes(reinterpret_cast<const unsigned char*>(nonce.data()), 24);
    EXPECT_EQ(to_hex(crypto::seal_record(key, keys.id(0), store_key, record, nonce_bytes)), c["sealed"]);
    EXPECT_TRUE(is_sealed_record(bytes));
    EXPECT_EQ(crypto::sealed_record_key_id(bytes), c["key_id"].get<std::string>());
    EXPECT_TRUE(keys.open_record(store_key, bytes, then));
    EXPECT_EQ(bytes, record);
    EXPECT_EQ(keys.owner_digest(c["owner"].get<std::string>(), 0), c["owner_digest"]);
    // What is sealed here is of the same size, opens, and is another text each time.
    auto first = *keys.seal_record(store_key, record, then);
    const auto second = *keys.seal_record(store_key, record, then);
    EXPECT_EQ(first.size() * 2, c["sealed"].get<std::string>().size());
    EXPECT_NE(first, second);
    EXPECT_TRUE(keys.open_record(store_key, first, then));
    EXPECT_EQ(first, record);
  }
}

TEST(SealedRecord, DoesNotOpenWithAnyBitChangedAndLeavesNothingOfItsContent) {
  const auto keys = named({{.id = "k", .secret = "a secret of thirty-two bytes or so"}});
  const std::string record = "a record that nobody else is to read";
  const auto sealed = *keys.seal_record("key", record, then);
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    auto changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(keys.open_record("key", changed, then)) << bit;
    EXPECT_EQ(changed.find("nobody"), std::string::npos) << bit;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_EQ(code_of_opening(keys, "key", sealed.substr(0, size)), errc::record_damaged);
  }
}

TEST(SealedRecord, OpensUnderEveryLiveKeyAndSealsUnderTheNewest) {
  const key_spec old_one{.id = "old", .secret = "the old secret of thirty-two bytes"};
  const key_spec new_one{.id = "new", .secret = "the new secret of thirty-two bytes"};
  const auto before = named({old_one});
  const auto after = named({new_one, old_one});
  auto sealed = *before.seal_record("key", "text", then);
  EXPECT_TRUE(after.open_record("key", sealed, then));
  sealed = *after.seal_record("key", "text", then);
  EXPECT_EQ(crypto::sealed_record_key_id(sealed), "new");
  EXPECT_EQ(code_of_opening(before, "key", sealed), errc::record_damaged);

  auto revoked = old_one;
  revoked.state = key_state::revoked;
  EXPECT_EQ(code_of_opening(named({new_one, revoked}), "key", *before.seal_record("key", "text", then)),
            errc::record_damaged);
  // By date, while a service runs.
  auto soon = new_one;
  soon.not_before = then + 1000;
  const auto turning = named({soon, old_one});
  EXPECT_EQ(crypto::sealed_record_key_id(*turning.seal_record("key", "text", then)), "old");
  EXPECT_EQ(crypto::sealed_record_key_id(*turning.seal_record("key", "text", then + 1000)), "new");
}

TEST(SealedRecord, NamesAKeyThatIsNotHereAndNothingElse) {
  const auto keys = named({{.id = "here", .secret = "a secret of thirty-two bytes or so"}});
  std::string elsewhere = "ccs1.elsewhere." + std::string(60, 'x');
  EXPECT_NE(keys.open_record("key", elsewhere, then).error().message.find("\"elsewhere\""), std::string::npos);
  std::string planted = "ccs1.<b>planted</b>." + std::string(60, 'x');
  EXPECT_EQ(keys.open_record("key", planted, then).error().message.find("planted"), std::string::npos);
}

}  // namespace
}  // namespace coatcheck
