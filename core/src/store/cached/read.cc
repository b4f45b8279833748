// Reads of a cache-aside store, alone and in flights.
#include "store/cached/read.hpp"

#include <utility>

#include "store/cached/tell.hpp"
#include "store/operation.hpp"

namespace coatcheck {
namespace {

// What is known when the cache is asked: a doubt that ends before the answer is there still is one of that answer.
cache_look look_begins(const tier& in, const cache_slot& slot) {
  cache_look out;
  out.slot.at = in.time.now();
  out.doubt = in.doubts.of(slot.key());
  return out;
}

void look_ends(tier& in, cache_look& out, get_result&& got) {
  const cache_answer how = in.heard(got);
  out.unreadable = how == cache_answer::refused && is_unreadable(got.why);
  if (how != cache_answer::given) return;
  out.slot.what = got.status == get_status::absent ? slot_state::kind::empty : slot_state::kind::entry;
  out.slot.tag = got.value.tag;
  if (got.status == get_status::absent) return;
  const auto entry = cached_entry::decode(got.value.bytes);
  out.copy = !entry || entry->what != cached_entry::kind::mark;
  if (!entry || entry->what == cached_entry::kind::mark) return;
  const epoch_ms now = in.cache_waits ? in.time.now() : out.slot.at;
  if (out.doubt != 0 || in.doubts.too_old(entry->read_at)) return;
  if (entry->fresh(now)) {
    out.hit = true;
    out.answer.status = entry->what == cached_entry::kind::value ? get_status::found : get_status::absent;
    if (out.answer.status == get_status::found) {
      out.answer.value = cached_entry::to_value(*entry, std::move(got.value.bytes));
    }
  } else if (entry->what == cached_entry::kind::value && now < entry->expires_at &&
             now < later(entry->read_at, entry->life + in.options.stale)) {
    out.stale = cached_entry::to_value(*entry, std::move(got.value.bytes));
  }
}

// What a slot becomes after the origin said `got`, which was asked at `read_at`; and what the reader is told, if the
// origin said nothing.
slot_fill conclude(tier& in, epoch_ms read_at, cache_look& seen, get_result& got) {
  slot_fill out;
  const epoch_ms now = in.time.now();
  if (got.status == get_status::unknown) {
    if (!is_unreadable(got.why) && got.why.code != errc::store_closed && seen.stale && !in.closed()) {
      ++in.counts.stale;
      got = {get_status::found, *std::move(seen.stale), {}};
    }
    return out;
  }
  if (seen.slot.what == slot_state::kind::unknown) return out;
  if (seen.slot.what == slot_state::kind::empty) {
    if (now < seen.slot.at || now - seen.slot.at > tier::fill_window) return out;
    out.expect = expectation::nothing();
  } else {
    out.expect = expectation::version(seen.slot.tag);
  }
  const duration_ms life = got.status == get_status::found ? in.new_life() : in.options.absent_ttl;
  if (got.status == get_status::absent && life == 0) {
    out.wanted = out.is_mark = seen.copy;
    if (out.wanted) out.text = cached_entry::mark;
  } else if (got.status == get_status::absent) {
    out.wanted = true;
    out.text = cached_entry::encode_absent(read_at, life);
  } else if (got.value.expires_at > now && got.value.expires_at <= latest_time) {
    out.wanted = true;
    out.text = cached_entry::value_text(got.value.bytes).with(read_at, life, got.value.expires_at, got.value.tag);
  }
  out.end = in.slot_end(read_at, life);
  return out;
}

void after_fill(tier& in, const cache_slot& slot, const cache_look& seen, const slot_fill& fill,
                const put_result& got) {
  if (in.heard(got) != cache_answer::given || got.status != put_status::stored) return;
  if (!fill.is_mark) ++in.counts.fills;
  if (seen.doubt != 0) in.doubts.clear(slot.key(), seen.doubt);
}

// Whoever reads such a slot gets no further; a mark takes its place.
void drop_unreadable(const std::shared_ptr<tier>& in, const cache_slot& slot) {
  run_operation<mark_slot>(in, slot, completion<cache_told>([](void*, cache_told&&) {}, nullptr));
}

// The read of a cache that answers inside the call. A hit is handed on in the very result that the cache gave: nothing
// of it is copied or moved.
struct immediate_look {
  tier& in;
  const completion<get_result> done;
  const epoch_ms now;
  const std::uint64_t doubt;
  std::optional<cache_look> seen{};  // unless it was answered

