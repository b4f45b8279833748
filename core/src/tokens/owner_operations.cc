// Listing and ending an owner's families, and the epoch.
#include "tokens/owner_operations.hpp"

#include <algorithm>

namespace coatcheck::tokens {
namespace {

std::string id_of(const std::string& key) { return key.substr(key.size() - family_id_chars); }

// The store's index holds whatever was put with this owner: sessions, too.
std::vector<std::string> families_among(std::vector<std::string>&& keys) {
  std::erase_if(keys, [](const std::string& key) { return !is_family_key(key); });
  return std::move(keys);
}

}  // namespace

list_operation::list_operation(space_ref space, std::string owner, completion<families_result> done)
    : operation(std::move(space), done), owner_(std::move(owner)) {}

void list_operation::start() { shared_->where().owned_by(owner_, then<keys_result, &list_operation::on_keys>()); }

void list_operation::on_keys(keys_result&& got) {
  if (!got.known) return finish({false, {}, std::move(got.why)});
  keys_ = families_among(std::move(got.keys));
  next();
}

void list_operation::next() {
  if (keys_.empty()) {
    std::sort(out_.families.begin(), out_.families.end(),
              [](const token_family& a, const token_family& b) { return a.created > b.created; });
    out_.known = true;
    return finish(std::move(out_));
  }
  shared_->where().get(keys_.back(), then<get_result, &list_operation::on_get>());
}

void list_operation::on_get(get_result&& got) {
  if (got.status == get_status::unknown) return finish({false, {}, std::move(got.why)});
  const std::string id = id_of(keys_.back());
  keys_.pop_back();
  if (got.status == get_status::found) {
    auto decoded = decode_family(got.value.bytes, id, got.value.expires_at);
    if (!decoded) return finish({false, {}, decoded.error()});
    token_family& facts = decoded->facts;
    const bool over = facts.absolute_at != 0 && facts.absolute_at <= shared_->now();
    if (decoded->state == family_state::live && !over && facts.owner == owner_) {
      out_.families.push_back(std::move(facts));
    }
  }
  next();
}

revoke_all_operation::revoke_all_operation(space_ref space, std::string owner, std::string except,
                                           completion<revoke_all_result> done)
    : operation(std::move(space), done), owner_(std::move(owner)), except_(std::move(except)) {}

void revoke_all_operation::start() {
  shared_->where().get(epoch_key(owner_), then<get_result, &revoke_all_operation::on_epoch>());
}

void revoke_all_operation::on_epoch(get_result&& got) {
  auto found = read_epoch(std::move(got));
  // One that can't be read is replaced: everything that was issued until now ends, whatever it said.
  replacing_ = !found.known && is_unreadable(found.why);
  if (!found.known && !replacing_) return fail(std::move(found.why));
  tag_ = found.tag;
  out_.epoch = std::max(shared_->now(), found.epoch + 1);
  if (except_.empty()) return put_epoch();
  family_change change;
  change.only_of = owner_;
  change.epoch = out_.epoch;
  run_operation<amend_operation>(shared_, except_, std::move(change),
                                 then<amended, &revoke_all_operation::on_spared>());
}

void revoke_all_operation::on_spared(amended&& got) {
  // Absent: it ended meanwhile, so there is nothing to spare.
  if (got.status == remove_status::unknown) return fail(std::move(got.why));
  put_epoch();
}

void revoke_all_operation::put_epoch() {
  const auto expect = replacing_     ? expectation::anything()
                      : tag_.empty() ? expectation::nothing()
                                     : expectation::version(tag_);
  shared_->where().put(epoch_key(owner_), encode_epoch(out_.epoch), shared_->now() + epoch_life, expect, {},
                       then<put_result, &revoke_all_operation::on_epoch_put>());
}

void revoke_all_operation::on_epoch_put(put_result&& got) {
  switch (got.status) {
    case put_status::stored:
      return shared_->where().owned_by(owner_, then<keys_result, &revoke_all_operation::on_keys>());
    case put_status::unknown:
      return fail(std::move(got.why));
    case put_status::conflict:
    case put_status::gone:
      if (++attempts_ >= max_attempts) return fail(contended());
      return start();
  }
}

void revoke_all_operation::on_keys(keys_result&& got) {
  if (!got.known) return fail(std::move(got.why));
  keys_ = families_among(std::move(got.keys));
  if (!except_.empty()) std::erase(keys_, family_key(except_));
  next();
}

void revoke_all_operation::next() {
  if (keys_.empty()) {
    out_.known = true;
    return finish(std::move(out_));
  }
  presented_token what;
  what.family_id = id_of(keys_.back());
  run_operation<revoke_operation>(shared_, std::move(what), then<remove_result, &revoke_all_operation::on_revoked>());
}

void revoke_all_operation::on_revoked(remove_result&& got) {
  if (got.status == remove_status::unknown) return fail(std::move(got.why));
  if (got.status == remove_status::removed) ++out_.count;
  keys_.pop_back();
  next();
}

check_operation::check_operation(space_ref space, std::string owner, epoch_ms epoch, completion<epoch_result> done)
    : operation(std::move(space), done), owner_(std::move(owner)), epoch_(epoch) {}

void check_operation::start() {
  shared_->where().get(epoch_key(owner_), then<get_result, &check_operation::on_epoch>());
}

void check_operation::on_epoch(get_result&& got) {
  auto found = read_epoch(std::move(got));
  if (!found.known) return finish({epoch_status::unknown, std::move(found.why)});
  if (epoch_ >= found.epoch) return finish({epoch_status::current, {}});
  finish(
      {epoch_status::revoked, {errc::token_revoked, "all tokens of this owner that were issued before were revoked"}});
}

}  // namespace coatcheck::tokens
