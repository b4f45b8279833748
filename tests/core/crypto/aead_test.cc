// XAES-256-GCM: the specification's vectors, its accumulated test, and refusals.
#include "crypto/aead.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <thread>

#include "support/vectors.hpp"

namespace coatcheck::crypto {
namespace {

using coatcheck_test::from_hex;
using coatcheck_test::to_hex;

const unsigned char* bytes_of(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::string seal(const std::string& key, const std::string& nonce, std::string_view aad, std::string_view plaintext) {
  std::string out(plaintext.size() + xaes_tag_bytes, '\0');
  const std::size_t cut = plaintext.size() / 3;
  EXPECT_TRUE(xaes_256_gcm_seal(xaes_key(bytes_of(key), 32), xaes_nonce(bytes_of(nonce), 24), {aad, ""},
                                {plaintext.substr(0, cut), plaintext.substr(cut)}, bytes_of(out)));
  return out;
}

std::optional<std::string> open(const std::string& key, const std::string& nonce, std::string_view aad,
                                const std::string& sealed) {
  std::string out(sealed.size() - std::min(sealed.size(), xaes_tag_bytes), '\x55');
  const std::size_t cut = aad.size() / 2;
  if (xaes_256_gcm_open(xaes_key(bytes_of(key), 32), xaes_nonce(bytes_of(nonce), 24),
                        {aad.substr(0, cut), aad.substr(cut)}, {bytes_of(sealed), sealed.size()}, bytes_of(out))) {
    return out;
  }
  EXPECT_EQ(out, std::string(out.size(), '\0')) << "unverified plaintext was left behind";
  return std::nullopt;
}

TEST(xaes, known_answers) {
  for (const auto& c : coatcheck_test::vector_cases("xaes")) {
    const auto field = [&](const char* name) { return from_hex(c[name].get<std::string>()); };
    const std::string sealed = seal(field("key"), field("nonce"), field("aad"), field("plaintext"));
    EXPECT_EQ(to_hex(sealed), c["ciphertext"]) << c["name"];
    EXPECT_EQ(open(field("key"), field("nonce"), field("aad"), sealed), field("plaintext")) << c["name"];
  }
}

// SHAKE-128 of the empty text, read on and on. OpenSSL 3.0 gives its output in one piece, so that it is made at once.
class shake_stream {
 public:
  explicit shake_stream(std::size_t size) : bytes_(size, '\0') {
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    EXPECT_EQ(EVP_DigestInit_ex(context, EVP_shake128(), nullptr), 1);
    EXPECT_EQ(EVP_DigestFinalXOF(context, bytes_of(bytes_), bytes_.size()), 1);
    EVP_MD_CTX_free(context);
  }
  std::string read(std::size_t size) {
    EXPECT_LE(at_ + size, bytes_.size());
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  std::size_t read_length() { return static_cast<unsigned char>(read(1)[0]); }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

TEST(xaes, accumulated_10000_random_messages) {
  constexpr int iterations = 10'000;
  shake_stream random(iterations * (32 + 24 + 2 + 2 * 255));
  EVP_MD_CTX* const all = EVP_MD_CTX_new();
  ASSERT_EQ(EVP_DigestInit_ex(all, EVP_shake128(), nullptr), 1);
  for (int i = 0; i < iterations; ++i) {
    const std::string key = random.read(32), nonce = random.read(24);
    const std::string plaintext = random.read(random.read_length()), aad = random.read(random.read_length());
    const std::string sealed = seal(key, nonce, aad, plaintext);
    ASSERT_EQ(open(key, nonce, aad, sealed), plaintext);
    EVP_DigestUpdate(all, sealed.data(), sealed.size());
  }
  std::string digest(32, '\0');
  EVP_DigestFinalXOF(all, bytes_of(digest), digest.size());
  EVP_MD_CTX_free(all);
  EXPECT_EQ(to_hex(digest), "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
}

TEST(xaes, refuses_any_changed_bit) {
  const std::string key(32, 'k'), nonce(24, 'n'), sealed = seal(key, nonce, "aad", "twenty bytes of text");
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    ASSERT_EQ(open(key, nonce, "aad", changed), std::nullopt) << bit;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    ASSERT_EQ(open(key, nonce, "aad", sealed.substr(0, size)), std::nullopt) << size;
  }
  EXPECT_EQ(open(key, nonce, "aae", sealed), std::nullopt);
  EXPECT_EQ(open(key, nonce, "", sealed), std::nullopt);
  EXPECT_EQ(open(key, std::string(24, 'm'), "aad", sealed), std::nullopt);
  EXPECT_EQ(open(std::string(32, 'j'), nonce, "aad", sealed), std::nullopt);
  EXPECT_EQ(open(key, nonce, "aad", sealed), "twenty bytes of text") << "a refusal must not spoil the next message";
}

TEST(xaes, opens_in_place) {
  const std::string key(32, 'k'), nonce(24, 'n');
  std::string sealed = seal(key, nonce, "aad", "text");
  ASSERT_TRUE(xaes_256_gcm_open(xaes_key(bytes_of(std::as_const(key)), 32),
                                xaes_nonce(bytes_of(std::as_const(nonce)), 24), {"aad", ""},
                                {bytes_of(std::as_const(sealed)), sealed.size()}, bytes_of(sealed)));
  EXPECT_EQ(sealed.substr(0, 4), "text");
}

// A TLS connection on the same thread reads OpenSSL's queue of errors: a refused cookie must leave none there.
TEST(xaes, a_refusal_leaves_no_error_in_openssl) {
  ERR_clear_error();
  EXPECT_EQ(open(std::string(32, 'k'), std::string(24, 'n'), "", std::string(40, 'x')), std::nullopt);
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(xaes, threads_have_contexts_of_their_own) {
  const std::string key(32, 'k'), nonce(24, 'n'), expected = seal(key, nonce, "a", "text");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string other(32, static_cast<char>('a' + t));
      for (int i = 0; i < 2000; ++i) {
        ASSERT_EQ(open(other, nonce, "a", seal(other, nonce, "a", "x")), "x");
        ASSERT_EQ(seal(key, nonce, "a", "text"), expected);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace coatcheck::crypto
