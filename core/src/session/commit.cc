// commit: from what the request left behind to at most one write, merged with what others wrote meanwhile.
#include <algorithm>

#include "session/affinity.hpp"
#include "session/json.hpp"
#include "session/operations.hpp"
#include "session/record.hpp"

namespace coatcheck::session {
namespace {

constexpr duration_ms day = 24 * 3'600'000;
// A transaction may lose more rounds than a merge: it is away while the host makes its change again, and processes that
// are nearer to the store are back before it.
constexpr int transaction_factor = 20;

}  // namespace

epoch_ms absolute_deadline(const session_policy& policy, duration_ms idle, epoch_ms created) noexcept {
  const duration_ms by_default = idle <= day ? day : std::max(30 * day, idle);
  const duration_ms absolute = policy.absolute_timeout.value_or(by_default);
  return absolute == 0 ? 0 : later(created, absolute);
}

bool is_empty_object(std::string_view json) { return json.empty() || same_json(json, "{}"); }

result<taken_cookie> take_cookie(commit_request& request, snapshot& next) {
  taken_cookie out;
  if (request.cookie) {
    auto wanted = cookie_settings::parse(*request.cookie);
    // What some record holds is taken as it is; only what an application asks for anew is judged.
    if (!wanted && *request.cookie != next.cookie) return wanted.error();
    out.changed = wanted && wanted->text != next.cookie &&
                  (wanted->text.empty() || next.cookie.empty() || !same_json(wanted->text, next.cookie));
    if (out.changed) {
      next.cookie = wanted->text;
      out.settings = *std::move(wanted);
      return out;
    }
  }
  if (auto kept = cookie_settings::parse(next.cookie)) out.settings = *std::move(kept);
  return out;
}

bool worth_touching(const snapshot& session, epoch_ms renewed, const session_policy& policy) noexcept {
  const auto gained = static_cast<double>(renewed - session.expires_at);
  return gained > 0 && gained >= static_cast<double>(session.idle) * policy.touch_share;
}

commit_operation::commit_operation(engine_ref engine, commit_request request, completion<committed> done)
    : operation_base(std::move(engine), done),
      request_(std::move(request)),
      now_(engine_->now()),
      is_new_(request_.base.tag.empty()) {}

void commit_operation::start() {
  if (request_.base.unreadable) return fail(commit_status::refused, unreadable_base());
  next_ = request_.base;
  if (next_.payload.empty()) next_.payload = "{}";

  auto cookie = take_cookie(request_, next_);
  if (!cookie) return fail(commit_status::refused, cookie.error());
  cookie_changed_ = cookie->changed;
  settings_ = std::move(cookie->settings);

  is_new_ ? start_new() : start_existing();
}

// False when the cookie's own settings end the session now (maxAge 0, expires in the past).
bool commit_operation::apply_lifetime() {
  const auto& policy = engine_->options.policy;
  if (is_new_ || cookie_changed_) {
    next_.idle = engine_->cookie.idle(settings_, policy);
    next_.absolute_at = absolute_deadline(policy, next_.idle, next_.created);
  }
  next_.expires_at = renewed_deadline(next_, settings_, now_);
  return next_.expires_at > now_;
}

void commit_operation::start_new() {
  const auto& policy = engine_->options.policy;
  if (request_.payload) next_.payload = std::move(*request_.payload);
  if (request_.owner) next_.owner = *request_.owner;
  const bool changed = request_.save || policy.save_uninitialised || !is_empty_object(next_.payload);
  if (!changed) return end(commit_status::unchanged);
  if (auto checked = check_committed(request_, next_.payload, policy); !checked) {
    return fail(commit_status::refused, checked.error());
  }

  next_.created = now_;
  if (!apply_lifetime()) return end(commit_status::unchanged);

  const auto key = engine_->options.keys.signing_key(now_);
  if (!key) {
    return fail(commit_status::refused,
                {errc::invalid_secret, "no key of the key ring may sign now: add an active one"});
  }
  next_.key = *key;
  if (request_.id.empty()) request_.id = next_.successor;
  next_.successor.clear();
  if (!request_.id.empty()) {
    if (auto checked = check_session_id(request_.id); !checked) return fail(commit_status::refused, checked.error());
    next_.id = request_.id;
  } else if (next_.id.empty()) {
    auto id = new_session_id(policy.id_bytes);
    if (!id) return fail(commit_status::refused, id.error());
    next_.id = *std::move(id);
  }
  // Before anything is stored: a session whose cookie cannot be written would be stored in vain.
  if (auto sent = send_cookie(); !sent) return fail(commit_status::refused, sent.error());
  store_key_ = engine_->store_key(next_.id, next_.key);
  if (store_key_.empty()) {
    return fail(commit_status::refused, {errc::invalid_option,
                                         "in another package's layout a session id must be 1 to 128 letters, digits, "
                                         "'-' and '_'"});
  }
  if (!next_.rivals.empty()) out_.clearing = engine_->cookie.clear_others(settings_, request_.secure);
  end_rivals();
}

// Before the session is stored: with one of them alive its cookie would be one of several again.
void commit_operation::end_rivals() {
  while (!next_.rivals.empty() && next_.rivals.back().key >= engine_->options.keys.size()) next_.rivals.pop_back();
  if (next_.rivals.empty()) return put();
  const auto rival = std::move(next_.rivals.back());
  next_.rivals.pop_back();
  engine_->where().remove(engine_->store_key(rival.id, rival.key), then<remove_result, &commit_operation::on_rival>());
}

void commit_operation::on_rival(remove_result&& got) {
  if (got.status == remove_status::unknown) return fail(commit_status::unknown, std::move(got.why));
  end_rivals();
}

void commit_operation::start_existing() {
  if (next_.key >= engine_->options.keys.size()) {
    return fail(commit_status::refused,
                {errc::invalid_state, "the session snapshot was made with another key ring than this engine's"});
  }
  const auto& policy = engine_->options.policy;
  store_key_ = engine_->store_key(next_.id, next_.key);
  const bool owner_changed = request_.owner && *request_.owner != next_.owner;
  const bool bytes_differ = request_.payload && *request_.payload != next_.payload;
  if (bytes_differ) {
    if (auto checked = check_committed(request_, *request_.payload, policy); !checked) {
      return fail(commit_status::refused, checked.error());
    }
  }
  const bool changed = request_.save || cookie_changed_ || owner_changed ||
                       (bytes_differ && !same_json(*request_.payload, next_.payload));
  if (!changed) {
    const epoch_ms renewed = renewed_deadline(next_, settings_, now_);
    if (!worth_touching(next_, renewed, policy)) {
      if (request_.roll || sends_cookie({.presented = request_.presented})) renew_cookie();
      return end(commit_status::unchanged);
    }
    next_.expires_at = renewed;
    return engine_->where().touch(store_key_, renewed, then<touch_result, &commit_operation::on_touch>());
  }

  if (request_.payload) next_.payload = *request_.payload;
  if (request_.owner) next_.owner = *request_.owner;
  if (!apply_lifetime()) next_.expires_at = now_;
  if (cookie_changed_) {
    if (auto sent = send_cookie(); !sent) return fail(commit_status::refused, sent.error());
  }
  put();
}

void commit_operation::put() {
  if (in_line_ || is_new_ || !engine_->overlaps) return send_put();
  in_line_ = true;
  line_key_ = store_key_;
  if (engine_->writing->enter(line_key_, *this, request_.exact.value_or(0) > 0)) send_put();
}

void commit_operation::send_put() {
  ++attempts_;
  const auto expect = next_.tag.empty() ? expectation::nothing() : expectation::version(next_.tag);
  const auto record = engine_->layout.encode(next_, settings_, store_key_, now_, request_.secure);
  if (!record) return fail(commit_status::refused, record.error());
  engine_->where().put(store_key_, *record, next_.expires_at, expect, next_.owner,
                       then<put_result, &commit_operation::on_put>());
}

void commit_operation::on_put(put_result&& got) {
  switch (got.status) {
    case put_status::stored:
      if (forwarded_ > 0) {
        // The browser has the successor's cookie, or gets it from the request that renewed the id.
        next_ = std::move(request_.base);
        next_.payload = *std::move(request_.payload);
        out_.set_cookie.clear();
        return end(commit_status::merged);
      }
      next_.tag = got.tag;
      if (out_.set_cookie.empty() &&
          sends_cookie({is_new_, cookie_changed_, engine_->cookie.persistent(settings_), request_.presented})) {
        renew_cookie();
      }
      return end(theirs_.empty() ? commit_status::stored : commit_status::merged);
    case put_status::conflict:
      return on_conflict(std::move(got.current));
    case put_status::gone:
      return look_for_successor();
    case put_status::unknown:
      return fail(commit_status::unknown, std::move(got.why));
  }
}

// The session is gone. If its id was renewed after this request had read it, what it changed goes to the successor.
// That this request was under way is certain: a session is read while it is there, and never by its mark.
void commit_operation::look_for_successor() {
  constexpr int most = 4;  // logins within one request's time
  if (forwarded_ >= most || is_new_ || request_.exact || !request_.payload ||
      engine_->options.policy.regenerate_grace.value_or(0) == 0) {
    return on_mark({get_status::absent, {}, {}});
  }
  engine_->where().get(forwarding_key(store_key_), then<get_result, &commit_operation::on_mark>());
}

void commit_operation::on_mark(get_result&& got) {
  if (got.status == get_status::unknown) return fail(commit_status::unknown, std::move(got.why));
  const auto mark = got.status == get_status::found ? decode_forwarding(got.value.bytes, store_key_) : std::nullopt;
  if (mark && mark->until > now_) return follow(*mark);
  fail(commit_status::gone, {errc::session_gone,
                             "the session was destroyed or expired while this request was under way; its changes were "
                             "not stored"});
}

void commit_operation::follow(const forwarding& mark) {
  ++forwarded_;
  store_key_ = mark.key;
  engine_->where().get(store_key_, then<get_result, &commit_operation::on_successor>());
}

void commit_operation::on_successor(get_result&& got) {
  if (got.status == get_status::unknown) return fail(commit_status::unknown, std::move(got.why));
  if (got.status == get_status::absent) return look_for_successor();
  on_conflict(std::move(got.value));
}

void commit_operation::on_conflict(stored_value&& current) {
  const auto& policy = engine_->options.policy;
  if (is_new_) {
    return fail(commit_status::conflict, {errc::session_conflict,
                                          "a session with this id exists already; a function "
                                          "that makes ids must never make one twice"});
  }
  if (request_.exact ? *request_.exact >= transaction_factor * policy.conflict_retries
                     : attempts_ > policy.conflict_retries) {
    return fail(commit_status::conflict, {errc::session_conflict,
                                          "the session was changed by other requests on every "
                                          "attempt to store it (conflict_retries)"});
  }
  if (decode_forwarding(current.bytes, store_key_)) return look_for_successor();
  snapshot theirs;
  if (auto decoded = engine_->layout.decode(std::move(current.bytes), store_key_, theirs); !decoded) {
    return fail(commit_status::unknown, decoded.error());
  }
  const std::string& mine = request_.payload ? *request_.payload : request_.base.payload;
  if (request_.exact) {
    // Not to be merged: the host is to make its change again, on what is there now.
    theirs.id = next_.id;
    theirs.key = next_.key;
    theirs.tag = current.tag;
    theirs.expires_at = current.expires_at;
    next_ = std::move(theirs);
    out_ = {};
    return end(commit_status::stale);
  }
  // What a login has set is not undone by a request from before it.
  const auto otherwise = forwarded_ > 0 ? merge_policy::theirs : policy.on_conflict;
  auto merged = merge_payloads(request_.base.payload, mine, theirs.payload, otherwise, policy.merge);
  if (!merged) return fail(commit_status::conflict, merged.error());
  if (merged->size() > policy.max_payload) {
    return fail(commit_status::refused,
                {errc::payload_too_large, "the session, merged with another request's changes, is over max_payload"});
  }

  if (forwarded_ > 0) {
    const bool nothing_new = same_json(*merged, theirs.payload);
    next_ = std::move(theirs);
    next_.tag = current.tag;
    next_.expires_at = current.expires_at;
    next_.payload = *std::move(merged);
    return nothing_new ? on_put({put_status::stored, {}, {}, {}}) : put();
  }

  theirs_ = std::move(theirs.payload);
  const bool same_owner = !request_.owner || *request_.owner == theirs.owner;
  next_.tag = current.tag;
  next_.payload = *std::move(merged);
  if (!request_.owner) next_.owner = theirs.owner;
  if (!cookie_changed_) {
    next_.cookie = theirs.cookie;
    next_.idle = theirs.idle;
    next_.absolute_at = theirs.absolute_at;
    auto settings = cookie_settings::parse(next_.cookie);
    settings_ = settings ? *std::move(settings) : cookie_settings{};
  }
  if (!cookie_changed_ && same_owner && same_json(next_.payload, theirs_)) {
    next_.expires_at = current.expires_at;  // the other request has written all of it
    return end(commit_status::merged);
  }
  if (!apply_lifetime()) next_.expires_at = now_;
  put();
}

void commit_operation::on_touch(touch_result&& got) {
  switch (got.status) {
    case touch_status::touched:
      if (sends_cookie({.deadline_moved = engine_->cookie.persistent(settings_), .presented = request_.presented})) {
        renew_cookie();
      }
      return end(commit_status::touched);
    case touch_status::gone:
      return fail(commit_status::gone,
                  {errc::session_gone, "the session was destroyed or expired while this request was under way"});
    case touch_status::unknown:
      // What was read stands: a store that is full, or read-only after a failover, fails no request that changed
      // nothing.
      leave_unchanged(out_, commit_status::untouched, request_, std::move(got.why));
      return leave_and_finish();
  }
}

result<void> commit_operation::send_cookie() {
  auto signed_id = engine_->options.keys.sign_express(next_.id, now_);
  if (!signed_id) return signed_id.error();
  const epoch_ms kept_until = std::min(next_.expires_at, now_ + max_cookie_age);
  auto written = engine_->cookie.write(*signed_id, settings_, kept_until, now_, request_.secure);
  if (!written) return written.error();
  out_.set_cookie = std::move(written->header);
  out_.cookie_withheld = written->withheld;
  return {};
}

bool commit_operation::sends_cookie(const cookie_facts& facts) const {
  return request_.base.reroute || engine_->sends_cookie(facts);
}

// For a session that stands: where its cookie can't be made anew, the browser keeps the one that it has.
void commit_operation::renew_cookie() {
  if (auto sent = send_cookie(); !sent) out_.set_cookie.clear();
}

void commit_operation::end(commit_status status) {
  if (!out_.set_cookie.empty() && !engine_->options.affinity.node.empty()) {
    out_.clearing.push_back(route_cookie(engine_->options.affinity, engine_->cookie, request_.secure));
    next_.reroute = false;
  }
  out_.status = status;
  out_.session = std::move(next_);
  leave_and_finish();
}

void commit_operation::fail(commit_status status, error why) {
  out_ = {};
  leave_unchanged(out_, status, request_, std::move(why));
  leave_and_finish();
}

// `this` is gone when it returns.
void commit_operation::leave_and_finish() {
  if (!in_line_) return finish(std::move(out_));
  if (out_.status == commit_status::unknown) {
    const auto waiting = engine_->writing->disband(line_key_);
    const error why = out_.why;
    finish(std::move(out_));
    for (auto* one : waiting) {
      one->in_line_ = false;
      one->fail(commit_status::unknown, why);
    }
    return;
  }
  auto* const next = engine_->writing->leave(line_key_);
  finish(std::move(out_));
  if (next != nullptr) next->send_put();
}

}  // namespace coatcheck::session