  static void on_cache(void* context, get_result&& got) {
    auto& self = *static_cast<immediate_look*>(context);
    if (self.hand_on(got)) return self.done(std::move(got));
    auto& seen = self.seen.emplace();
    seen.slot.at = self.now;
    seen.doubt = self.doubt;
    look_ends(self.in, seen, std::move(got));
  }
  bool hand_on(get_result& got) const {
    if (got.status != get_status::found || doubt != 0) return false;
    const auto entry = cached_entry::decode(got.value.bytes);
    if (!entry || entry->what != cached_entry::kind::value || !entry->fresh(now)) return false;
    if (in.doubts.too_old(entry->read_at)) return false;
    (void)in.heard(got);
    ++in.counts.hits;
    cached_entry::make_value(*entry, got.value);
    return true;
  }
};

}  // namespace

void read_through(const std::shared_ptr<tier>& in, std::string_view key, completion<get_result> done) {
  const auto refuse = [&](error&& why) {
    get_result out;
    out.why = std::move(why);
    done(std::move(out));
  };
  if (in->closed()) return refuse(closed_error());
  cache_slot slot(key);
  const bool loops = in->cache_waits || in->origin_waits;
  const bool ask = slot.usable() && in->has_cache();
  // A key that is none is one to the cache neither; only a hit does without asking.
  if ((!ask || in->cache_waits) && !valid_key(key)) return refuse(bad_key_error());
  if (loops) {
    if (auto* const under_way = in->flight(slot.name())) {
      under_way->join(done);
      return;
    }
    if (ask && in->cache_waits) {
      read_flight::start_at_cache(in, std::move(slot), done);
      return;
    }
  }
  std::optional<cache_look> looked;
  if (ask) {
    immediate_look look{*in, done, in->time.now(), in->doubts.of(slot.key())};
    in->cache->get(slot.name(), completion<get_result>(&immediate_look::on_cache, &look));
    if (!look.seen) return;
    if (!valid_key(key)) return refuse(bad_key_error());
    if (look.seen->hit) {
      ++in->counts.hits;
      done(std::move(look.seen->answer));
      return;
    }
    if (look.seen->unreadable) drop_unreadable(in, slot);
    looked = std::move(look.seen);
  }
  cache_look seen = looked ? *std::move(looked) : cache_look();
  if (loops) {
    read_flight::start_at_origin(in, std::move(slot), std::move(seen), done);
    return;
  }
  ++in->counts.misses;
  const epoch_ms read_at = in->time.now();
  auto out = complete<get_result>([&](auto then) { in->origin->get(key, then); });
  const slot_fill fill = conclude(*in, read_at, seen, out);
  if (fill.wanted) {
    const auto filled = complete<put_result>(
        [&](auto then) { in->cache->put(slot.name(), fill.text, fill.end, fill.expect, {}, then); });
    after_fill(*in, slot, seen, fill, filled);
  }
  done(std::move(out));
}

read_flight& read_flight::begin(const std::shared_ptr<tier>& in, cache_slot&& slot, completion<get_result> first) {
  auto made = std::make_shared<read_flight>(in, std::move(slot));
  auto& one = *made;
  one.self_ = std::move(made);
  one.waiting_.push_back(first);
  in->add_flight(one.slot_.name(), &one);
  return one;
}

void read_flight::start_at_cache(const std::shared_ptr<tier>& in, cache_slot slot, completion<get_result> first) {
  auto& one = begin(in, std::move(slot), first);
  one.seen_ = look_begins(*in, one.slot_);
  in->ask_cache([&](auto then) { in->cache->get(one.slot_.name(), then); }, completion<get_result>(on_cache, &one));
}

void read_flight::start_at_origin(const std::shared_ptr<tier>& in, cache_slot slot, cache_look&& seen,
                                  completion<get_result> first) {
  auto& one = begin(in, std::move(slot), first);
  one.seen_ = std::move(seen);
  one.ask_origin();
}

void read_flight::join(completion<get_result> done) {
  ++tier_->counts.joined;
  if (!answered_) {
    waiting_.push_back(done);
    return;
  }
  // The answer is what is being put into the cache.
  get_result out;
  const auto entry = cached_entry::decode(fill_.text);
  out.status = entry && entry->what == cached_entry::kind::value ? get_status::found : get_status::absent;
  if (out.status == get_status::found) out.value = cached_entry::to_value(*entry, std::string(fill_.text));
  done(std::move(out));
}

void read_flight::invalidate() {
  valid_ = false;
  tier_->end_flight(slot_.name());
}

void read_flight::on_cache(void* context, get_result&& got) {
  auto& self = *static_cast<read_flight*>(context);
  const auto keep = self.self_;
  look_ends(*self.tier_, self.seen_, std::move(got));
  if (self.tier_->closed()) {
    get_result out;
    out.why = closed_error();
    self.end();
    self.answer(std::move(out));
  } else if (self.seen_.hit) {
    self.tier_->counts.hits += self.waiting_.size();
    self.end();
    self.answer(std::move(self.seen_.answer));
  } else {
    if (self.seen_.unreadable) drop_unreadable(self.tier_, self.slot_);
    self.ask_origin();
  }
}

void read_flight::ask_origin() {
  ++tier_->counts.misses;
  asked_at_ = tier_->time.now();
  tier_->origin->get(slot_.key(), completion<get_result>(on_origin, this));
}

void read_flight::on_origin(void* context, get_result&& got) {
  auto& self = *static_cast<read_flight*>(context);
  const auto keep = self.self_;
  auto& in = *self.tier_;
  self.fill_ = conclude(in, self.asked_at_, self.seen_, got);
  self.answered_ = true;
  if (!self.valid_ || !self.fill_.wanted || in.closed()) {
    self.end();
  } else {
    in.ask_cache(
        [&](auto then) {
          in.cache->put(self.slot_.name(), self.fill_.text, self.fill_.end, self.fill_.expect, {}, then);
        },
        completion<put_result>(on_filled, &self));
  }
  self.answer(std::move(got));
}

void read_flight::on_filled(void* context, put_result&& got) {
  auto& self = *static_cast<read_flight*>(context);
  const auto keep = self.self_;
  after_fill(*self.tier_, self.slot_, self.seen_, self.fill_, got);
  self.end();
}

// The last one gets the value itself.
void read_flight::answer(get_result&& got) {
  const auto all = std::exchange(waiting_, {});
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i + 1 < all.size()) {
      all[i](get_result(got));
    } else {
      all[i](std::move(got));
    }
  }
}

void read_flight::end() {
  if (std::exchange(valid_, false)) tier_->end_flight(slot_.name());
  self_.reset();
}

}  // namespace coatcheck
