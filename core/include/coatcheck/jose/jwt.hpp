// JSON Web Token (RFC 7519, 8725, 9068): claims, signed.
//
// `verified_token` comes from a verifier alone, after the signature and every check of the policy held.
// `raw_token` is what can be read of a token without trusting it. They are different types, so that one cannot
// be passed for the other. Leaving out the check of `typ` or of the audience has to be spelled out.
//
// Claims: the payload is one UTF-8 JSON object without duplicate members, at most 32 levels deep. exp, nbf and
// iat are finite numbers in [0, 2^53). Comparison is exact: no regular expressions, no prefixes.
//
// Order of the checks: size, form, header, type, key, signature, payload, then nbf, exp, iat, max age, aud, iss,
// sub, jti, required, equal, custom.
//
// Thread safety: a verifier and a signer may be used from any thread; replace_keys may run beside verify.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/error.hpp"
#include "coatcheck/jose/json_visitor.hpp"
#include "coatcheck/jose/jws.hpp"
#include "coatcheck/jose/key.hpp"

namespace coatcheck::jose {

struct token_body;

// A token whose signature and claims were checked. Cheap to copy.
class verified_token {
 public:
  [[nodiscard]] std::string_view payload() const noexcept;  // the claims, JSON object text as it was signed
  [[nodiscard]] std::string_view header() const noexcept;   // the protected header, JSON object text
  [[nodiscard]] std::string_view key_id() const noexcept;   // kid of the key that verified it; empty: it has none
  // Seconds since the epoch, as the token has them.
  [[nodiscard]] std::optional<double> expires_at() const noexcept;
  [[nodiscard]] std::optional<double> not_before() const noexcept;
  [[nodiscard]] std::optional<double> issued_at() const noexcept;
  // A top-level claim: the text of a string; the JSON text of anything else; empty: the token has no such claim.
  [[nodiscard]] std::optional<std::string> string_claim(std::string_view name) const;
  [[nodiscard]] std::optional<std::string> json_claim(std::string_view name) const;
  // `aud` as a list, whether it was a string or an array.
  [[nodiscard]] std::vector<std::string> audiences() const;

  explicit verified_token(std::shared_ptr<const token_body> body) noexcept : body_(std::move(body)) {}

 private:
  std::shared_ptr<const token_body> body_;
};

// What a token says about itself, unverified: for logs, debugging and choosing an issuer. Trust none of it.
struct raw_token {
  std::string header;   // JSON object text
  std::string payload;  // decoded bytes: may be anything
  std::string signature;
};
// Form and header are checked as strictly as for a verification; the payload is not.
[[nodiscard]] result<raw_token> decode_unverified(std::string_view token, std::size_t max_token = default_max_token);

enum class audience_rule : std::uint8_t {
  required,        // aud must hold one of `audiences` (which must not be empty)
  refuse_present,  // nothing expected: a token that names an audience is refused (RFC 7519, 4.1.3)
  any,             // not looked at
};

// Which claim failed, for hosts that compose messages of their own. Filled on token_claim, token_expired,
// token_not_active and token_type errors; otherwise left alone.
struct claim_failure {
  enum class reason : std::uint8_t {
    missing,
    mismatch,
    wrong_type,
    expired,
    not_active,
    issued_in_future,
    too_old,
    custom
  };
  std::string claim;
  reason why = reason::mismatch;
  std::optional<double> value;  // of a time claim, seconds since the epoch
};

struct claims_policy {
  // `typ` that the header must have: media types, compared without case, `application/` implied (RFC 7515, 4.1.9;
  // RFC 8725, 3.11). Empty is an error unless any_type is set.
  std::vector<std::string> types;
  bool any_type = false;

  audience_rule audience = audience_rule::required;
  std::vector<std::string> audiences;
  std::vector<std::string> issuers;    // iss must be one of these; empty: not checked
  std::optional<std::string> subject;  // sub must be this
  std::optional<std::string> id;       // jti must be this

  duration_ms leeway = 0;                                  // for exp, nbf, iat and max_age; 0 to 24 h
  std::optional<duration_ms> max_age;                      // now - iat; makes iat required
  std::vector<std::string> required;                       // further claims that must be there (null counts as there)
  std::vector<std::pair<std::string, std::string>> equal;  // claim, string that it must be

  bool ignore_expiration = false;  // exp is still required to be a number
  bool ignore_not_before = false;
  bool ignore_issued_at = false;  // an iat in the future
  bool loose_types = false;       // iss, sub, jti and aud may be of any type where they are not compared

  // Called with the claims as JSON text after every other check held; false refuses. Must not throw.
  std::function<bool(std::string_view claims)> custom;

