// open, where the session is in its cookie.
#include <algorithm>

#include "session/token_mode.hpp"
#include "tokens/owner_operations.hpp"

namespace coatcheck::session {
namespace {

constexpr duration_ms min_access_ttl = 1'000;
constexpr duration_ms max_access_ttl = 3'600'000;
constexpr duration_ms max_grace = 600'000;

constexpr char state_version = 't';
constexpr std::size_t counter_bytes = 4;
constexpr std::size_t seconds_bytes = 5;
constexpr std::size_t epoch_bytes = 6;
constexpr std::size_t state_bytes = 2 + counter_bytes + seconds_bytes + epoch_bytes;
static_assert(state_bytes <= etag::max_size);

char* put(char* at, std::uint64_t value, std::size_t bytes) noexcept {
  for (std::size_t i = bytes; i-- > 0;) *at++ = static_cast<char>(value >> (8 * i));
  return at;
}

std::uint64_t take(std::string_view& from, std::size_t bytes) noexcept {
  std::uint64_t value = 0;
  for (const char c : from.substr(0, bytes)) value = value << 8 | static_cast<unsigned char>(c);
  from.remove_prefix(bytes);
  return value;
}

}  // namespace

result<std::shared_ptr<const token_mode>> token_mode::create(const engine_options& options, const clock& time) {
  const token_session_options& chosen = options.tokens;
  const auto refuse = [](const char* text) { return error{errc::invalid_option, text}; };
  if (chosen.access_ttl < min_access_ttl || chosen.access_ttl > max_access_ttl) {
    return refuse("access_ttl must be between 1000 ms and 3600000 ms");
  }
  if (chosen.refresh_grace < 0 || chosen.refresh_grace > max_grace) {
    return refuse("refresh_grace must be between 0 and 600000 ms");
  }
  auto codec = tokens::session_codec::create(options.keys, chosen);
  if (!codec) return codec.error();
  auto families = std::make_shared<tokens::family_space>();
  families->families = options.where;
  families->time = &time;
  families->grace = chosen.refresh_grace;
  return std::make_shared<const token_mode>(token_mode{*std::move(codec), std::move(families)});
}

etag token_state::pack() const noexcept {
  char raw[state_bytes];
  char* at = raw;
  *at++ = state_version;
  *at++ = due ? 1 : 0;
  at = put(at, counter, counter_bytes);
  at = put(at, static_cast<std::uint64_t>(fresh_until), seconds_bytes);
  put(at, static_cast<std::uint64_t>(epoch), epoch_bytes);
  return etag({raw, state_bytes});
}

std::optional<token_state> token_state::unpack(const etag& tag) noexcept {
  std::string_view rest = tag.view();
  if (rest.size() != state_bytes || rest[0] != state_version) return std::nullopt;
  token_state out;
  out.due = rest[1] != 0;
  rest.remove_prefix(2);
  out.counter = static_cast<std::uint32_t>(take(rest, counter_bytes));
  out.fresh_until = static_cast<std::int64_t>(take(rest, seconds_bytes));
  out.epoch = static_cast<epoch_ms>(take(rest, epoch_bytes));
  return out;
}

// Several cookies of one family are versions of one session (a browser may hold one per path): the newest counts.
token_open_operation::token_open_operation(engine_ref engine, const request_facts& request, completion<opened> done)
    : operation_base(std::move(engine), done), now_(engine_->now()) {
  const auto cookies = find_cookie(request.cookie_header, engine_->cookie.name(request.secure));
  if (cookies.refused) reason_ = fresh_reason::refused;
  if (!cookies.values.empty()) reason_ = fresh_reason::bad_signature;
  for (const auto& value : cookies.values) {
    auto claims = engine_->tokens->codec.decode(value, now_);
    if (!claims) continue;
    if (claims->expires_at <= now_ || (claims->absolute_at != 0 && claims->absolute_at <= now_)) {
      if (several_.empty()) reason_ = fresh_reason::expired;
      continue;
    }
    const auto same = std::find_if(several_.begin(), several_.end(),
                                   [&](const auto& other) { return other.family == claims->family; });
    if (same == several_.end()) {
      several_.push_back(*std::move(claims));
    } else if (claims->counter > same->counter) {
      *same = *std::move(claims);
    }
  }
}

void token_open_operation::start() {
  if (several_.empty()) return fresh(reason_);
  if (several_.size() > 1) return look_at_each();
  claims_ = std::move(several_.front());
  if (now_ >= claims_.fresh_until * 1000) return look();
  if (!engine_->options.tokens.check_epoch || claims_.owner.empty()) return found(false);
  engine_->where().get(tokens::epoch_key(claims_.owner), then<get_result, &token_open_operation::on_epoch>());
}

void token_open_operation::on_epoch(get_result&& got) {
  auto epoch = tokens::read_epoch(std::move(got));
  if (!epoch.known) return unknown(std::move(epoch.why));
  // An older epoch is no more than a reason to ask: the family may be the one that was spared.
  claims_.epoch < epoch.epoch ? look() : found(false);
}

void token_open_operation::look() {
  tokens::presented_token what{claims_.family, claims_.counter, {}};
  run_operation<tokens::advance_operation>(engine_->tokens->families, std::move(what), tokens::advance_mode::look,
                                           then<tokens::advanced, &token_open_operation::on_looked>());
}

void token_open_operation::on_looked(tokens::advanced&& got) {
  switch (got.status) {
    case refresh_status::rotated:
      take_facts(claims_, std::move(got.now));
      return found(true);
    case refresh_status::reused:
      return fresh(fresh_reason::reused);
    case refresh_status::revoked:
      return fresh(fresh_reason::revoked);
    case refresh_status::expired:
      return fresh(fresh_reason::expired);
    case refresh_status::not_found:
    case refresh_status::malformed:
      return fresh(fresh_reason::not_found);
    case refresh_status::unknown:
      return unknown(std::move(got.why));
  }
}

void token_open_operation::take_facts(tokens::session_claims& claims, tokens::family&& now) {
  claims.owner = std::move(now.facts.owner);
  claims.expires_at = now.facts.expires_at;
  claims.absolute_at = now.facts.absolute_at;
  claims.idle = now.idle;
  claims.epoch = now.facts.epoch;
}

// A family that was ended, by the login that followed on an ambiguous request as well, stands in the way of no other.
void token_open_operation::look_at_each() {
  tokens::presented_token what{several_[current_].family, several_[current_].counter, {}};
  run_operation<tokens::advance_operation>(engine_->tokens->families, std::move(what), tokens::advance_mode::look,
                                           then<tokens::advanced, &token_open_operation::on_each>());
}

void token_open_operation::on_each(tokens::advanced&& got) {
  if (got.status == refresh_status::unknown) return unknown(std::move(got.why));
  if (got.status == refresh_status::rotated) {
    take_facts(several_[current_], std::move(got.now));
    live_.push_back(current_);
  }
  if (++current_ < several_.size()) return look_at_each();
  if (live_.size() > 1) return fresh(fresh_reason::ambiguous);
  if (live_.empty()) return on_looked(std::move(got));  // the last one says why
  claims_ = std::move(several_[live_.front()]);
  found(true);
}

void token_open_operation::found(bool due) {
  opened out;
  out.status = open_status::found;
  out.touch_due = due;
  snapshot& session = out.session;
  session.id = std::move(claims_.family);
  session.tag = token_state{due, claims_.counter, claims_.fresh_until, claims_.epoch}.pack();
  session.created = claims_.created;
  session.expires_at = claims_.expires_at;
  session.absolute_at = claims_.absolute_at;
  session.idle = claims_.idle;
  session.owner = std::move(claims_.owner);
  session.cookie = std::move(claims_.cookie);
  session.payload = std::move(claims_.payload);
  finish(std::move(out));
}

void token_open_operation::fresh(fresh_reason reason) {
  opened out;
  out.status = open_status::fresh;
  out.reason = reason;
  out.session.payload = "{}";
  if (reason == fresh_reason::ambiguous) {
    for (const auto at : live_) out.session.rivals.push_back({std::move(several_[at].family), 0});
  }
  finish(std::move(out));
}

void token_open_operation::unknown(error why) {
  opened out;
  if (is_unreadable(why)) {
    out.session.id = std::move(claims_.family);
    out.session.unreadable = true;
  }
  out.why = std::move(why);
  finish(std::move(out));
}

}  // namespace coatcheck::session
