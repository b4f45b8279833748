// Reading and checking claims (RFC 7519, 4; RFC 8725; RFC 9068).
#include "jose/claims.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "jose/json.hpp"

namespace coatcheck::jose {
namespace {

constexpr double date_limit = 9007199254740992.0;  // 2^53: beyond it seconds are not exact
constexpr duration_ms max_leeway = 86'400'000;
constexpr std::size_t max_extra = 64;  // required and equal claims of one policy

using reason = claim_failure::reason;

coatcheck::error fail(errc code, std::string_view claim, reason why, std::string_view text, claim_failure* failure,
                      std::optional<double> value = {}) {
  if (failure != nullptr) *failure = {std::string(claim), why, value};
  std::string message = "claim ";
  message.append(claim).append(" ").append(text);
  return {code, std::move(message)};
}

enum class claim : std::uint8_t { exp, nbf, iat, iss, sub, aud, jti, other };
constexpr std::array<std::string_view, 7> claim_names = {"exp", "nbf", "iat", "iss", "sub", "aud", "jti"};
static_assert(static_cast<std::size_t>(claim::other) == claim_names.size());

// All of the names have three letters, so most names are told apart by their length.
claim claim_of(std::string_view name) noexcept {
  if (name.size() != 3) return claim::other;
  const auto is = [&](std::string_view known) {
    return name[0] == known[0] && name[1] == known[1] && name[2] == known[2];
  };
  const auto found = std::find_if(claim_names.begin(), claim_names.end(), is);
  return static_cast<claim>(found - claim_names.begin());
}

// One pass over the payload. Strings are compared as they come by, for views end with the parse.
class scan final : public json::visitor {
 public:
  explicit scan(const claims_policy& policy) noexcept : policy_(policy) {}

  enum class state : std::uint8_t { absent, good, mismatch, wrong_type };
  [[nodiscard]] state of(claim which) const noexcept { return states_[static_cast<std::size_t>(which)]; }
  [[nodiscard]] const claim_times& times() const noexcept { return times_; }
  [[nodiscard]] bool object() const noexcept { return object_; }
  [[nodiscard]] bool has_required(std::size_t i) const noexcept { return (required_ >> i & 1) != 0; }
  [[nodiscard]] bool is_equal(std::size_t i) const noexcept { return (equal_ >> i & 1) != 0; }
  [[nodiscard]] bool was_there(std::size_t i) const noexcept { return (there_ >> i & 1) != 0; }

  bool on_key(std::string_view name, std::size_t depth) override {
    if (depth != 1) return true;
    current_ = claim_of(name);
    for (std::size_t i = 0; i < policy_.required.size(); ++i) {
      if (name == policy_.required[i]) required_ |= 1ULL << i;
    }
    comparing_ = 0;
    for (std::size_t i = 0; i < policy_.equal.size(); ++i) {
      if (name == policy_.equal[i].first) comparing_ |= 1ULL << i;
    }
    there_ |= comparing_;
    return true;
  }
  bool on_string(std::string_view value, std::size_t depth) override {
    if (depth == 2 && in_audience_) return audience(value);
    if (depth != 1) return depth != 0;
    for (std::size_t i = 0; comparing_ != 0 && i < policy_.equal.size(); ++i) {
      if ((comparing_ >> i & 1) != 0 && value == policy_.equal[i].second) equal_ |= 1ULL << i;
    }
    switch (current_) {
      case claim::iss:
        return note(policy_.issuers.empty() || contains(policy_.issuers, value));
      case claim::sub:
        return note(!policy_.subject || *policy_.subject == value);
      case claim::jti:
        return note(!policy_.id || *policy_.id == value);
      case claim::aud:
        set(state::mismatch);
        return audience(value);
      case claim::other:
        return true;
      default:
        return wrong();
    }
  }
  bool on_number(const json::number& value, std::size_t depth) override {
    if (depth == 2) in_audience_ ? set(state::wrong_type) : void();
    if (depth != 1) return depth != 0;
    if (current_ > claim::iat) return wrong();
    if (!(value.real >= 0 && value.real < date_limit)) return wrong();
    (current_ == claim::exp ? times_.exp : current_ == claim::nbf ? times_.nbf : times_.iat) = value.real;
    return note(true);
  }
  bool on_bool(bool, std::size_t depth) override { return scalar(depth); }
  bool on_null(std::size_t depth) override { return scalar(depth); }
  bool on_start(bool is_object, std::size_t depth) override {
    if (depth == 0) {
      object_ = is_object;
      return is_object;
    }
    if (depth == 1) {
      if (current_ == claim::aud && !is_object) {
        in_audience_ = true;
        set(state::mismatch);
        return true;
      }
      return wrong();
    }
    if (depth == 2 && in_audience_) set(state::wrong_type);
    return true;
  }
  bool on_end(bool, std::size_t depth) override {
    if (depth == 1) in_audience_ = false;
    return true;
  }

