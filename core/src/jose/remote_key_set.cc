// When to fetch a key set, and what to make of the answer.
#include "coatcheck/jose/remote_key_set.hpp"

#include <algorithm>
#include <charconv>
#include <mutex>
#include <unordered_set>

#include "crypto/digest.hpp"

namespace coatcheck::jose {
namespace {

constexpr std::size_t max_told = 1000;  // lines that are remembered

coatcheck::error unavailable(std::string what) { return {errc::key_set_unavailable, "key set: " + std::move(what)}; }

std::optional<std::int64_t> seconds_of(std::string_view text) noexcept {
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return std::min<std::int64_t>(value, 100'000'000);
}

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_text(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// How long Cache-Control (RFC 9111, 5.2.2) lets the answer be fresh; empty: it does not say.
std::optional<duration_ms> freshness(const key_response& response) noexcept {
  std::optional<duration_ms> out;
  std::string_view rest = response.cache_control.substr(0, 4096);
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    const std::string_view one = trimmed(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    if (same_text(one, "no-store") || same_text(one, "no-cache")) return 0;
    const auto equals = one.find('=');
    if (equals == std::string_view::npos || !same_text(one.substr(0, equals), "max-age")) continue;
    std::string_view value = one.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    if (const auto seconds = seconds_of(value)) out = *seconds * 1000;
  }
  if (const auto age = seconds_of(trimmed(response.age)); out && age)
    out = std::max<duration_ms>(0, *out - *age * 1000);
  return out;
}

// Host and port of a URL that check_url takes.
std::string_view host_of(std::string_view url) noexcept {
  const std::string_view rest = url.substr(url.find("://") + 3);
  return rest.substr(0, rest.find_first_of("/?#"));
}

result<void> check_url(std::string_view url, bool allow_http) {
  const auto wrong = [](const char* what) { return coatcheck::error{errc::invalid_url, what}; };
  constexpr std::string_view https = "https://", http = "http://";
  const bool secure = same_text(url.substr(0, https.size()), https);
  if (!secure && !same_text(url.substr(0, http.size()), http))
    return wrong("the key set's URL must begin with https://");
  if (!secure && !allow_http) return wrong("the key set's URL must be https; allow_http takes plain HTTP");
  if (url.size() > 2048) return wrong("the key set's URL is too long");
  for (const char c : url) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F || c == '\\') {
      return wrong("the key set's URL holds a character that must be percent-encoded");
    }
  }
  const std::string_view host = host_of(url);
  if (host.empty() || host.front() == ':') return wrong("the key set's URL names no host");
  if (host.find('@') != std::string_view::npos) return wrong("the key set's URL must not hold credentials");
  if (url.find('#') != std::string_view::npos) return wrong("the key set's URL must not have a fragment");
  return {};
}

}  // namespace

struct remote_key_set::impl {
  remote_key_set_options options;
  std::mutex lock;  // of everything below
  key_set keys;
  bool have = false;
  std::uint64_t epoch = 0;
  std::string etag;
  crypto::sha256_digest body{};  // of the text that `keys` came from
  epoch_ms fresh_until = 0;
  epoch_ms usable_until = 0;
  std::uint64_t ticket = 0;  // of the fetch under way; 0: none
  std::uint64_t tickets = 0;
  epoch_ms ticket_until = 0;  // a host that never answers must not stop all fetching
  bool attempted = false;
  epoch_ms last_attempt = 0;  // when the last fetch ended, or began if it is under way
  std::string last_failure;
  std::unordered_set<std::string> told;

  [[nodiscard]] bool cooling(epoch_ms now) const noexcept {
    return attempted && now >= last_attempt && now < last_attempt + options.cooldown;
  }
  [[nodiscard]] bool fetching(epoch_ms now) const noexcept { return ticket != 0 && now < ticket_until; }
  key_fetch begin(epoch_ms now) {
    ticket = ++tickets;
    ticket_until = now + 2 * options.timeout;
    attempted = true;
    last_attempt = now;
    return {ticket, options.url, have ? etag : std::string(), options.timeout, options.max_bytes};
  }
  void set_age(const key_response& response, epoch_ms now) {
    const duration_ms age =
        std::clamp(freshness(response).value_or(options.default_age), options.least_age, options.greatest_age);
    fresh_until = now + age;
    usable_until = fresh_until + options.stale_for;
  }
  void forget() {
    keys = key_set();
    etag.clear();
    have = false;
  }
  // Whether the ticket is the fetch under way; an answer that came too late is not.
  bool end(std::uint64_t which, epoch_ms now) noexcept {
    if (which == 0 || which != ticket) return false;
    ticket = 0;
    last_attempt = now;
    return true;
  }
};

