// Making session tokens and taking them apart.
#include "tokens/session_token.hpp"

#include <array>
#include <charconv>
#include <limits>

#include "crypto/hmac.hpp"
#include "jose/json.hpp"
#include "tokens/family.hpp"

namespace coatcheck::tokens {
namespace {

constexpr std::string_view sealed_header = R"({"typ":"cc-session+jwt"})";
constexpr std::string_view first_member = R"({"size":)";
constexpr std::string_view last_member = R"(,"data":)";
constexpr duration_ms clock_leeway = 60'000;  // for iat: the clocks of two hosts differ by so much

// Every member but `data` is a string or a number, and `data` is the last: its text is cut out, not parsed.
class head_reader final : public jose::json::visitor {
 public:
  explicit head_reader(session_claims& out) noexcept : out_(out) {}

  bool on_key(std::string_view name, std::size_t) override {
    name_ = name;
    return true;
  }
  bool on_string(std::string_view value, std::size_t) override {
    if (name_ == "sid") {
      out_.family = value;
    } else if (name_ == "sub") {
      out_.owner = value;
    } else if (name_ == "cookie") {
      out_.cookie = value;
    }
    return true;
  }
  bool on_number(const jose::json::number& value, std::size_t) override {
    constexpr auto highest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (value.what != jose::json::number::kind::natural || value.natural > highest) return false;
    const auto number = static_cast<std::int64_t>(value.natural);
    if (name_ == "rot") {
      if (number > std::numeric_limits<std::uint32_t>::max()) return false;
      out_.counter = static_cast<std::uint32_t>(number);
    } else if (name_ == "exp") {
      out_.fresh_until = number;
    } else if (name_ == "start") {
      out_.created = number;
    } else if (name_ == "until") {
      out_.expires_at = number;
    } else if (name_ == "abs") {
      out_.absolute_at = number;
    } else if (name_ == "idle") {
      out_.idle = number;
    } else if (name_ == "epoch") {
      out_.epoch = number;
    }
    return true;
  }
  bool on_bool(bool, std::size_t) override { return false; }
  bool on_null(std::size_t) override { return false; }
  bool on_start(bool, std::size_t depth) override { return depth == 0; }
  bool on_end(bool, std::size_t) override { return true; }

 private:
  session_claims& out_;
  std::string name_;
};

error not_ours() { return {errc::token_signature, "the cookie is not a session token that a live key made"}; }

// `claims` was signed by us, but a key may be shared: what does not have this form is refused all the same.
std::optional<session_claims> read_claims(std::string_view text) {
  std::size_t size = 0;
  if (!text.starts_with(first_member)) return std::nullopt;
  const char* const digits = text.data() + first_member.size();
  if (std::from_chars(digits, text.data() + text.size(), size).ec != std::errc{}) return std::nullopt;
  if (size < 2 || size + 1 + first_member.size() > text.size()) return std::nullopt;
  const std::string_view data = text.substr(text.size() - 1 - size, size);
  std::string head(text.substr(0, text.size() - 1 - size));
  if (!head.ends_with(last_member) || !data.starts_with('{') || !data.ends_with('}')) return std::nullopt;
  head += "0}";
  session_claims out;
  head_reader reader(out);
  if (jose::json::read(head, reader) != jose::json::verdict::ok) return std::nullopt;
  if (!valid_family_id(out.family) || out.counter == 0 || out.fresh_until == 0 || out.expires_at == 0) {
    return std::nullopt;
  }
  out.payload = data;
  return out;
}

void append_number(std::string& out, std::string_view name, std::int64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(name).append(digits, end);
}

std::string write_claims(const session_claims& claims, epoch_ms now) {
  std::string out;
  out.reserve(256 + claims.owner.size() + claims.cookie.size() + claims.payload.size());
  append_number(out, first_member, static_cast<std::int64_t>(claims.payload.size()));
  out.append(R"(,"sid":")").append(claims.family).append(1, '"');
  append_number(out, R"(,"rot":)", claims.counter);
  append_number(out, R"(,"iat":)", now / 1000);
  append_number(out, R"(,"exp":)", claims.fresh_until);
  append_number(out, R"(,"start":)", claims.created);
  append_number(out, R"(,"until":)", claims.expires_at);
  append_number(out, R"(,"abs":)", claims.absolute_at);
  append_number(out, R"(,"idle":)", claims.idle);
  if (claims.epoch != 0) append_number(out, R"(,"epoch":)", claims.epoch);
  if (!claims.owner.empty()) {
    out += R"(,"sub":)";
    jose::json::append_quoted(out, claims.owner);
  }
  if (!claims.cookie.empty()) {
    out += R"(,"cookie":)";
    jose::json::append_quoted(out, claims.cookie);
  }
  out.append(last_member).append(claims.payload).append(1, '}');
  return out;
}

result<std::vector<jose::key>> derived_keys(const key_ring& ring, bool sealed) {
  std::vector<jose::key> out;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    std::array<unsigned char, 32> raw{};
    if (!ring.derive(i, sealed ? "session-token-seal" : "session-token-sign", raw)) {
      return error{errc::crypto_failed, "the keys for session tokens could not be derived"};
    }
    jose::import_options options;
    options.kid = ring.id(i);
    auto made = jose::key::from_secret({reinterpret_cast<const char*>(raw.data()), raw.size()},
                                       sealed ? jose::algorithm::dir : jose::algorithm::HS256, options);
    crypto::wipe(raw.data(), raw.size());
    if (!made) return made.error();
    out.push_back(*std::move(made));
  }
  return out;
}

}  // namespace

