// Beginning, ending and changing families.
#include "tokens/operations.hpp"

namespace coatcheck::tokens {

error contended() {
  return {errc::session_conflict, "the token family was changed by others on every attempt: try again"};
}

epoch_found read_epoch(get_result&& got) {
  epoch_found out;
  if (got.status == get_status::unknown) {
    out.why = std::move(got.why);
    return out;
  }
  if (got.status == get_status::found) {
    auto epoch = decode_epoch(got.value.bytes);
    if (!epoch) {
      out.why = epoch.error();
      return out;
    }
    out.epoch = *epoch;
    out.tag = got.value.tag;
  }
  out.known = true;
  return out;
}

result<std::string> new_family_id() { return new_session_id(16); }

create_operation::create_operation(space_ref space, family made, completion<created> done)
    : operation(std::move(space), done), made_(std::move(made)) {}

void create_operation::start() {
  if (made_.facts.owner.empty()) return put();
  shared_->where().get(epoch_key(made_.facts.owner), then<get_result, &create_operation::on_epoch>());
}

void create_operation::on_epoch(get_result&& got) {
  auto found = read_epoch(std::move(got));
  if (!found.known) return finish({false, {}, std::move(found.why)});
  made_.facts.epoch = found.epoch;
  put();
}

void create_operation::put() {
  shared_->where().put(family_key(made_.facts.id), encode_family(made_), made_.facts.expires_at, expectation::nothing(),
                       made_.facts.owner, then<put_result, &create_operation::on_put>());
}

void create_operation::on_put(put_result&& got) {
  switch (got.status) {
    case put_status::stored:
      return finish({true, std::move(made_), {}});
    case put_status::unknown:
      return finish({false, {}, std::move(got.why)});
    case put_status::conflict:
    case put_status::gone:
      return finish({false, {}, {errc::session_conflict, "a token family with this id exists already"}});
  }
}

revoke_operation::revoke_operation(space_ref space, presented_token what, completion<remove_result> done)
    : change_operation(std::move(space), what.family_id, done), what_(std::move(what)) {}

void revoke_operation::decide() {
  if (current_.state != family_state::live) return absent();
  if (what_.mac && (current_.facts.kind != family_kind::refresh ||
                    !shared_->maker->genuine(current_, what_.counter, *what_.mac, shared_->now()))) {
    return absent();
  }
  write(tombstone(current_, family_state::revoked));
}

// A record that is not there refuses as one that says "revoked" does, so nothing is lost with it.
void revoke_operation::unknown(error why) {
  if (what_.mac || !is_unreadable(why)) return finish({remove_status::unknown, std::move(why)});
  shared_->where().remove(family_key(what_.family_id), then<remove_result, &revoke_operation::on_remove>());
}

amend_operation::amend_operation(space_ref space, std::string family_id, family_change change, completion<amended> done)
    : change_operation(std::move(space), std::move(family_id), done), change_(std::move(change)) {}

void amend_operation::decide() {
  if (current_.state != family_state::live) return absent();
  if (change_.only_of && *change_.only_of != current_.facts.owner) return absent();
  // A new owner's family begins under that owner's epoch.
  if (!change_.owner || change_.owner->empty() || change_.epoch) return apply();
  shared_->where().get(epoch_key(*change_.owner), then<get_result, &amend_operation::on_epoch>());
}

void amend_operation::on_epoch(get_result&& got) {
  auto found = read_epoch(std::move(got));
  if (!found.known) return unknown(std::move(found.why));
  change_.epoch = found.epoch;
  apply();
}

void amend_operation::apply() {
  family next = current_;
  if (change_.owner) next.facts.owner = *change_.owner;
  if (change_.idle) next.idle = *change_.idle;
  if (change_.absolute_at) next.facts.absolute_at = *change_.absolute_at;
  if (change_.epoch) next.facts.epoch = *change_.epoch;
  if (change_.renew) next.facts.expires_at = deadline_after(shared_->now(), next.idle, next.facts.absolute_at);
  write(std::move(next));
}

}  // namespace coatcheck::tokens
