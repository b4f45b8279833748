// Verifying JWTs. The common case, an issuer whose tokens carry byte-identical headers, parses no header at all.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <mutex>
#include <shared_mutex>

#include "coatcheck/jose/jwt.hpp"

#include "crypto/base64url.hpp"
#include "jose/claims.hpp"
#include "jose/header.hpp"
#include "jose/json.hpp"
#include "jose/jws_core.hpp"
#include "jose/signature.hpp"
#include "jose/token_cache.hpp"

namespace coatcheck::jose {
namespace {

// Headers seen on tokens that verified, with what was found out about them. Entries are added, never changed or
// removed, so that reading takes no lock; only a token whose signature held may add one.
struct known_header {
  std::string encoded;
  std::shared_ptr<const std::string> text;
  const key* signer;
};

class header_memory {
 public:
  ~header_memory() {
    for (auto& slot : slots_) delete slot.load(std::memory_order_relaxed);
  }
  [[nodiscard]] const known_header* find(std::string_view encoded) const noexcept {
    for (const auto& slot : slots_) {
      const known_header* const known = slot.load(std::memory_order_acquire);
      if (known == nullptr) return nullptr;
      if (known->encoded == encoded) return known;
    }
    return nullptr;
  }
  void add(known_header made) {
    if (made.encoded.size() > 1024) return;
    const auto* const fresh = new known_header(std::move(made));
    for (auto& slot : slots_) {
      const known_header* expected = nullptr;
      if (slot.compare_exchange_strong(expected, fresh, std::memory_order_release, std::memory_order_acquire)) return;
      if (expected->encoded == fresh->encoded) break;
    }
    delete fresh;
  }

 private:
  std::array<std::atomic<const known_header*>, 16> slots_{};
};

// One generation of keys, with what was learnt under it.
struct generation {
  key_set keys;
  std::uint64_t epoch = 0;
  bool cached = false;
  header_memory headers;
};

std::uint64_t next_verifier() noexcept {
  static std::atomic<std::uint64_t> serial{0};
  return ++serial;
}

}  // namespace

struct verifier::impl {
  claims_policy policy;
  std::vector<algorithm> algorithms;
  std::size_t max_token = default_max_token;
  token_cache_options cache_options;
  std::uint64_t serial = next_verifier();
  mutable std::shared_mutex lock;  // of `current` alone
  std::shared_ptr<generation> current;
  std::unique_ptr<token_cache> cache;

