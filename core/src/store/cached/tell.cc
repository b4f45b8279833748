// Marks and copies that writes leave in the cache.
#include "store/cached/tell.hpp"

namespace coatcheck {
namespace {

error cache_is_down() { return {errc::store_unavailable, "the cache is taken for down and was not asked"}; }

}  // namespace

void mark_slot::start() {
  if (!shared_->has_cache()) return finish({false, cache_is_down()});
  shared_->ask_cache(
      [this](auto then) {
        shared_->cache->put(slot_.name(), cached_entry::mark, later(shared_->time.now(), tier::slot_life),
                            expectation::anything(), {}, then);
      },
      then<put_result, &mark_slot::on_put>());
}

void mark_slot::on_put(put_result&& got) {
  const auto how = shared_->heard(got);
  if (how == cache_answer::given) return finish({true, {}});
  if (how == cache_answer::none) return finish({false, std::move(got.why)});
  shared_->ask_cache([this](auto then) { shared_->cache->remove(slot_.name(), then); },
                     then<remove_result, &mark_slot::on_removed>());
}

void mark_slot::on_removed(remove_result&& got) {
  if (shared_->heard(got) == cache_answer::given) return finish({true, {}});
  finish({false, std::move(got.why)});
}

void tell_copy::start() {
  if (copy_.expires_at <= shared_->time.now() || copy_.expires_at > latest_time) return mark();
  if (!shared_->has_cache()) return finish({false, cache_is_down()});
  life_ = shared_->new_life();
  if (copy_.slot.what == slot_state::kind::entry) return put(expectation::version(copy_.slot.tag));
  put_if_empty();
}

void tell_copy::put(expectation expect) {
  ++tries_;
  shared_->ask_cache(
      [&](auto then) {
        shared_->cache->put(slot_.name(), copy_.text.with(copy_.read_at, life_, copy_.expires_at, copy_.tag),
                            shared_->slot_end(copy_.read_at, life_), expect, {}, then);
      },
      then<put_result, &tell_copy::on_put>());
}

void tell_copy::put_if_empty() {
  const epoch_ms now = shared_->time.now();
  const epoch_ms since = copy_.slot.what != slot_state::kind::unknown ? copy_.slot.at : copy_.read_at;
  if (now < since || now - since > tier::fill_window) return mark();
  put(expectation::nothing());
}

void tell_copy::on_put(put_result&& got) {
  switch (shared_->heard(got)) {
    case cache_answer::none:
      return finish({false, std::move(got.why)});
    case cache_answer::refused:
      return mark();
    case cache_answer::given:
      break;
  }
  if (got.status == put_status::stored) return finish({true, {}});
  if (got.status == put_status::gone) return tries_ < most_tries ? put_if_empty() : mark();
  const auto there = cached_entry::decode(got.current.bytes);
  // A mark that is there is no end: a read that has seen it may replace it by what it read before this write.
  if (there && there->what == cached_entry::kind::value) {
    if (there->tag == copy_.tag.view() && there->expires_at == copy_.expires_at) return finish({true, {}});
    if (!copy_.replaced.empty() && there->tag == copy_.replaced.view() && tries_ < most_tries)
      return put(expectation::version(got.current.tag));
  }
  mark();
}

void tell_copy::mark() { run_operation<mark_slot>(shared_, slot_, then<cache_told, &tell_copy::on_marked>()); }

}  // namespace coatcheck
