// Sets of keys: by kid, of one kind.
#include <algorithm>
#include <array>

#include "jose/key_impl.hpp"
#include "jose/key_jwk.hpp"

namespace coatcheck::jose {

struct key_set::data {
  std::vector<key> keys;
  std::vector<std::string> skipped;
};

namespace {

// Two keys of one kid: a verifier would have to guess. The same key listed twice is harmless.
result<void> check_set(const std::vector<key>& keys) {
  bool symmetric = false, asymmetric = false;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    (keys[i].type() == key_type::oct ? symmetric : asymmetric) = true;
    for (std::size_t j = 0; j < i && !keys[i].kid().empty(); ++j) {
      if (keys[i].kid() == keys[j].kid() && !keys[i].same_key(keys[j])) {
        return refuse(errc::key_set_invalid, "two different keys have the same kid");
      }
    }
  }
  if (symmetric && asymmetric) {
    return refuse(errc::key_set_invalid, "symmetric and asymmetric keys in one set; keep them in sets of their own");
  }
  return {};
}

bool has_any(const json::document& object, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view name) { return json::member(object, name) != nullptr; });
}

// Members that say what a key is, but in words that this version does not know, leave the key unused (RFC 7517, 5).
bool passed_over(errc code) noexcept { return code == errc::key_unsuitable || code == errc::key_weak; }

}  // namespace

result<key_set> key_set::from_keys(std::vector<key> keys) {
  if (auto ok = check_set(keys); !ok) return ok.error();
  key_set out;
  auto made = std::make_shared<data>();
  made->keys = std::move(keys);
  out.data_ = std::move(made);
  return out;
}

result<key_set> key_set::parse(std::string_view text, const key_set_options& options) {
  if (text.size() > options.max_bytes) return refuse(errc::key_set_invalid, "the JWK Set is too large");
  json::parsed read = json::parse(text);
  if (read.what != json::verdict::ok) {
    return refuse(errc::key_set_invalid, "JWK Set: " + std::string(json::describe(read.what)));
  }
  struct wiper {
    json::document& value;
    ~wiper() { wipe_strings(value); }
  } const wipe_after{read.value};
  const json::document* members = json::member(read.value, "keys");
  if (members == nullptr || !members->is_array()) {
    return refuse(errc::key_set_invalid, "a JWK Set is an object with an array \"keys\"");
  }
  if (members->size() > options.max_keys) return refuse(errc::key_set_invalid, "the JWK Set has too many keys");
  auto made = std::make_shared<data>();
  std::size_t index = 0;
  bool symmetric = false, asymmetric = false;
  for (const json::document& jwk : *members) {
    const std::string where = "keys[" + std::to_string(index++) + "]: ";
    if (!jwk.is_object()) return refuse(errc::key_set_invalid, where + "not an object");
    // Looked at before anything is passed over: these contradict the set as a whole.
    const json::document* kty = json::member(jwk, "kty");
    if (kty == nullptr || !kty->is_string())
      return refuse(errc::key_set_invalid, where + "kty is missing or not a string");
    const bool oct = *kty == "oct";
    (oct ? symmetric : asymmetric) = true;
    if (options.public_only && (oct || has_any(jwk, {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}))) {
      return refuse(errc::key_set_invalid,
                    where + "a symmetric or private key in a set of public keys: treat it as leaked");
    }
    auto one = key_from_document(jwk, {});
    if (!has_any(jwk, {"alg"})) {
      for (const algorithm alg : options.default_algs) {
        if (one || one.error().code != errc::key_unsuitable) break;
        import_options import;
        import.alg = alg;
        one = key_from_document(jwk, import);
      }
    }
    if (one) {
      made->keys.push_back(std::move(*one));
    } else if (passed_over(one.error().code)) {
      made->skipped.push_back(where + one.error().message);
    } else {
      return refuse(errc::key_set_invalid, where + one.error().message);
    }
  }
  if (symmetric && asymmetric) {
    return refuse(errc::key_set_invalid, "symmetric and asymmetric keys in one set; keep them in sets of their own");
  }
  if (auto ok = check_set(made->keys); !ok) return ok.error();
  key_set out;
  out.data_ = std::move(made);
  return out;
}

std::span<const key> key_set::keys() const noexcept {
  return data_ ? std::span<const key>(data_->keys) : std::span<const key>();
}
std::span<const std::string> key_set::skipped() const noexcept {
  return data_ ? std::span<const std::string>(data_->skipped) : std::span<const std::string>();
}

bool accepts_algorithm(const key_impl& with, algorithm alg) noexcept {
  if (with.alg == alg) return true;
  if (family_of(with.alg) != algorithm_family::eddsa) return false;
  return alg == algorithm::EdDSA || (alg == algorithm::Ed25519 && with.crv == curve::ed25519) ||
         (alg == algorithm::Ed448 && with.crv == curve::ed448);
}

std::size_t candidates(std::span<const key> keys, std::string_view kid, algorithm alg, const key** out,
                       std::size_t room) noexcept {
  std::size_t count = 0;
  if (!kid.empty()) {
    for (const key& one : keys) {
      if (one.kid() != kid) continue;
      out[0] = &one;
      return 1;
    }
  }
  for (const key& one : keys) {
    if (count == room) break;
    if ((kid.empty() || one.kid().empty()) && accepts_algorithm(one.impl(), alg)) out[count++] = &one;
  }
  return count;
}

const key* key_set::find(std::string_view kid, algorithm alg) const noexcept {
  const key* found[2] = {};
  return candidates(keys(), kid, alg, found, 2) == 1 ? found[0] : nullptr;
}

bool key_set::has_kid(std::string_view kid) const noexcept {
  return std::any_of(keys().begin(), keys().end(), [&](const key& k) { return k.kid() == kid; });
}

bool key_set::symmetric() const noexcept { return !keys().empty() && keys()[0].type() == key_type::oct; }

result<std::string> key_set::to_json(key_part part) const {
  json::document out = {{"keys", json::document::array()}};
  for (const key& one : keys()) {
    auto jwk = key_to_document(one, part);
    if (!jwk) return jwk.error();
    out["keys"].push_back(std::move(*jwk));
  }
  auto text = json::print(out);
  wipe_strings(out);
  if (!text) return refuse(errc::key_set_invalid, "a kid is not UTF-8");
  return std::move(*text);
}

}  // namespace coatcheck::jose
