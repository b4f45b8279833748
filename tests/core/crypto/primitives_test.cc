// HMAC, HKDF, base64url and the digests: published answers, and one implementation against another.
#include <array>
#include <gtest/gtest.h>

#include "crypto/base64url.hpp"
#include "crypto/digest.hpp"
#include "crypto/hkdf.hpp"
#include "crypto/hmac.hpp"
#include "crypto/hmac_evp.hpp"
#include "crypto/random.hpp"
#include "support/vectors.hpp"

namespace coatcheck::crypto {
namespace {

using coatcheck_test::from_hex;
using coatcheck_test::to_hex;
using coatcheck_test::vector_cases;

std::string random_text(std::size_t size) {
  std::string out(size, '\0');
  EXPECT_TRUE(random_bytes(out.data(), size));
  return out;
}

TEST(hmac, known_answers) {
  for (const auto& c : vector_cases("hmac")) {
    const std::string data = from_hex(c["data"].get<std::string>());
    const hmac_sha256_key key(from_hex(c["key"].get<std::string>()));
    EXPECT_EQ(to_hex(as_view(key.sign(data))), c["mac"]) << c["name"];
    const std::size_t half = data.size() / 2;
    EXPECT_EQ(to_hex(as_view(key.sign(std::string_view(data).substr(0, half), std::string_view(data).substr(half)))),
              c["mac"])
        << c["name"] << ", in two parts";
  }
}

// The low-level calls and EVP_MAC must agree at every length around the block size of 64.
TEST(hmac, agrees_with_evp) {
  for (std::size_t key_size = 0; key_size <= 200; key_size += key_size < 130 ? 1 : 7) {
    const std::string key = random_text(key_size);
    const hmac_sha256_key ours(key);
    for (const std::size_t size : {0, 1, 31, 32, 55, 56, 63, 64, 65, 119, 120, 128, 1000}) {
      const std::string data = random_text(size);
      const std::array parts{std::string_view(data).substr(0, size / 3), std::string_view(data).substr(size / 3)};
      ASSERT_EQ(ours.sign(data), hmac_sha256_evp(key, parts)) << key_size << " " << size;
    }
  }
}

TEST(hmac, a_copy_works_when_the_original_is_gone) {
  auto first = std::make_unique<hmac_sha256_key>("Jefe");
  const hmac_sha256_key copy(*first);
  first.reset();
  EXPECT_EQ(to_hex(as_view(copy.sign("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(hmac, the_key_is_wiped_on_destruction) {
  alignas(hmac_sha256_key) unsigned char memory[sizeof(hmac_sha256_key)];
  auto* const key = new (memory) hmac_sha256_key("a secret");
  const auto zeros = [&] { return std::count(std::begin(memory), std::end(memory), 0); };
  ASSERT_LT(zeros(), static_cast<std::ptrdiff_t>(sizeof memory));
  key->~hmac_sha256_key();
  // Read through a volatile pointer: the object is gone, its memory is not.
  const volatile unsigned char* const raw = memory;
  for (std::size_t i = 0; i < sizeof memory; ++i) ASSERT_EQ(raw[i], 0) << i;
}

TEST(compare, equal_only_when_all_bytes_are) {
  EXPECT_TRUE(equal_constant_time("", ""));
  EXPECT_TRUE(equal_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_constant_time("abc", "bbc"));
  EXPECT_FALSE(equal_constant_time("abc", "abcd"));
  EXPECT_FALSE(equal_constant_time("abc", ""));
}

TEST(hkdf, known_answers) {
  for (const auto& c : vector_cases("hkdf")) {
    const hkdf_sha256 keys(from_hex(c["ikm"].get<std::string>()), from_hex(c["salt"].get<std::string>()));
    const std::string info = from_hex(c["info"].get<std::string>());
    std::string out(c["okm"].get<std::string>().size() / 2, '\0');
    auto* const bytes = reinterpret_cast<unsigned char*>(out.data());
    ASSERT_TRUE(keys.expand({bytes, out.size()}, info)) << c["name"];
    EXPECT_EQ(to_hex(out), c["okm"]) << c["name"];
    const std::string_view view(info);
    ASSERT_TRUE(keys.expand({bytes, out.size()}, view.substr(0, view.size() / 2), view.substr(view.size() / 2)));
    EXPECT_EQ(to_hex(out), c["okm"]) << c["name"] << ", info in two parts";
  }
}

TEST(hkdf, refuses_more_than_255_blocks) {
  const hkdf_sha256 keys("secret");
  std::vector<unsigned char> out(255 * 32 + 1);
  EXPECT_FALSE(keys.expand(out, "info"));
  out.pop_back();
  EXPECT_TRUE(keys.expand(out, "info"));
}

TEST(base64url, known_answers_and_refusals) {
  for (const auto& c : vector_cases("base64url")) {
    const std::string text = c["text"];
    if (c["valid"]) {
      const std::string bytes = from_hex(c["bytes"].get<std::string>());
      EXPECT_EQ(base64url_encode(bytes), text) << c["name"];
      EXPECT_EQ(base64url_decode(text), bytes) << c["name"];
    } else {
      EXPECT_EQ(base64url_decode(text), std::nullopt) << c["name"] << ": " << text;
    }
  }
}

// Texts of up to four characters, all bytes in the first two places: what decodes must encode back to itself, so
// that no two texts are one value.
TEST(base64url, is_canonical) {
  std::size_t accepted = 0;
  std::string text;
  for (int a = 0; a < 256; ++a) {
    for (int b = -1; b < 256; ++b) {
      text.assign(1, static_cast<char>(a));
      if (b >= 0) text += static_cast<char>(b);
      for (const char* tail : {"", "A", "w", "x", "AB"}) {
        const std::string whole = text + tail;
        const auto decoded = base64url_decode(whole);
        if (!decoded) continue;
        ++accepted;
        ASSERT_EQ(base64url_encode(*decoded), whole);
      }
    }
  }
  // How many there are, counted from the alphabet and the rule of trailing bits.
  std::size_t expected = 0;
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const auto canonical = [&](const std::string& s) {
    if (s.find_first_not_of(alphabet) != std::string::npos || s.size() % 4 == 1) return false;
    const std::size_t last = alphabet.find(s.back());
    return s.size() % 4 == 0 || (s.size() % 4 == 2 ? last % 16 == 0 : last % 4 == 0);
  };
  for (const char a : alphabet) {
    for (const char* tail : {"", "A", "w", "x", "AB"}) {
      expected += canonical(a + std::string(tail));
      for (const char b : alphabet) expected += canonical(std::string{a, b} + tail);
    }
  }
  EXPECT_EQ(accepted, expected);
}

TEST(base64url, encodes_in_place_from_the_end_of_the_output) {
  for (std::size_t size = 0; size < 200; ++size) {
    const std::string bytes = random_text(size);
    std::string out(base64_encoded_size(size), '\0');
    out.replace(out.size() - size, size, bytes);
    base64url_encode_to({reinterpret_cast<const unsigned char*>(out.data()) + out.size() - size, size}, out.data());
    ASSERT_EQ(out, base64url_encode(bytes)) << size;
  }
}

TEST(base64, standard_alphabet_both_ways) {
  const unsigned char bytes[] = {0xfb, 0xef, 0xff, 0x3e};
  std::array<char, 6> text;
  base64_encode_to(bytes, text.data());
  EXPECT_EQ(std::string_view(text.data(), text.size()), "++//Pg");
  std::array<unsigned char, 4> back;
  ASSERT_TRUE(base64_decode_to("++//Pg", back.data()));
  EXPECT_TRUE(std::equal(back.begin(), back.end(), bytes));
  EXPECT_FALSE(base64_decode_to("--__Pg", back.data()));
  EXPECT_FALSE(base64_decode_to("++//Ph", back.data()));
}

TEST(digest, known_answers) {  // FIPS 180-4, examples
  EXPECT_EQ(to_hex(as_view(sha256("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(as_view(sha256(""))), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha1_hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(sha1_hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

}  // namespace
}  // namespace coatcheck::crypto
