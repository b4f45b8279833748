// commit, where the session is in its cookie: the store learns of a new session, a new owner and a refresh, and of
// nothing else.
#include <algorithm>

#include "session/json.hpp"
#include "session/token_mode.hpp"

namespace coatcheck::session {
namespace {

error too_large(std::size_t bytes) {
  return {errc::payload_too_large, "the session makes a cookie of " + std::to_string(bytes) +
                                       " bytes or more, and browsers keep 4096: put less into it, or keep sessions in "
                                       "a store (mode 'store')"};
}

}  // namespace

token_commit_operation::token_commit_operation(engine_ref engine, commit_request request, completion<committed> done)
    : operation_base(std::move(engine), done), request_(std::move(request)), now_(engine_->now()) {}

void token_commit_operation::start() {
  if (request_.base.unreadable) return fail(commit_status::refused, unreadable_base());
  if (request_.exact) {
    return fail(commit_status::refused, {errc::invalid_state,
                                         "transact: a session on tokens is in its cookie, so there is nothing to "
                                         "compare with; keep sessions in a store (mode 'store')"});
  }
  next_ = request_.base;
  if (next_.payload.empty()) next_.payload = "{}";
  auto cookie = take_cookie(request_, next_);
  if (!cookie) return fail(commit_status::refused, cookie.error());
  cookie_changed_ = cookie->changed;
  settings_ = std::move(cookie->settings);

  const bool bytes_differ = request_.payload && *request_.payload != next_.payload;
  if (bytes_differ) {
    if (auto checked = check_committed(request_, *request_.payload, engine_->options.policy); !checked) {
      return fail(commit_status::refused, checked.error());
    }
    changed_ = !same_json(*request_.payload, next_.payload);
    if (changed_) next_.payload = std::move(*request_.payload);
  }
  if (request_.owner) next_.owner = *request_.owner;
  next_.tag.empty() ? start_new() : start_existing();
}

// False when the cookie's own settings end the session now. A fixed end (`expires`) is an absolute deadline here,
// within which the family may idle.
bool token_commit_operation::apply_lifetime() {
  const auto& policy = engine_->options.policy;
  next_.idle = engine_->cookie.idle(settings_, policy);
  next_.absolute_at = absolute_deadline(policy, next_.idle, next_.created);
  if (settings_.expires) {
    next_.idle = std::max<duration_ms>(*settings_.expires - now_, 0);
    const epoch_ms end = *settings_.expires;
    next_.absolute_at = next_.absolute_at == 0 ? end : std::min(end, next_.absolute_at);
  }
  next_.expires_at = deadline_after(now_, next_.idle, next_.absolute_at);
  return next_.expires_at > now_;
}

void token_commit_operation::start_new() {
  const auto& policy = engine_->options.policy;
  if (!request_.id.empty()) {
    return fail(commit_status::refused,
                {errc::invalid_option,
                 "a session on tokens takes no id of the host's own: leave out the function that "
                 "makes ids, or keep sessions in a store (mode 'store')"});
  }
  if (!changed_ && !request_.save && !policy.save_uninitialised) return end(commit_status::unchanged);
  next_.created = now_;
  if (!apply_lifetime()) return end(commit_status::unchanged);
  auto id = tokens::new_family_id();
  if (!id) return fail(commit_status::refused, id.error());
  next_.id = *std::move(id);
  state_.counter = 1;
  state_.epoch = next_.owner.empty() ? 0 : now_;  // as long as any epoch, for the size
  renew_freshness();
  // Before anything is stored: a session whose cookie cannot be sent would be stored in vain.
  if (auto fits = check_size(); !fits) return fail(commit_status::refused, fits.error());

  auto& made = made_.emplace();
  made.facts.kind = family_kind::session;
  made.facts.id = next_.id;
  made.facts.owner = next_.owner;
  made.facts.created = made.facts.last_used = now_;
  made.facts.absolute_at = next_.absolute_at;
  made.facts.expires_at = next_.expires_at;
  made.idle = next_.idle;
  if (!next_.rivals.empty()) out_.clearing = engine_->cookie.clear_others(settings_, request_.secure);
  end_rivals();
}

void token_commit_operation::end_rivals() {
  const auto& families = engine_->tokens->families;
  if (next_.rivals.empty()) {
    return run_operation<tokens::create_operation>(families, *std::move(made_),
                                                   then<tokens::created, &token_commit_operation::on_created>());
  }
  tokens::presented_token rival{std::move(next_.rivals.back().id), 0, {}};
  next_.rivals.pop_back();
  run_operation<tokens::revoke_operation>(families, std::move(rival),
                                          then<remove_result, &token_commit_operation::on_rival>());
}

void token_commit_operation::on_rival(remove_result&& got) {
  if (got.status == remove_status::unknown) return fail(commit_status::unknown, std::move(got.why));
  end_rivals();
}

void token_commit_operation::on_created(tokens::created&& got) {
  if (!got.known) return fail(commit_status::unknown, std::move(got.why));
  state_.epoch = got.made.facts.epoch;
  if (auto sent = send_cookie(); !sent) return fail(commit_status::refused, sent.error());
  end(commit_status::stored);
}

void token_commit_operation::start_existing() {
  const auto state = token_state::unpack(next_.tag);
  if (!state) {
    return fail(commit_status::refused,
                {errc::invalid_state, "the session snapshot was not made by an engine in a token mode"});
  }
  state_ = *state;
  const bool owner_changed = next_.owner != request_.base.owner;
  changed_ = changed_ || cookie_changed_ || owner_changed || request_.save;
  if (!changed_ && !state_.due) {
    // Where its cookie can't be made anew, the browser keeps the one that it has.
    const bool sends = request_.roll || engine_->sends_cookie({.presented = request_.presented});
    if (sends && !send_cookie()) out_.set_cookie.clear();
    return end(commit_status::unchanged);
  }
  const bool asks_store = state_.due || owner_changed || cookie_changed_;
  if (asks_store) {
    if (auto fits = check_size(); !fits) return fail(commit_status::refused, fits.error());
  }
  if (!owner_changed && !cookie_changed_) return replace();

  tokens::family_change change;
  if (owner_changed) change.owner = next_.owner;
  if (cookie_changed_) {
    if (!apply_lifetime()) next_.expires_at = now_;
    change.idle = next_.idle;
    change.absolute_at = next_.absolute_at;
    change.renew = true;
  }
  run_operation<tokens::amend_operation>(engine_->tokens->families, next_.id, std::move(change),
                                         then<tokens::amended, &token_commit_operation::on_amended>());
}

void token_commit_operation::on_amended(tokens::amended&& got) {
  if (got.status == remove_status::unknown) return fail(commit_status::unknown, std::move(got.why));
  if (got.status == remove_status::absent) return gone();
  state_.epoch = got.now.facts.epoch;
  // Never later than it was: what is not asked of the store is not known to live.
  state_.fresh_until = std::min(state_.fresh_until, next_.expires_at / 1000);
  if (next_.expires_at <= now_) state_.due = false;  // its own cookie's settings end it: there is no successor
  replace();
}

void token_commit_operation::replace() {
  if (state_.due) {
    tokens::presented_token what{next_.id, state_.counter, {}};
    return run_operation<tokens::advance_operation>(engine_->tokens->families, std::move(what),
                                                    tokens::advance_mode::claim,
                                                    then<tokens::advanced, &token_commit_operation::on_claimed>());
  }
  if (auto sent = send_cookie(); !sent) return fail(commit_status::refused, sent.error());
  end(commit_status::stored);
}

void token_commit_operation::on_claimed(tokens::advanced&& got) {
  if (got.status == refresh_status::unknown) {
    // The store was asked when the session was opened. The next request with this cookie is due again.
    return fail(changed_ ? commit_status::unknown : commit_status::untouched, std::move(got.why));
  }
  if (got.status != refresh_status::rotated) return gone();
  state_.due = false;
  state_.counter = got.now.counter;
  state_.epoch = got.now.facts.epoch;
  next_.expires_at = got.now.facts.expires_at;
  next_.absolute_at = got.now.facts.absolute_at;
  renew_freshness();
  if (auto sent = send_cookie(); !sent) return fail(commit_status::refused, sent.error());
  end(changed_ ? commit_status::stored : commit_status::touched);
}

void token_commit_operation::renew_freshness() {
  const duration_ms ttl = std::min(engine_->options.tokens.access_ttl, next_.idle / 2);
  state_.fresh_until = std::max<epoch_ms>(std::min(now_ + ttl, next_.expires_at) / 1000, 1);
}

result<std::string> token_commit_operation::encode() const {
  tokens::session_claims claims;
  claims.family = next_.id;
  claims.counter = state_.counter;
  claims.fresh_until = state_.fresh_until;
  claims.created = next_.created;
  claims.expires_at = next_.expires_at;
  claims.absolute_at = next_.absolute_at;
  claims.idle = next_.idle;
  claims.epoch = state_.epoch;
  claims.owner = next_.owner;
  claims.cookie = next_.cookie;
  claims.payload = next_.payload;
  return engine_->tokens->codec.encode(claims, now_);
}

// Before the store is asked, so that nothing rotates for a cookie that cannot be sent.
result<void> token_commit_operation::check_size() const {
  // A counter, an epoch and a date may grow by some digits until the cookie is made.
  constexpr std::size_t margin = 48;
  if (next_.payload.size() >= max_cookie_size) return too_large(next_.payload.size());
  const auto token = encode();
  if (!token) return token.error();
  const std::size_t size = token->size() + engine_->cookie.name(request_.secure).size();
  if (size + margin > max_cookie_size) return too_large(size);
  return {};
}

result<void> token_commit_operation::send_cookie() {
  // A token is a third longer than its payload: what cannot fit need not be signed.
  if (next_.payload.size() >= max_cookie_size) return too_large(next_.payload.size());
  auto token = encode();
  if (!token) return token.error();
  const std::size_t size = token->size() + engine_->cookie.name(request_.secure).size();
  if (size > max_cookie_size) return too_large(size);
  const epoch_ms kept_until = std::min(next_.expires_at, now_ + max_cookie_age);
  auto written = engine_->cookie.write(*token, settings_, kept_until, now_, request_.secure);
  if (!written) return written.error();
  out_.set_cookie = std::move(written->header);
  out_.cookie_withheld = written->withheld;
  return {};
}

void token_commit_operation::end(commit_status status) {
  if (!next_.id.empty()) next_.tag = state_.pack();
  out_.status = status;
  out_.session = std::move(next_);
  finish(std::move(out_));
}

void token_commit_operation::fail(commit_status status, error why) {
  out_ = {};
  leave_unchanged(out_, status, request_, std::move(why));
  finish(std::move(out_));
}

void token_commit_operation::gone() {
  fail(commit_status::gone, {errc::session_gone,
                             "the session was destroyed, revoked or expired while this request was under way; its "
                             "changes were not stored"});
}

}  // namespace coatcheck::session
