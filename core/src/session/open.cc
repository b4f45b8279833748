// open and load: from a Cookie header, or an id, to a snapshot.
#include <algorithm>

#include "session/affinity.hpp"
#include "session/operations.hpp"
#include "session/record.hpp"

namespace coatcheck::session {
namespace {

bool has_ended(const snapshot& session, epoch_ms now) noexcept {
  return session.expires_at <= now || (session.absolute_at != 0 && session.absolute_at <= now);
}

}  // namespace

epoch_ms renewed_deadline(const snapshot& session, const cookie_settings& settings, epoch_ms now) noexcept {
  if (settings.expires) return *settings.expires;
  return deadline_after(now, session.idle, session.absolute_at);
}

open_operation::open_operation(engine_ref engine, const request_facts& request, completion<opened> done)
    : operation_base(std::move(engine), done), now_(engine_->now()) {
  const auto found = find_cookie(request.cookie_header, engine_->cookie.name(request.secure));
  reroute_ = came_elsewhere(engine_->options.affinity, request.cookie_header);
  for (const auto& value : found.values) {
    const auto verified = engine_->options.keys.unsign_express(value, now_);
    if (!verified) continue;
    const bool seen = std::any_of(candidates_.begin(), candidates_.end(),
                                  [&](const candidate& other) { return other.id == verified->value; });
    if (!seen) candidates_.push_back({std::string(verified->value), verified->key});
  }
  out_.reason = found.values.empty() ? (found.refused ? fresh_reason::refused : fresh_reason::no_cookie)
                                     : (candidates_.empty() ? fresh_reason::bad_signature : fresh_reason::not_found);
}

open_operation::open_operation(engine_ref engine, std::string_view session_id, completion<opened> done)
    : operation_base(std::move(engine), done), now_(engine_->now()) {
  const auto& keys = engine_->options.keys;
  for (std::size_t key = 0; key < keys.size(); ++key) {
    if (!keys.verifies(key, now_)) continue;
    candidates_.push_back({std::string(session_id), key});
    break;
  }
  out_.reason = fresh_reason::not_found;
}

void open_operation::start() {
  if (candidates_.empty()) return conclude();
  key_ = candidates_[0].key;
  look();
}

void open_operation::look() {
  store_key_ = engine_->store_key(candidates_[current_].id, key_);
  if (store_key_.empty()) return on_get({get_status::absent, {}, {}});
  const auto heard = then<get_result, &open_operation::on_get>();
  // Of two cookies' sessions one may have ended a moment ago: that decides, so it has to be known.
  if (candidates_.size() > 1) return engine_->where().get(store_key_, heard);
  engine_->where().get_recent(store_key_, heard);
}

// A session made before a rotation stands under the older key's hash, whichever key signed its cookie last:
// after the key that verified, every other one is tried, newest first.
bool open_operation::next_key() {
  if (!engine_->layout.own()) return false;  // an id stands there as it is, whatever the key
  const auto& keys = engine_->options.keys;
  const std::size_t first = candidates_[current_].key;
  for (std::size_t key = key_ == first ? 0 : key_ + 1; key < keys.size(); ++key) {
    if (key == first || !keys.verifies(key, now_)) continue;
    key_ = key;
    return true;
  }
  return false;
}

void open_operation::on_get(get_result&& got) {
  if (got.status == get_status::unknown) return unknown(std::move(got.why));
  // A session whose id was just renewed is as good as gone for a new request.
  if (got.status == get_status::absent || decode_forwarding(got.value.bytes, store_key_)) {
    if (next_key()) return look();
  } else {
    snapshot session;
    session.id = candidates_[current_].id;
    session.key = key_;
    session.tag = got.value.tag;
    session.expires_at = got.value.expires_at;
    if (auto decoded = engine_->layout.decode(std::move(got.value.bytes), store_key_, session); !decoded) {
      return unknown(decoded.error());
    }
    if (has_ended(session, now_)) {
      if (live_ == 0) out_.reason = fresh_reason::expired;
    } else if (++live_ == 1) {
      out_.session = std::move(session);
    } else {
      if (live_ == 2) rivals_.push_back({out_.session.id, out_.session.key});
      rivals_.push_back({std::move(session.id), session.key});
    }
  }
  if (++current_ < candidates_.size()) {
    key_ = candidates_[current_].key;
    return look();
  }
  conclude();
}

void open_operation::unknown(error why) {
  out_.status = open_status::unknown;
  out_.reason = fresh_reason::none;
  out_.session = {};
  if (is_unreadable(why)) {
    out_.session.id = std::move(candidates_[current_].id);
    out_.session.key = key_;
    out_.session.unreadable = true;
  }
  out_.why = std::move(why);
  finish(std::move(out_));
}

void open_operation::conclude() {
  if (live_ == 1) {
    out_.status = open_status::found;
    out_.reason = fresh_reason::none;
    const auto settings = cookie_settings::parse(out_.session.cookie);
    const epoch_ms renewed = renewed_deadline(out_.session, settings ? *settings : cookie_settings{}, now_);
    out_.session.reroute = reroute_;
    out_.touch_due = reroute_ || worth_touching(out_.session, renewed, engine_->options.policy);
  } else {
    out_.status = open_status::fresh;
    if (live_ > 1) out_.reason = fresh_reason::ambiguous;
    out_.session = {};
    out_.session.payload = "{}";
    out_.session.rivals = std::move(rivals_);
  }
  finish(std::move(out_));
}

void inspect_operation::start() { engine_->where().get(store_key_, then<get_result, &inspect_operation::on_get>()); }

void inspect_operation::on_get(get_result&& got) {
  opened out;
  if (got.status == get_status::unknown) {
    out.why = std::move(got.why);
    return finish(std::move(out));
  }
  out.status = open_status::fresh;
  out.reason = fresh_reason::not_found;
  if (got.status == get_status::absent || decode_forwarding(got.value.bytes, store_key_)) {
    return finish(std::move(out));
  }
  snapshot session;
  session.expires_at = got.value.expires_at;
  if (auto decoded = engine_->layout.decode(std::move(got.value.bytes), store_key_, session); !decoded) {
    out.status = open_status::unknown;
    out.why = decoded.error();
  } else if (has_ended(session, engine_->now())) {
    out.reason = fresh_reason::expired;
  } else {
    out.status = open_status::found;
    out.reason = fresh_reason::none;
    out.session = std::move(session);
  }
  finish(std::move(out));
}

}  // namespace coatcheck::session