result<remote_key_set> remote_key_set::create(remote_key_set_options options) {
  if (auto ok = check_url(options.url, options.allow_http); !ok) return ok.error();
  const auto within = [](duration_ms value, duration_ms least, duration_ms most) {
    return value >= least && value <= most;
  };
  constexpr duration_ms month = 2'592'000'000;
  if (!within(options.least_age, 1000, month) || !within(options.greatest_age, options.least_age, month) ||
      !within(options.default_age, 1000, month) || !within(options.stale_for, 0, month) ||
      !within(options.cooldown, 1000, month) || !within(options.timeout, 1, 600'000)) {
    return coatcheck::error{errc::invalid_option,
                            "key set: ages and cooldown are from 1 s to 30 days, the timeout up to 10 min"};
  }
  if (options.max_bytes == 0 || options.max_bytes > 4 * 1024 * 1024) {
    return coatcheck::error{errc::invalid_option, "key set: max_bytes must be from 1 byte to 4 MiB"};
  }
  auto state = std::make_shared<impl>();
  state->options = std::move(options);
  return remote_key_set(std::move(state));
}

key_plan remote_key_set::prepare(std::string_view kid, epoch_ms now) const {
  impl& self = *impl_;
  const std::lock_guard guard(self.lock);
  key_plan out;
  const bool usable = self.have && now < self.usable_until;
  if (usable) {
    out.keys = self.keys;
    out.epoch = self.epoch;
  }
  const bool unknown_kid = !kid.empty() && !self.keys.has_kid(kid);
  const bool can_use = usable && !unknown_kid;
  if (can_use && now < self.fresh_until) {
    out.advice = key_advice::use;
  } else if (self.fetching(now)) {
    out.advice = can_use ? key_advice::use : key_advice::wait;
  } else if (!self.cooling(now)) {
    out.advice = can_use ? key_advice::use : key_advice::fetch;
    out.fetch = self.begin(now);
  } else if (usable) {
    out.advice = key_advice::use;  // the kid stays unknown: the verifier refuses the token
  } else {
    out.advice = key_advice::unavailable;
    out.why = unavailable(self.last_failure.empty() ? "could not be fetched" : self.last_failure);
  }
  return out;
}

result<void> remote_key_set::finish(std::uint64_t ticket, const key_response& response, epoch_ms now) const {
  impl& self = *impl_;
  const std::lock_guard guard(self.lock);
  if (!self.end(ticket, now))
    return coatcheck::error{errc::invalid_state, "key set: this fetch is not under way (any more)"};
  const auto failed = [&](coatcheck::error why) {
    self.last_failure = why.message;
    return why;
  };
  if (response.status == 304 && self.have) {
    self.set_age(response, now);
    self.last_failure.clear();
    return {};
  }
  if (response.status != 200)
    return failed(unavailable("the server answered with status " + std::to_string(response.status)));
  if (response.body.size() > self.options.max_bytes) return failed(unavailable("the answer is too large"));
  const crypto::sha256_digest body = crypto::sha256(response.body);
  if (!self.have || body != self.body) {
    key_set_options parse;
    parse.public_only = true;  // a secret in a fetched set is a leak, or an attack
    parse.default_algs = self.options.default_algs;
    parse.max_bytes = self.options.max_bytes;
    auto keys = key_set::parse(response.body, parse);
    if (!keys) return failed(keys.error());
    if (keys->keys().empty() && !keys->unnamed() && !keys->skipped().empty()) {
      // Of no use, so that the keys from before are better; unless the server gives its private keys away.
      if (keys->leaked()) self.forget();
      return failed({errc::key_set_invalid, "the key set has no usable key: " + keys->skipped()[0]});
    }
    self.keys = std::move(*keys);
    self.body = body;
    self.have = true;
    ++self.epoch;
  }
  // It goes back into a request header: what cannot stand there is dropped, and the set fetched whole next time.
  const bool printable =
      std::all_of(response.etag.begin(), response.etag.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  self.etag = printable && response.etag.size() <= 1024 ? std::string(response.etag) : std::string();
  self.set_age(response, now);
  self.last_failure.clear();
  return {};
}

void remote_key_set::fail(std::uint64_t ticket, std::string_view reason, epoch_ms now) const {
  impl& self = *impl_;
  const std::lock_guard guard(self.lock);
  if (self.end(ticket, now)) self.last_failure = reason.substr(0, 200);
}

key_report remote_key_set::report(std::span<const std::string> skipped) const {
  impl& self = *impl_;
  const std::lock_guard guard(self.lock);
  key_report out;
  for (const std::string& line : skipped) {
    if (!self.told.contains(line)) out.lines.push_back(line);
  }
  if (out.lines.empty()) return out;
  if (self.told.size() + out.lines.size() > max_told) self.told.clear();
  self.told.insert(out.lines.begin(), out.lines.end());
  std::string all;
  for (const std::string& line : out.lines) all.append(all.empty() ? "" : "; ").append(line);
  out.why = {errc::key_set_invalid,
             "key set of " + std::string(host_of(self.options.url)) + ": passed over " + std::move(all)};
  return out;
}

}  // namespace coatcheck::jose
