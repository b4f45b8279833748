// Put, touch and remove of a cache-aside store.
#include "store/cached/write.hpp"

#include <algorithm>

namespace coatcheck {

error copy_may_be_left(const tier& in, error&& why) {
  const auto bound = std::to_string(in.options.ttl + in.options.stale);
  return {why.code, "removed, but the cache could not be told, and may show a copy for up to " + bound +
                        " ms; try again (" + why.message + ")"};
}

// What was there before is known of a put that expects a version, and of one that expects nothing. Else it is looked
// up.
void cached_put::start() {
  if (!begin()) return;
  if (expect_.what == expectation::kind::any) {
    if (shared_->cache_waits) {
      kept_bytes_ = bytes_;
      kept_owner_ = owner_;
      bytes_ = kept_bytes_;
      owner_ = kept_owner_;
    }
    if (look<&cached_put::on_seen>()) return;
  }
  write();
}

void cached_put::on_seen(get_result&& got) {
  if (shared_->closed()) return refuse(closed_error());
  remember(got);
  write();
}

void cached_put::write() {
  if (slot_.usable()) copy_.text = cached_entry::value_text(bytes_);
  copy_.read_at = shared_->time.now();
  copy_.slot = seen_;
  if (expect_.what == expectation::kind::match) copy_.replaced = expect_.tag;
  shared_->origin->put(slot_.key(), bytes_, expires_at_, expect_, owner_, then<put_result, &cached_put::on_origin>());
}

void cached_put::on_origin(put_result&& got) {
  if (got.status == put_status::unknown && nothing_happened(got.why)) return finish(std::move(got));
  out_ = std::move(got);
  if (!slot_.usable()) return on_told({true, {}});
  const auto done = then<cache_told, &cached_put::on_told>();
  switch (out_.status) {
    case put_status::stored:
      copy_.tag = out_.tag;
      copy_.expires_at = std::max<epoch_ms>(expires_at_, 0);
      return run_operation<tell_copy>(shared_, slot_, std::move(copy_), done);
    case put_status::conflict:
      copy_.text = cached_entry::value_text(out_.current.bytes);
      copy_.tag = out_.current.tag;
      copy_.expires_at = out_.current.expires_at;
      return run_operation<tell_copy>(shared_, slot_, std::move(copy_), done);
    case put_status::gone:
    case put_status::unknown:  // it may be stored, now or later
      return run_operation<mark_slot>(shared_, slot_, done);
  }
}

void cached_put::on_told(cache_told&& got) {
  heard_of(got.known);
  if (shared_->closed()) return refuse(closed_error());
  finish(std::move(out_));
}

void cached_touch::start() {
  if (!begin()) return;
  if (!look<&cached_touch::on_seen>()) write();
}

void cached_touch::on_seen(get_result&& got) {
  if (shared_->closed()) return refuse(closed_error());
  remember(got);
  if (got.status == get_status::found) there_ = std::move(got.value.bytes);
  write();
}

void cached_touch::write() {
  shared_->origin->touch(slot_.key(), expires_at_, then<touch_result, &cached_touch::on_origin>());
}

void cached_touch::on_origin(touch_result&& got) {
  if (got.status == touch_status::unknown && nothing_happened(got.why)) return finish(std::move(got));
  out_ = std::move(got);
  if (!slot_.usable()) return on_told({true, {}});
  const auto done = then<cache_told, &cached_touch::on_told>();
  const auto entry = cached_entry::decode(there_);
  const bool believed =
      entry && entry->what == cached_entry::kind::value && doubt_ == 0 && !shared_->doubts.too_old(entry->read_at);
  if (out_.status != touch_status::touched || !believed) return run_operation<mark_slot>(shared_, slot_, done);
  new_copy copy;
  copy.text = cached_entry::value_text(entry->bytes);
  copy.read_at = entry->read_at;  // it is no younger than it was
  copy.expires_at = expires_at_;
  copy.tag = etag(entry->tag);
  copy.slot = seen_;
  run_operation<tell_copy>(shared_, slot_, std::move(copy), done);
}

void cached_touch::on_told(cache_told&& got) {
  heard_of(got.known);
  if (shared_->closed()) return refuse(closed_error());
  finish(std::move(out_));
}

void cached_remove::start() {
  if (!begin()) return;
  shared_->origin->remove(slot_.key(), then<remove_result, &cached_remove::on_origin>());
}

void cached_remove::on_origin(remove_result&& got) {
  if (got.status == remove_status::unknown && nothing_happened(got.why)) return finish(std::move(got));
  out_ = std::move(got);
  if (!slot_.usable()) return on_told({true, {}});
  run_operation<mark_slot>(shared_, slot_, then<cache_told, &cached_remove::on_told>());
}

void cached_remove::on_told(cache_told&& got) {
  heard_of(got.known);
  if (!got.known && out_.status != remove_status::unknown && shared_->options.removal == removal_policy::both) {
    out_ = {};
    out_.why = copy_may_be_left(*shared_, std::move(got.why));
  }
  if (shared_->closed()) return refuse(closed_error());
  finish(std::move(out_));
}

}  // namespace coatcheck
