// Verifying tokens: one call per token, the payload goes out as text once, for V8 to parse.
//
// With the cache of verified tokens on, the claims that JavaScript parsed are kept beside the core's entry, so that
// a hit neither prints nor parses. The core decides what is a hit; here is only what belongs to V8.
#include <array>
#include <optional>
#include <unordered_map>
#include <utility>

#include "jwt_handles.hpp"
#include "jwt_options.hpp"
#include "method.hpp"

namespace coatcheck::node {
namespace {

using namespace jose;

// What JavaScript made of cached tokens, found by the core's entry. Each keeps its token, so that no other entry can
// come to lie at its address.
class parsed_claims {
 public:
  parsed_claims(napi_env env, std::size_t limit) noexcept : env_(env), limit_(limit) {}
  parsed_claims(const parsed_claims&) = delete;
  parsed_claims& operator=(const parsed_claims&) = delete;
  ~parsed_claims() { clear(); }

  [[nodiscard]] bool on() const noexcept { return limit_ != 0; }
  [[nodiscard]] napi_value find(const verified_token& token) const {
    const auto found = kept_.find(token.payload().data());
    if (found == kept_.end()) return nullptr;
    napi_value out = nullptr;
    napi_get_reference_value(env_, found->second.value, &out);
    return out;
  }
  void expect(verified_token token) { last_ = std::move(token); }
  // Keeps what was made of the token that was verified last.
  void keep(napi_value value) {
    if (!last_) return;
    // Entries that the core dropped are only found out about here: now and then, start again.
    if (kept_.size() >= limit_) clear_kept();
    const char* const name = last_->payload().data();
    entry made{*std::exchange(last_, std::nullopt), nullptr};
    if (napi_create_reference(env_, value, 1, &made.value) != napi_ok) return;
    if (!kept_.emplace(name, made).second) napi_delete_reference(env_, made.value);
  }
  void clear() {
    clear_kept();
    last_.reset();
  }

 private:
  struct entry {
    verified_token token;
    napi_ref value;
  };
  void clear_kept() {
    for (const auto& [name, one] : kept_) napi_delete_reference(env_, one.value);
    kept_.clear();
  }

