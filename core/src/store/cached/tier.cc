// Deadlines, the breaker and the list of reads of a cache-aside store.
#include "store/cached/tier.hpp"

#include <algorithm>

#include "store/cached/read.hpp"

namespace coatcheck {

tier::tier(std::shared_ptr<store> before, std::shared_ptr<store> durable, const cached_options& chosen)
    : cache(std::move(before)),
      origin(std::move(durable)),
      options(chosen),
      time(chosen.time != nullptr ? *chosen.time : system_clock()),
      cache_waits(cache->capabilities().needs_loop),
      origin_waits(origin->capabilities().needs_loop),
      doubts(chosen.ttl + chosen.stale) {}

void tier::close() {
  const auto keep = shared_from_this();
  if (closed_.exchange(true)) return;
  cache->close();  // what waits for it goes on, and finds the tier closed
  origin->close();
  if (cache_waits) options.loop->forget(*this);
}

cache_answer tier::failed(const error& why) {
  switch (why.code) {
    case errc::store_closed:
      return cache_answer::none;
    case errc::store_full:
    case errc::record_damaged:
    case errc::record_mismatch:
    case errc::payload_too_large:
    case errc::store_unsupported:
    case errc::invalid_option:
      breaker_.succeeded();
      return cache_answer::refused;
    default:
      ++counts.cache_errors;
      if (breaker_.failed(time.now())) ++counts.breaker_open;
      return cache_answer::none;
  }
}

duration_ms tier::new_life() const noexcept {
  // Multiples of the golden ratio, so that each one falls into the widest gap of those before: no two at a time end
  // together, and a simulation is the same each time.
  const std::uint64_t step = lives_.fetch_add(1, std::memory_order_relaxed) * 0x9E3779B97F4A7C15U >> 32;
  return options.ttl - static_cast<duration_ms>(step % (static_cast<std::uint64_t>(options.ttl) / 10 + 1));
}

epoch_ms tier::slot_end(epoch_ms read_at, duration_ms life) const noexcept {
  return std::max(later(time.now(), slot_life), later(read_at, life + options.stale));
}

read_flight* tier::flight(std::string_view name) const {
  const auto at = flights_.find(name);
  return at == flights_.end() ? nullptr : at->second;
}

void tier::invalidate(std::string_view name) {
  if (flights_.empty()) return;
  if (auto* const one = flight(name)) one->invalidate();
}

void tier::queue(timed& call) {
  call.in_line = this;
  call.until = options.loop->now() + options.cache_timeout;
  call.before = last_;
  (last_ == nullptr ? first_ : last_->after) = &call;
  last_ = &call;
  if (first_ == &call) options.loop->update(*this);
}

void tier::unqueue(timed& call) noexcept {
  tier* const in = std::exchange(call.in_line, nullptr);
  if (in == nullptr) return;
  (call.before == nullptr ? in->first_ : call.before->after) = call.after;
  (call.after == nullptr ? in->last_ : call.after->before) = call.before;
}

void tier::on_deadline(steady_ms now) {
  const auto keep = shared_from_this();
  while (first_ != nullptr && first_->until <= now) {
    timed& call = *first_;
    unqueue(call);
    call.run_out();
  }
}

}  // namespace coatcheck
