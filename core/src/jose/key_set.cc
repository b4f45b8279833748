// Sets of keys: by kid, of one kind.
#include <algorithm>
#include <array>

#include "jose/key_impl.hpp"
#include "jose/key_jwk.hpp"

namespace coatcheck::jose {
namespace {

// A member that names no alg, kept until somebody names one for it.
struct unnamed_member {
  std::string where;
  json::document jwk;
  std::size_t line = 0;  // in `skipped`
  unnamed_member(std::string place, json::document from, std::size_t at)
      : where(std::move(place)), jwk(std::move(from)), line(at) {}
  unnamed_member(const unnamed_member&) = delete;
  unnamed_member& operator=(const unnamed_member&) = delete;
  ~unnamed_member() { wipe_strings(jwk); }
};

}  // namespace

struct key_set::data {
  std::vector<key> keys;
  std::vector<std::string> skipped;
  std::vector<std::shared_ptr<const unnamed_member>> unnamed;
  bool leaked = false;
};

namespace {

constexpr std::string_view mixed = "symmetric and asymmetric keys in one set; keep them in sets of their own";
constexpr std::array<const char*, 8> private_members = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

// Two keys of one kid and one algorithm: a verifier would have to guess. The same key listed twice is harmless.
result<void> check_set(const std::vector<key>& keys) {
  bool symmetric = false, asymmetric = false;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    (keys[i].type() == key_type::oct ? symmetric : asymmetric) = true;
    for (std::size_t j = 0; j < i && !keys[i].kid().empty(); ++j) {
      const bool alike = keys[i].kid() == keys[j].kid() && (accepts_algorithm(keys[i].impl(), keys[j].alg()) ||
                                                            accepts_algorithm(keys[j].impl(), keys[i].alg()));
      if (alike && !keys[i].same_key(keys[j])) {
        return refuse(errc::key_set_invalid, "two different keys have the same kid");
      }
    }
  }
  if (symmetric && asymmetric) return refuse(errc::key_set_invalid, std::string(mixed));
  return {};
}

bool has_any(const json::document& object, std::span<const char* const> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view name) { return json::member(object, name) != nullptr; });
}

std::string_view text_member(const json::document& object, std::string_view name) {
  const json::document* value = json::member(object, name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_ref<const std::string&>())
                                                : std::string_view();
}

// "keys[2] (kid 7a): ", for logs: a kid is shown where it can't do harm there.
std::string place_of(std::size_t index, const json::document& jwk) {
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-_.:/=+~@").find(c) != std::string_view::npos;
  };
  std::string out = "keys[" + std::to_string(index) + "]";
  const std::string_view kid = text_member(jwk, "kid");
  if (!kid.empty() && kid.size() <= 64 && std::all_of(kid.begin(), kid.end(), plain)) {
    out.append(" (kid ").append(kid).append(")");
  }
  return out + ": ";
}

// Whether the key may do anything with its algorithm: not where use or key_ops is for another purpose.
bool of_use(const key& one) noexcept {
  return is_signature(one.alg()) ? one.can_verify() || one.can_sign() : one.can_encrypt() || one.can_decrypt();
}

// An algorithm that the kind of key has, to see whether a member without `alg` is a key at all.
algorithm sample_of(const json::document& jwk) {
  const auto crv = curve_from(text_member(jwk, "crv"));
  for (const algorithm alg : {algorithm::ES256, algorithm::ES384, algorithm::ES512, algorithm::ES256K}) {
    if (crv == curve_of(alg)) return alg;
  }
  if (crv == curve::ed25519 || crv == curve::ed448) return algorithm::EdDSA;
  return crv == curve::x25519 ? algorithm::ECDH_ES : algorithm::RS256;
}

// The keys that a member without `alg` makes: one for each algorithm that its kind and its use allow.
std::vector<key> keys_of(const json::document& jwk, std::span<const algorithm> algs) {
  std::vector<key> out;
  for (const algorithm alg : algs) {
    const bool covered =
        std::any_of(out.begin(), out.end(), [&](const key& one) { return accepts_algorithm(one.impl(), alg); });
    if (covered) continue;
    import_options import;
    import.alg = alg;
    if (auto one = key_from_document(jwk, import); one && of_use(*one)) out.push_back(std::move(*one));
  }
  return out;
}

// The public half of an asymmetric member, if it has one that can be read.
std::optional<key> public_half(const json::document& jwk) {
  json::document copy = json::document::object();
  for (const char* const name : {"kty", "crv", "x", "y", "n", "e"}) {
    if (const json::document* value = json::member(jwk, name)) copy[name] = *value;
  }
  import_options import;
  import.alg = sample_of(copy);
  auto made = key_from_document(copy, import);
  return made ? std::optional<key>(std::move(*made)) : std::nullopt;
}

