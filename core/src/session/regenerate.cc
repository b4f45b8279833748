// regenerate: the session ends under its old id at once. Requests that had read it before are still at work, and what
// they write is not to be lost: a mark says for a while where it goes.
//
// One round trip: the mark takes the record's own place and its lasting one at the same time. It is in one of them
// throughout, for the record's place is freed only once the lasting mark is there; nobody waits for that.
#include "session/operations.hpp"
#include "session/record.hpp"

namespace coatcheck::session {

regenerate_operation::regenerate_operation(engine_ref engine, const snapshot& ended, std::string_view id,
                                           completion<engine::regenerated> done)
    : operation_base(std::move(engine), done), ended_(ended), id_(id) {}

void regenerate_operation::start() {
  const auto& options = engine_->options;
  const epoch_ms now = engine_->now();
  if (id_.empty()) {
    auto made = new_session_id(options.policy.id_bytes);
    if (!made) return end(remove_status::unknown, made.error());
    id_ = *std::move(made);
  }
  const auto key = options.keys.signing_key(now);
  if (!key) {
    return end(remove_status::unknown,
               {errc::invalid_secret, "no key of the key ring may sign now: add an active one"});
  }
  store_key_ = engine_->store_key(ended_.id, ended_.key);
  until_ = now + options.policy.regenerate_grace.value_or(0);
  mark_ = encode_forwarding({until_, engine_->store_key(id_, *key)}, store_key_);
  waiting_ = 2;
  engine_->where().put(forwarding_key(store_key_), mark_, until_, expectation::anything(), {},
                       then<put_result, &regenerate_operation::on_marked>());
  replace();
}

void regenerate_operation::on_marked(put_result&& got) {
  marked_ = got.status == put_status::stored;
  answered();
}

// In the record's own place by compare-and-set: what others wrote until now is seen, and who comes now conflicts.
void regenerate_operation::replace() {
  ++attempts_;
  engine_->where().put(store_key_, mark_, until_, expectation::version(ended_.tag), {},
                       then<put_result, &regenerate_operation::on_replaced>());
}

void regenerate_operation::on_replaced(put_result&& got) {
  switch (got.status) {
    case put_status::stored:
      return end(remove_status::removed);
    case put_status::conflict:
      break;
    case put_status::gone:
      return end(remove_status::absent);
    case put_status::unknown:
      return end(remove_status::unknown, std::move(got.why));
  }
  // Another login of the same session was first.
  if (decode_forwarding(got.current.bytes, store_key_)) return end(remove_status::absent);
  ended_.tag = got.current.tag;
  if (auto decoded = engine_->layout.decode(std::move(got.current.bytes), store_key_, ended_); !decoded) {
    return end(remove_status::unknown, decoded.error());
  }
  if (attempts_ > engine_->options.policy.conflict_retries) {
    return end(remove_status::unknown, {errc::session_conflict,
                                        "the session was changed by other requests on every attempt to renew its id "
                                        "(conflict_retries)"});
  }
  replace();
}

void regenerate_operation::end(remove_status status, error why) {
  status_ = status;
  why_ = std::move(why);
  answered();
}

// Both places were heard of. Without the lasting mark the one in the record's place stays until its time comes.
void regenerate_operation::answered() {
  if (--waiting_ > 0) return;
  if (status_ == remove_status::removed && marked_) {
    engine_->where().remove(store_key_, completion<remove_result>([](void*, remove_result&&) {}, nullptr));
  }
  conclude();
}

void regenerate_operation::conclude() {
  engine::regenerated out;
  out.status = status_;
  out.why = std::move(why_);
  if (status_ == remove_status::unknown) {
    out.session = std::move(ended_);
  } else {
    out.session.payload = "{}";
  }
  if (status_ == remove_status::removed) {
    out.session.successor = std::move(id_);
    out.session.payload = std::move(ended_.payload);
    out.session.cookie = std::move(ended_.cookie);
    out.session.owner = std::move(ended_.owner);
  }
  finish(std::move(out));
}

}  // namespace coatcheck::session