 private:
  static bool contains(const std::vector<std::string>& list, std::string_view value) noexcept {
    return std::find(list.begin(), list.end(), value) != list.end();
  }
  void set(state to) noexcept { states_[static_cast<std::size_t>(current_)] = to; }
  bool note(bool good) noexcept {
    set(good ? state::good : state::mismatch);
    return true;
  }
  // A value of a type that the claim does not have. Of other claims every type is good.
  bool wrong() noexcept {
    if (current_ != claim::other) set(state::wrong_type);
    return true;
  }
  bool scalar(std::size_t depth) noexcept {
    if (depth == 2 && in_audience_) set(state::wrong_type);
    return depth == 1 ? wrong() : depth != 0;
  }
  bool audience(std::string_view value) noexcept {
    if (of(claim::aud) != state::wrong_type && contains(policy_.audiences, value)) set(state::good);
    return true;
  }

  const claims_policy& policy_;
  claim current_ = claim::other;
  std::array<state, 8> states_{};
  claim_times times_;
  std::uint64_t required_ = 0, equal_ = 0, comparing_ = 0, there_ = 0;
  bool object_ = false;
  bool in_audience_ = false;
};

// `application/` is implied where there is no slash, and case does not count (RFC 7515, 4.1.9).
bool same_media_type(std::string_view a, std::string_view b) noexcept {
  const auto bare = [](std::string_view t) {
    constexpr std::string_view prefix = "application/";
    const bool has =
        t.size() > prefix.size() && std::equal(prefix.begin(), prefix.end(), t.begin(),
                                               [](char x, char y) { return x == (y >= 'A' && y <= 'Z' ? y + 32 : y); });
    return has && t.find('/', prefix.size()) == std::string_view::npos ? t.substr(prefix.size()) : t;
  };
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  const std::string_view x = bare(a), y = bare(b);
  return std::equal(x.begin(), x.end(), y.begin(), y.end(), [&](char p, char q) { return lower(p) == lower(q); });
}

coatcheck::error option(std::string what) { return {errc::invalid_option, "claims policy: " + std::move(what)}; }

}  // namespace

result<void> check_policy(const claims_policy& policy) {
  if (policy.types.empty() && !policy.any_type) {
    return option("name the typ that tokens must have, or set any_type (RFC 8725, 3.11)");
  }
  if (policy.audience == audience_rule::required && policy.audiences.empty()) {
    return option("name the audiences of this service, or choose another audience_rule (RFC 8725, 3.9)");
  }
  if (policy.audience != audience_rule::required && !policy.audiences.empty()) {
    return option("audiences are named but the audience_rule does not look at them");
  }
  if (policy.leeway < 0 || policy.leeway > max_leeway) return option("leeway must be from 0 to 24 hours");
  if (policy.max_age && *policy.max_age < 0) return option("max_age is below 0");
  if (policy.required.size() > max_extra || policy.equal.size() > max_extra)
    return option("more than 64 claims are named");
  return {};
}

result<void> check_type(const std::optional<std::string>& typ, const claims_policy& policy, claim_failure* failure) {
  if (policy.any_type) return {};
  if (!typ) return fail(errc::token_type, "typ", reason::missing, "of the header is missing", failure);
  for (const std::string& expected : policy.types) {
    if (same_media_type(*typ, expected)) return {};
  }
  return fail(errc::token_type, "typ", reason::mismatch, "of the header is not what is expected here", failure);
}

result<void> check_times(const claim_times& times, const claims_policy& policy, epoch_ms now, claim_failure* failure) {
  const double at = static_cast<double>(now) / 1000.0, leeway = static_cast<double>(policy.leeway) / 1000.0;
  if (times.nbf && !policy.ignore_not_before && *times.nbf > at + leeway) {
    return fail(errc::token_not_active, "nbf", reason::not_active, "lies in the future", failure, times.nbf);
  }
  if (times.exp && !policy.ignore_expiration && at >= *times.exp + leeway) {
    return fail(errc::token_expired, "exp", reason::expired, "lies in the past", failure, times.exp);
  }
  if (times.iat && !policy.ignore_issued_at && *times.iat > at + leeway) {
    return fail(errc::token_not_active, "iat", reason::issued_in_future, "lies in the future", failure, times.iat);
  }
  if (policy.max_age) {
    if (!times.iat) return fail(errc::token_claim, "iat", reason::missing, "is missing, and max_age needs it", failure);
    if (at >= *times.iat + static_cast<double>(*policy.max_age) / 1000.0 + leeway) {
      return fail(errc::token_expired, "iat", reason::too_old, "is further back than max_age", failure, times.iat);
    }
  }
  return {};
}

result<claim_times> read_claims(std::string_view payload, const claims_policy& policy, epoch_ms now,
                                claim_failure* failure, json::visitor* also) {
  scan found(policy);
  json::tee both(found, also);
  const json::verdict read = json::read(payload, also == nullptr ? static_cast<json::visitor&>(found) : both);
  if (read != json::verdict::ok) {
    const bool other = read == json::verdict::stopped && !found.object();
    return coatcheck::error{errc::token_payload,
                            "payload: " + std::string(other ? "not a JSON object" : json::describe(read))};
  }
  using state = scan::state;
  for (const claim date : {claim::nbf, claim::exp, claim::iat}) {
    if (found.of(date) == state::wrong_type) {
      return fail(errc::token_claim, claim_names[static_cast<std::size_t>(date)], reason::wrong_type,
                  "is not a number of seconds from 0 to 2^53", failure);
    }
  }
  if (auto ok = check_times(found.times(), policy, now, failure); !ok) return ok.error();
  struct rule {
    claim which;
    bool expected;  // it must be there, and match
  };
  const rule rules[] = {{claim::aud, policy.audience == audience_rule::required},
                        {claim::iss, !policy.issuers.empty()},
                        {claim::sub, policy.subject.has_value()},
                        {claim::jti, policy.id.has_value()}};
  for (const auto& [which, expected] : rules) {
    const std::string_view name = claim_names[static_cast<std::size_t>(which)];
    const state is = found.of(which);
    if (is == state::wrong_type && (expected || !policy.loose_types)) {
      return fail(errc::token_claim, name, reason::wrong_type,
                  which == claim::aud ? "is not a string or a list of strings" : "is not a string", failure);
    }
    if (expected && is == state::absent) return fail(errc::token_claim, name, reason::missing, "is missing", failure);
    if (expected && is == state::mismatch) {
      return fail(errc::token_claim, name, reason::mismatch, "is not what is expected here", failure);
    }
    if (which == claim::aud && policy.audience == audience_rule::refuse_present && is != state::absent) {
      return fail(errc::token_claim, name, reason::mismatch, "names an audience, and none is expected here", failure);
    }
  }
  for (std::size_t i = 0; i < policy.required.size(); ++i) {
    if (!found.has_required(i))
      return fail(errc::token_claim, policy.required[i], reason::missing, "is missing", failure);
  }
  for (std::size_t i = 0; i < policy.equal.size(); ++i) {
    if (!found.is_equal(i)) {
      return fail(errc::token_claim, policy.equal[i].first, found.was_there(i) ? reason::mismatch : reason::missing,
                  found.was_there(i) ? "is not what is expected here" : "is missing", failure);
    }
  }
  if (policy.custom && !policy.custom(payload)) {
    return fail(errc::token_claim, "(custom)", reason::custom, "check refused the token", failure);
  }
  return found.times();
}

result<void> check_claims(std::string_view payload, std::optional<std::string_view> header_type,
                          const claims_policy& policy, epoch_ms now, claim_failure* failure) {
  if (auto ok = check_policy(policy); !ok) return ok.error();
  const std::optional<std::string> typ = header_type ? std::optional<std::string>(*header_type) : std::nullopt;
  if (auto ok = check_type(typ, policy, failure); !ok) return ok.error();
  if (auto ok = read_claims(payload, policy, now, failure); !ok) return ok.error();
  return {};
}

claims_policy claims_policy::access_token(std::string issuer, std::string audience) {
  claims_policy out;
  out.types = {"at+jwt"};
  out.issuers = {std::move(issuer)};
  out.audiences = {std::move(audience)};
  out.required = {"exp", "sub", "client_id", "iat", "jti"};
  return out;
}

}  // namespace coatcheck::jose
