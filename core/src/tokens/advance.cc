// Using a token: what the counter means decides whether the family moves on, stands still, or ends.
#include "tokens/operations.hpp"

namespace coatcheck::tokens {

advance_operation::advance_operation(space_ref space, presented_token what, advance_mode mode,
                                     completion<advanced> done)
    : change_operation(std::move(space), what.family_id, done),
      what_(std::move(what)),
      mode_(mode),
      now_(shared_->now()) {}

void advance_operation::decide() {
  // Before anything is told or changed: a made-up token must not end a family whose id is known.
  const bool of_session = current_.facts.kind == family_kind::session;
  const bool genuine =
      what_.mac ? !of_session && shared_->maker->genuine(current_, what_.counter, *what_.mac, now_) : of_session;
  if (!genuine) return absent();
  const bool look_at_epoch = current_.state == family_state::live && !current_.facts.owner.empty() && !epoch_;
  if (!look_at_epoch) return judge_now();
  shared_->where().get(epoch_key(current_.facts.owner), then<get_result, &advance_operation::on_epoch>());
}

void advance_operation::on_epoch(get_result&& got) {
  auto found = read_epoch(std::move(got));
  if (!found.known) return unknown(std::move(found.why));
  epoch_ = found.epoch;
  judge_now();
}

void advance_operation::judge_now() {
  switch (judge(current_, what_.counter, shared_->grace, now_)) {
    case verdict::revoked:
      return refuse(refresh_status::revoked, errc::token_revoked,
                    current_.state == family_state::reused
                        ? "the token's family was revoked when one of its used tokens was presented again: log in anew"
                        : "the token's family was revoked: log in anew");
    case verdict::expired:
      return refuse(refresh_status::expired, errc::token_expired, "the token's family has expired: log in anew");
    case verdict::theft:
      if (mode_ == advance_mode::claim) break;  // judged when the request began; it may have taken long
      ending_ = family_state::reused;
      return write(tombstone(current_, ending_));
    case verdict::repeat:
    case verdict::rotate:
      break;
  }
  // Begun before all of the owner's sessions were revoked: revoke_all may have missed it while it was being issued.
  if (epoch_ && current_.facts.epoch < *epoch_) {
    ending_ = family_state::revoked;
    return write(tombstone(current_, ending_));
  }
  if (what_.counter < current_.counter) return hand_out(current_, true);
  if (mode_ == advance_mode::look) return hand_out(current_, false);
  rotate_now();
}

void advance_operation::rotate_now() {
  family next = current_;
  rotate(next, what_.counter, now_);
  if (shared_->maker && current_.facts.kind == family_kind::refresh) {
    const auto key = shared_->maker->signing_key(now_);
    if (!key) {
      return unknown(
          {errc::key_unsuitable, "no key of the key ring may sign now: add an active one. The token was not used"});
    }
    next.key = shared_->maker->id(*key);
  }
  write(std::move(next));
}

void advance_operation::written() {
  if (ending_ == family_state::reused) {
    return refuse(refresh_status::reused, errc::token_reused,
                  "a refresh token that was used before was presented again; its family is revoked now");
  }
  if (ending_ == family_state::revoked) {
    return refuse(refresh_status::revoked, errc::token_revoked, "all sessions of the token's owner were revoked");
  }
  hand_out(next_, false);
}

void advance_operation::absent() {
  refuse(refresh_status::not_found, errc::token_revoked, "there is no such token: its family has ended, or never was");
}

void advance_operation::unknown(error why) { finish({refresh_status::unknown, {}, false, {}, std::move(why)}); }

void advance_operation::refuse(refresh_status status, errc code, const char* text) {
  advanced out{status, {}, false, {}, {code, text}};
  if (status == refresh_status::reused) {
    out.now.facts.id = current_.facts.id;
    out.now.facts.kind = current_.facts.kind;
    out.now.facts.owner = current_.facts.owner;
  }
  finish(std::move(out));
}

void advance_operation::hand_out(const family& newest, bool repeated) {
  advanced out{refresh_status::rotated, {}, repeated, newest, {}};
  if (newest.facts.kind == family_kind::refresh) {
    auto token = shared_->maker->newest(newest, now_);
    if (!token) return absent();  // the key that made the successor is not trusted any more
    out.token = *std::move(token);
  }
  finish(std::move(out));
}

}  // namespace coatcheck::tokens