  [[nodiscard]] std::shared_ptr<generation> now() const {
    const std::shared_lock guard(lock);
    return current;
  }
  [[nodiscard]] std::shared_ptr<generation> make(key_set keys, std::uint64_t epoch) const {
    auto made = std::make_shared<generation>();
    made->cached = cache != nullptr && (cache_options.symmetric || !keys.symmetric());
    made->keys = std::move(keys);
    made->epoch = epoch;
    return made;
  }
};

namespace {

// The keys of a set that the verifier takes; an error where that is none of those that are there.
result<key_set> usable_keys(const key_set& all, std::span<const algorithm> algorithms) {
  key_set out = algorithms.empty() ? all : all.for_algorithms(algorithms);
  if (std::any_of(out.keys().begin(), out.keys().end(), [](const key& one) { return one.can_verify(); })) return out;
  const auto unsuitable = [](std::string what) { return coatcheck::error{errc::key_unsuitable, std::move(what)}; };
  if (!out.keys().empty()) {
    return unsuitable("none of the keys may verify: they are for encryption, or use or key_ops forbids it");
  }
  if (algorithms.empty() && all.unnamed()) {
    return unsuitable("the keys name no alg: say which algorithms tokens have (option algorithms)");
  }
  if (!all.keys().empty() || all.unnamed()) {
    std::string names;
    for (const algorithm one : algorithms) names.append(names.empty() ? "" : ", ").append(name_of(one));
    return unsuitable("no key is for " + names);
  }
  if (!all.skipped().empty()) return unsuitable("the set has no usable key: " + all.skipped()[0]);
  return out;
}

// Header, type, key and signature of a token that was split.
struct checked {
  const key* signer;
  std::shared_ptr<const std::string> header;
};
result<checked> check_signature(generation& with, const claims_policy& policy, std::string_view token,
                                const compact_parts& parts, claim_failure* failure) {
  const std::string_view input[] = {token.substr(0, parts.part[0].size() + 1 + parts.part[1].size())};
  if (const known_header* known = with.headers.find(parts.part[0])) {
    const auto signer = verify_with({known->signer, 1}, false, known->signer->alg(), {}, input, parts.part[2]);
    if (!signer) return signer.error();
    return checked{*signer, known->text};
  }
  auto header = decode_header(parts.part[0], {});  // a JWT is never unencoded (RFC 7797, 7)
  if (!header) return header.error();
  if (auto ok = check_type(header->typ, policy, failure); !ok) return ok.error();
  const auto signer = verify_with(with.keys.keys(), true, header->alg, header->kid, input, parts.part[2]);
  if (!signer) return signer.error();
  auto text = std::make_shared<const std::string>(std::move(header->text));
  const key* only[2] = {};
  if (candidates(with.keys.keys(), header->kid, header->alg, only, 2) == 1) {
    with.headers.add({std::string(parts.part[0]), text, *signer});
  }
  return checked{*signer, std::move(text)};
}

}  // namespace

result<verifier> verifier::create(verifier_options options) {
  if (auto ok = check_policy(options.claims); !ok) return ok.error();
  auto keys = usable_keys(options.keys, options.algorithms);
  if (!keys) return keys.error();
  const auto wrong = [](const char* what) { return coatcheck::error{errc::invalid_option, what}; };
  if (options.max_token < 64 || options.max_token > 16 * 1024 * 1024)
    return wrong("max_token must be from 64 bytes to 16 MiB");
  if (options.cache.entries > 10'000'000) return wrong("the cache may have at most 10,000,000 entries");
  if (options.cache.entries != 0 && options.cache.ttl <= 0) return wrong("the cache's ttl must be above 0");
  auto state = std::make_shared<impl>();
  state->policy = std::move(options.claims);
  state->algorithms = std::move(options.algorithms);
  state->max_token = options.max_token;
  state->cache_options = options.cache;
  if (options.cache.entries != 0) state->cache = std::make_unique<token_cache>(options.cache.entries);
  state->current = state->make(std::move(*keys), 0);
  return verifier(std::move(state));
}

result<verified_token> verifier::verify(std::string_view token, epoch_ms now, claim_failure* failure,
                                        json::visitor* also) const {
  const impl& self = *impl_;
  if (token.size() > self.max_token) return too_large(self.max_token);
  compact_parts parts;
  if (!split_compact(token, 3, parts)) return malformed("not three parts");
  const std::shared_ptr<generation> with = self.now();
  crypto::sha256_digest name;
  // A policy with a function of the host's is asked each time.
  const bool cached = with->cached && !self.policy.custom;
  if (cached) {
    name = token_cache::name(self.serial, with->epoch, token);
    if (auto body = self.cache->find(name, now)) {
      if (auto ok = check_times(body->times, self.policy, now, failure); !ok) {
        if (ok.error().code == errc::token_expired) self.cache->erase(name);
        return ok.error();
      }
      if (also != nullptr) static_cast<void>(json::read(body->payload, *also));
      return verified_token(std::move(body));
    }
  }
  auto good = check_signature(*with, self.policy, token, parts, failure);
  if (!good) return good.error();
  auto body = std::make_shared<token_body>();
  body->payload.resize(crypto::base64url_decoded_size(parts.part[1].size()));
  if (!crypto::base64url_decode_to(parts.part[1], reinterpret_cast<unsigned char*>(body->payload.data()))) {
    return malformed("the payload is not base64url");
  }
  const auto times = read_claims(body->payload, self.policy, now, failure, also);
  if (!times) return times.error();
  body->times = *times;
  body->header = std::move(good->header);
  body->key_id = good->signer->kid();
  if (cached) {
    epoch_ms until = now + self.cache_options.ttl;
    if (times->exp) {
      until = std::min(until, static_cast<epoch_ms>(*times->exp * 1000.0) + self.policy.leeway);
    }
    if (until > now) self.cache->insert(name, body, until);
  }
  return verified_token(std::move(body));
}

result<void> verifier::replace_keys(key_set keys) const {
  auto usable = usable_keys(keys, impl_->algorithms);
  if (!usable) return usable.error();
  {
    const std::unique_lock guard(impl_->lock);
    impl_->current = impl_->make(std::move(*usable), impl_->current->epoch + 1);
  }
  clear_cache();
  return {};
}

key_set verifier::keys() const { return impl_->now()->keys; }

void verifier::clear_cache() const noexcept {
  if (impl_->cache) impl_->cache->clear();
}

token_cache_stats verifier::cache_stats() const noexcept {
  return impl_->cache ? impl_->cache->stats() : token_cache_stats{};
}

result<raw_token> decode_unverified(std::string_view token, std::size_t max_token) {
  if (token.size() > max_token) return too_large(max_token);
  compact_parts parts;
  if (!split_compact(token, 3, parts)) return malformed("not three parts");
  auto header = decode_header(parts.part[0], {.encrypted = false, .allow_unencoded = true});
  if (!header) return header.error();
  raw_token out{std::move(header->text), {}, {}};
  auto payload = header->unencoded ? std::string(parts.part[1]) : crypto::base64url_decode(parts.part[1]);
  auto signature = crypto::base64url_decode(parts.part[2]);
  if (!payload || !signature) return malformed("a part is not base64url");
  out.payload = std::move(*payload);
  out.signature = std::move(*signature);
  return out;
}

std::string_view verified_token::payload() const noexcept { return body_->payload; }
std::string_view verified_token::header() const noexcept { return *body_->header; }
std::string_view verified_token::key_id() const noexcept { return body_->key_id; }
std::optional<double> verified_token::expires_at() const noexcept { return body_->times.exp; }
std::optional<double> verified_token::not_before() const noexcept { return body_->times.nbf; }
std::optional<double> verified_token::issued_at() const noexcept { return body_->times.iat; }

std::optional<std::string> verified_token::json_claim(std::string_view name) const {
  const json::parsed read = json::parse(body_->payload);
  const json::document* value = json::member(read.value, name);
  return value != nullptr ? json::print(*value) : std::nullopt;
}

std::optional<std::string> verified_token::string_claim(std::string_view name) const {
  const json::parsed read = json::parse(body_->payload);
  const json::document* value = json::member(read.value, name);
  if (value == nullptr) return std::nullopt;
  return value->is_string() ? std::optional<std::string>(value->get_ref<const std::string&>()) : json::print(*value);
}

std::vector<std::string> verified_token::audiences() const {
  std::vector<std::string> out;
  const json::parsed read = json::parse(body_->payload);
  const json::document* value = json::member(read.value, "aud");
  if (value == nullptr) return out;
  if (value->is_string()) out.push_back(value->get_ref<const std::string&>());
  if (value->is_array()) {
    for (const json::document& one : *value) {
      if (one.is_string()) out.push_back(one.get_ref<const std::string&>());
    }
  }
  return out;
}

}  // namespace coatcheck::jose