result<session_codec> session_codec::create(const key_ring& ring, const token_session_options& options) {
  const bool sealed = options.mode == session_mode::jwt_sealed;
  session_codec out(ring, sealed, !options.keys.empty());
  auto keys = options.keys;
  if (keys.empty()) {
    auto derived = derived_keys(ring, sealed);
    if (!derived) return derived.error();
    keys = *std::move(derived);
  }
  out.policy_.types = {std::string(session_token_type)};
  out.policy_.audience = jose::audience_rule::any;
  out.policy_.leeway = clock_leeway;
  out.policy_.ignore_expiration = true;
  if (auto added = out.add_keys(std::move(keys)); !added) return added.error();
  return out;
}

result<void> session_codec::add_keys(std::vector<jose::key> keys) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const jose::key& one = keys[i];
    if (sealed_) {
      const bool right_size = one.alg() == jose::algorithm::dir && one.bits() == 256 &&
                              one.enc().value_or(jose::encryption::A256GCM) == jose::encryption::A256GCM;
      if (!right_size || !one.can_decrypt() || (i == 0 && !one.can_encrypt())) {
        return {errc::key_unsuitable, "sealed session tokens take symmetric keys of 256 bits for alg dir, enc A256GCM"};
      }
    } else if (!one.can_verify() || (i == 0 && !one.can_sign())) {
      return {errc::key_unsuitable, "signed session tokens take keys that sign (the first) or verify (the others)"};
    }
    if (sealed_ || (own_keys_ && i > 0)) continue;
    jose::signer_options header;
    header.type = session_token_type;
    auto made = jose::signer::create(one, header);
    if (!made) return made.error();
    signers_.push_back(*std::move(made));
  }
  auto set = jose::key_set::from_keys(std::move(keys));
  if (!set) return set.error();
  keys_ = *std::move(set);
  if (sealed_) return {};
  auto made = jose::verifier::create({.keys = keys_, .claims = policy_, .max_token = max_cookie_size, .cache = {}});
  if (!made) return made.error();
  verifier_ = *std::move(made);
  return {};
}

std::optional<std::size_t> session_codec::key_for(epoch_ms now) const noexcept {
  return own_keys_ ? std::optional<std::size_t>(0) : ring_.signing_key(now);
}

bool session_codec::trusted(std::string_view key_id, epoch_ms now) const noexcept {
  if (own_keys_) return true;
  for (std::size_t i = 0; i < ring_.size(); ++i) {
    if (ring_.id(i) == key_id) return ring_.verifies(i, now);
  }
  return false;
}

result<std::string> session_codec::encode(const session_claims& claims, epoch_ms now) const {
  const auto key = key_for(now);
  if (!key) return {errc::key_unsuitable, "no key of the key ring may sign now: add an active one"};
  const std::string text = write_claims(claims, now);
  if (!sealed_) {
    auto token = signers_[*key].sign(text);
    if (token) return token;
    return {errc::not_serialisable, "the session does not fit into a token (" + token.error().message +
                                        "): keep such sessions in a store (mode 'store')"};
  }
  if (auto ok = jose::check_claims(text, session_token_type, policy_, now); !ok) {
    return {errc::not_serialisable, "the session does not fit into a token (" + ok.error().message +
                                        "): keep such sessions in a store (mode 'store')"};
  }
  return jose::jwe_encrypt(keys_.keys()[*key], text, {.header = sealed_header});
}

result<session_claims> session_codec::decode(std::string_view token, epoch_ms now) const {
  std::optional<session_claims> claims;
  if (sealed_) {
    const auto opened =
        jose::jwe_decrypt(token, keys_, {.max_token = max_cookie_size, .encs = {jose::encryption::A256GCM}});
    if (!opened) return opened.error();
    if (!trusted(opened->key_id, now)) return not_ours();
    const auto header = jose::json::parse(opened->header);
    const auto* const typ = jose::json::member(header.value, "typ");
    if (typ == nullptr || !typ->is_string()) return not_ours();
    if (auto ok = jose::check_claims(opened->plaintext, typ->get_ref<const std::string&>(), policy_, now); !ok) {
      return ok.error();
    }
    claims = read_claims(opened->plaintext);
  } else {
    const auto verified = verifier_->verify(token, now);
    if (!verified) return verified.error();
    if (!trusted(verified->key_id(), now)) return not_ours();
    claims = read_claims(verified->payload());
  }
  if (!claims) return not_ours();
  return *std::move(claims);
}

}  // namespace coatcheck::tokens