  napi_env env_;
  std::size_t limit_;
  std::unordered_map<const char*, entry> kept_;
  std::optional<verified_token> last_;
};

struct verifier_state {
  verifier_state(napi_env env, verifier with, std::size_t entries) : check(std::move(with)), parsed(env, entries) {}
  verifier check;
  parsed_claims parsed;
};

epoch_ms to_time(napi_env env, napi_value value) noexcept {
  std::int64_t out = 0;
  napi_get_value_int64(env, value, &out);
  return out;
}

// Verifies the token of a call (token, now). Without `good`, what is answered is the result of the call: what `keep`
// was given for the token, an Error, or null with an exception pending.
napi_value attempt(napi_env env, const arguments<2>& given, std::optional<verified_token>& good) {
  text token;
  if (!token.read(env, given[0]) || !token.present()) return throw_type_error(env, "token must be a string");
  verifier_state& self = *self_of<verifier_state>(given.data);
  claim_failure failure;
  auto verified = self.check.verify(token.view(), to_time(env, given[1]), &failure);
  if (!verified) return make_claim_error(env, verified.error(), failure);
  if (self.parsed.on()) {
    if (const napi_value kept = self.parsed.find(*verified)) return kept;
    self.parsed.expect(*verified);
  }
  good.emplace(*std::move(verified));
  return nullptr;
}

// verify(token, now) → the payload as text, what `keep` was given for it, or an Error.
napi_value verify(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  std::optional<verified_token> good;
  const napi_value answer = attempt(env, given, good);
  return good ? make_string(env, good->payload()) : answer;
}

// verifyComplete(token, now) → [payload, header] as texts, what `keep` was given for it, or an Error.
napi_value verify_complete(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  std::optional<verified_token> good;
  const napi_value answer = attempt(env, given, good);
  if (!good) return answer;
  napi_value out = nullptr;
  napi_create_array_with_length(env, 2, &out);
  napi_set_element(env, out, 0, make_string(env, good->payload()));
  napi_set_element(env, out, 1, make_string(env, good->header()));
  return out;
}

napi_value keep(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  self_of<verifier_state>(given.data)->parsed.keep(given[0]);
  return nullptr;
}

// replaceKeys(keys) → which members of the set were passed over, and why.
napi_value replace_keys(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  const auto keys = unwrap_shared<jwt_key_set_handle>(env, given[0]);
  if (!keys) return throw_type_error(env, "not a key set");
  verifier_state& self = *self_of<verifier_state>(given.data);
  if (const auto ok = self.check.replace_keys(keys->keys); !ok) return throw_error(env, ok.error());
  self.parsed.clear();
  const key_set in_use = self.check.keys();
  return make_lines(env, in_use.skipped());
}

napi_value clear_cache(napi_env env, napi_callback_info info) {
  const arguments<0> given(env, info);
  verifier_state& self = *self_of<verifier_state>(given.data);
  self.check.clear_cache();
  self.parsed.clear();
  return nullptr;
}

napi_value cache_stats(napi_env env, napi_callback_info info) {
  const arguments<0> given(env, info);
  const token_cache_stats stats = self_of<verifier_state>(given.data)->check.cache_stats();
  const Napi::Object out = Napi::Object::New(env);
  out.Set("hits", static_cast<double>(stats.hits));
  out.Set("misses", static_cast<double>(stats.misses));
  out.Set("entries", static_cast<double>(stats.entries));
  return out;
}

void read_policy(const Napi::Object& from, claims_policy& into) {
  into.types = list_option(from, "types");
  into.any_type = into.types.empty();
  into.audiences = list_option(from, "audiences");
  into.audience = !into.audiences.empty()               ? audience_rule::required
                  : bool_option(from, "refuseAudience") ? audience_rule::refuse_present
                                                        : audience_rule::any;
  into.issuers = list_option(from, "issuers");
  if (const Napi::Value subject = from.Get("subject"); subject.IsString())
    into.subject = string_option(from, "subject");
  if (const Napi::Value id = from.Get("id"); id.IsString()) into.id = string_option(from, "id");
  number_option(from, "leeway", into.leeway);
  if (const Napi::Value age = from.Get("maxAge"); age.IsNumber()) into.max_age = age.As<Napi::Number>().Int64Value();
  into.required = list_option(from, "required");
  const auto equal = list_option(from, "equal");  // claim, value, claim, value, …
  for (std::size_t i = 0; i + 1 < equal.size(); i += 2) into.equal.emplace_back(equal[i], equal[i + 1]);
  into.ignore_expiration = bool_option(from, "ignoreExpiration");
  into.ignore_not_before = bool_option(from, "ignoreNotBefore");
  into.ignore_issued_at = bool_option(from, "ignoreIssuedAt");
  into.loose_types = bool_option(from, "looseTypes");
}

std::string_view name_of_reason(claim_failure::reason why) noexcept {
  constexpr std::array<std::string_view, 8> names = {"missing",    "mismatch",         "wrong_type", "expired",
                                                     "not_active", "issued_in_future", "too_old",    "custom"};
  return names[static_cast<std::size_t>(why)];
}

}  // namespace

napi_value make_claim_error(napi_env env, const coatcheck::error& why, const claim_failure& failure) {
  const napi_value out = make_error(env, why);
  if (failure.claim.empty()) return out;
  napi_set_named_property(env, out, "claim", make_string(env, failure.claim));
  napi_set_named_property(env, out, "reason", make_string(env, name_of_reason(failure.why)));
  if (failure.value) napi_set_named_property(env, out, "value", make_number(env, *failure.value));
  return out;
}

napi_value jwt_create_verifier(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const auto keys = unwrap_shared<jwt_key_set_handle>(env, given[0]);
  if (!keys) return throw_type_error(env, "not a key set");
  const Napi::Object from = object_of(env, given[1]);
  verifier_options options;
  options.keys = keys->keys;
  if (!algorithms_option(from, "algorithms", options.algorithms)) return throw_error(env, unknown_algorithm);
  read_policy(from, options.claims);
  number_option(from, "maxToken", options.max_token);
  number_option(from, "cacheEntries", options.cache.entries);
  number_option(from, "cacheTTL", options.cache.ttl);
  options.cache.symmetric = bool_option(from, "cacheSymmetric");
  const std::size_t entries = options.cache.entries;
  auto made = verifier::create(std::move(options));
  if (!made) return throw_error(env, made.error());

  const auto handle = std::make_shared<jwt_verifier_handle>(jwt_verifier_handle{*made});
  const auto self = std::make_shared<verifier_state>(env, *std::move(made), entries);
  const napi_value object = wrap_shared(env, handle);
  add_method(env, object, "verify", verify, self);
  add_method(env, object, "verifyComplete", verify_complete, self);
  add_method(env, object, "keep", keep, self);
  add_method(env, object, "replaceKeys", replace_keys, self);
  add_method(env, object, "clearCache", clear_cache, self);
  add_method(env, object, "cacheStats", cache_stats, self);
  return object;
}

}  // namespace coatcheck::node