  // RFC 9068 access tokens: typ at+jwt; iss, exp, aud, sub, client_id, iat and jti required.
  [[nodiscard]] static claims_policy access_token(std::string issuer, std::string audience);
};

struct token_cache_options {
  std::size_t entries = 0;    // 0: no cache. About 200 bytes and the claims each
  duration_ms ttl = 600'000;  // an entry lives no longer than this, nor past the token's exp
  bool symmetric = false;     // cache HMAC tokens too: their verification costs about what a look-up does
};

struct verifier_options {
  key_set keys = {};
  // Of tokens that are taken; empty: those that the keys name. Members of a JWK Set that name no `alg` need it.
  std::vector<algorithm> algorithms = {};
  claims_policy claims = {};
  std::size_t max_token = default_max_token;
  token_cache_options cache = {};
};

struct token_cache_stats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t entries = 0;
};

class verifier {
 public:
  // Errors: invalid_option (a policy that contradicts itself or leaves a check out silently), key_unsuitable (no
  // key that may verify, or none of `algorithms`). A set without members is taken: every token is then refused until
  // replace_keys.
  [[nodiscard]] static result<verifier> create(verifier_options options);

  // `now`: milliseconds since the epoch. `failure`: what failed, if it was a claim. `also`: for bindings that make
  // objects of the claims. It is shown them as they are checked, which saves a second reading; what it has seen of a
  // token that is then refused is to be thrown away. It may stop looking, and must know by itself that it did.
  [[nodiscard]] result<verified_token> verify(std::string_view token, epoch_ms now, claim_failure* failure = nullptr,
                                              json::visitor* also = nullptr) const;
  // Other keys from here on; cached tokens are forgotten. Verifications under way end with the keys they began with.
  // Refuses what `create` does, and then keeps those that it has.
  [[nodiscard]] result<void> replace_keys(key_set keys) const;
  // The keys in use, which are those of `algorithms`; with the members of their set that are not, and why.
  [[nodiscard]] key_set keys() const;
  void clear_cache() const noexcept;
  [[nodiscard]] token_cache_stats cache_stats() const noexcept;

 private:
  struct impl;
  explicit verifier(std::shared_ptr<impl> state) noexcept : impl_(std::move(state)) {}
  std::shared_ptr<impl> impl_;
};

// Checks a payload against a policy alone, without a token: for decrypted tokens and drop-in bindings.
// `header_type`: the typ of the header, if it had one.
[[nodiscard]] result<void> check_claims(std::string_view payload, std::optional<std::string_view> header_type,
                                        const claims_policy& policy, epoch_ms now, claim_failure* failure = nullptr);

struct signer_options {
  std::string type = "JWT";  // typ of the header; empty: none
  std::string header = {};   // further members of the header, JSON object text
  bool key_id = true;
  bool loose_types = false;  // iss, sub, jti and aud may be of any type, as in claims_policy: for drop-in bindings
};

// Signs claims with one key and a header that is made once.
class signer {
 public:
  // Errors: key_unsuitable (not a signing key), invalid_option (header).
  [[nodiscard]] static result<signer> create(key signing_key, const signer_options& options = {});
  // `claims`: a JSON object as text, checked as strictly as at verification (token_payload, token_claim).
  [[nodiscard]] result<std::string> sign(std::string_view claims) const;

 private:
  struct impl;
  explicit signer(std::shared_ptr<const impl> state) noexcept : impl_(std::move(state)) {}
  std::shared_ptr<const impl> impl_;
};

// Claims put together in C++. Values are encoded once, at `json()`.
class claims {
 public:
  claims();
  ~claims();
  claims(claims&&) noexcept;
  claims& operator=(claims&&) noexcept;
  claims& issuer(std::string_view value);
  claims& subject(std::string_view value);
  claims& audience(std::string_view value);  // again: a list
  claims& id(std::string_view value);
  claims& issued_at(epoch_ms at);  // rounded down to the second, as the next two
  claims& not_before(epoch_ms at);
  claims& expires_at(epoch_ms at);
  claims& set(std::string_view name, std::string_view value);
  claims& set(std::string_view name, const char* value) { return set(name, std::string_view(value)); }
  claims& set(std::string_view name, double value);
  claims& set(std::string_view name, std::int64_t value);
  claims& set(std::string_view name, bool value);
  claims& set_json(std::string_view name, std::string_view json);  // text that is not JSON makes json() fail
  [[nodiscard]] result<std::string> json() const;

 private:
  struct data;
  std::unique_ptr<data> data_;
};

}  // namespace coatcheck::jose