bool same_public(const key& a, const key& b) noexcept {
  return a.type() == b.type() && a.crv() == b.crv() && a.impl().public_bytes == b.impl().public_bytes;
}

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
  std::vector<key> leaked;
  bool symmetric = false, asymmetric = false;
  // Public halves of private members first: they are not taken from any other member either.
  for (const json::document& jwk : *members) {
    const bool oct = text_member(jwk, "kty") == "oct";
    (oct ? symmetric : asymmetric) |= json::member(jwk, "kty") != nullptr;
    if (!options.public_only || oct || !has_any(jwk, private_members)) continue;
    made->leaked = true;
    if (auto half = public_half(jwk)) leaked.push_back(std::move(*half));
  }
  if (symmetric && asymmetric && !options.public_only) return refuse(errc::key_set_invalid, std::string(mixed));
  std::size_t index = 0;
  for (const json::document& jwk : *members) {
    const std::string where = place_of(index++, jwk);
    const auto skip = [&](std::string_view why) { made->skipped.push_back(where + std::string(why)); };
    const bool oct = text_member(jwk, "kty") == "oct";
    if (options.public_only && (oct || has_any(jwk, private_members))) {
      skip(oct ? "a symmetric key in a set of public keys"
               : "a private key in a set of public keys: treat it as leaked");
      continue;
    }
    const bool unnamed = jwk.is_object() && json::member(jwk, "alg") == nullptr;
    import_options import;
    if (unnamed && !oct) import.alg = sample_of(jwk);
    auto one = key_from_document(jwk, import);
    if (!one && !(unnamed && oct)) {
      skip(one.error().message);
    } else if (one && std::any_of(leaked.begin(), leaked.end(), [&](const key& k) { return same_public(k, *one); })) {
      skip("its private key stands in the same set");
    } else if (!unnamed) {
      made->keys.push_back(std::move(*one));
    } else if (auto bound = keys_of(jwk, options.default_algs); !bound.empty()) {
      for (key& each : bound) made->keys.push_back(std::move(each));
    } else {
      skip("the JWK names no alg, so the caller must: a key has exactly one");
      if (options.default_algs.empty()) {
        made->unnamed.push_back(std::make_shared<const unnamed_member>(where, jwk, made->skipped.size() - 1));
      }
    }
  }
  key_set out;
  out.data_ = std::move(made);
  return out;
}

key_set key_set::for_algorithms(std::span<const algorithm> algs) const {
  auto made = std::make_shared<data>();
  made->leaked = leaked();
  for (const key& one : keys()) {
    const bool wanted =
        std::any_of(algs.begin(), algs.end(), [&](algorithm alg) { return accepts_algorithm(one.impl(), alg); });
    if (wanted) made->keys.push_back(one);
  }
  std::vector<bool> taken(skipped().size());
  for (std::size_t i = 0; data_ && i < data_->unnamed.size(); ++i) {
    const unnamed_member& member = *data_->unnamed[i];
    auto bound = keys_of(member.jwk, algs);
    taken[member.line] = true;
    if (bound.empty()) made->skipped.push_back(member.where + "none of the algorithms fits the key");
    for (key& each : bound) made->keys.push_back(std::move(each));
  }
  for (std::size_t i = 0; i < taken.size(); ++i) {
    if (!taken[i]) made->skipped.push_back(skipped()[i]);
  }
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
bool key_set::unnamed() const noexcept { return data_ && !data_->unnamed.empty(); }
bool key_set::leaked() const noexcept { return data_ && data_->leaked; }

bool accepts_algorithm(const key_impl& with, algorithm alg) noexcept {
  if (with.alg == alg) return true;
  if (family_of(with.alg) != algorithm_family::eddsa) return false;
  return alg == algorithm::EdDSA || (alg == algorithm::Ed25519 && with.crv == curve::ed25519) ||
         (alg == algorithm::Ed448 && with.crv == curve::ed448);
}

std::size_t candidates(std::span<const key> keys, std::string_view kid, algorithm alg, const key** out,
                       std::size_t room) noexcept {
  const key* named = nullptr;  // has the kid, and is of no use
  const auto collect = [&](bool by_kid, bool useful) {
    std::size_t count = 0;
    for (const key& one : keys) {
      if (count == room) break;
      if (by_kid ? one.kid() != kid : !kid.empty() && !one.kid().empty()) continue;
      if (by_kid && named == nullptr) named = &one;
      if (!accepts_algorithm(one.impl(), alg) || of_use(one) != useful) continue;
      const bool again = std::any_of(out, out + count, [&](const key* have) { return have->same_key(one); });
      if (!again) out[count++] = &one;
    }
    return count;
  };
  for (const bool by_kid : {true, false}) {
    if (by_kid && kid.empty()) continue;
    for (const bool useful : {true, false}) {
      if (const std::size_t count = collect(by_kid, useful)) return count;
    }
    if (named == nullptr) continue;
    out[0] = named;
    return 1;
  }
  return 0;
}

const key* key_set::find(std::string_view kid, algorithm alg) const noexcept {
  const key* found[2] = {};
  return candidates(keys(), kid, alg, found, 2) == 1 ? found[0] : nullptr;
}

bool key_set::has_kid(std::string_view kid) const noexcept {
  const auto names = [&](const auto& member) { return text_member(member->jwk, "kid") == kid; };
  return std::any_of(keys().begin(), keys().end(), [&](const key& k) { return k.kid() == kid; }) ||
         (data_ && std::any_of(data_->unnamed.begin(), data_->unnamed.end(), names));
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
