// The near-cache's operations: see near_cache.hpp.
#include "store/layers/near_cache.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "store/envelope.hpp"
#include "store/operation.hpp"

namespace coatcheck {

using near_ref = std::shared_ptr<near_state>;

namespace {

constexpr duration_ms longest_absence = 1000;  // how long it is kept that a key is absent

// For writes: what was there before them is not kept, as long as they are under way and after it.
template <class Operation, class Result, near_state::kind What = near_state::kind::other>
class near_operation : public store_operation<Operation, Result, near_ref> {
 public:
  near_operation(near_ref state, std::string_view key, completion<Result> done)
      : store_operation<Operation, Result, near_ref>(std::move(state), done), key_(key) {
    ticket_ = this->shared_->begin(key_, What);
  }

 protected:
  [[nodiscard]] near_state::outcome end() { return this->shared_->end(key_, ticket_, What); }

  const std::string key_;
  near_state::ticket ticket_;
};

class near_put final : public near_operation<near_put, put_result, near_state::kind::put> {
 public:
  near_put(near_ref state, std::string_view key, std::string_view bytes, epoch_ms expires_at, const expectation& expect,
           std::string_view owner, completion<put_result> done)
      : near_operation(std::move(state), key, done),
        given_{bytes, owner, &expect},
        expires_at_(expires_at),
        since_(shared_->loop.now()) {
    near_state& s = *shared_;
    s.drop(key_);
    if (ticket_.mine != 0 && s.table.takes(bytes.size())) bytes_ = bytes;
  }
  void start() {
    shared_->below->put(key_, given_.bytes, expires_at_, *given_.expect, given_.owner,
                        then<put_result, &near_put::on_put>());
  }

 private:
  void on_put(put_result&& got) {
    near_state& s = *shared_;
    const auto ended = end();
    s.drop(key_);
    if (ended.keeps && got.status == put_status::stored) {
      keep(got.tag, ended.to_come);
    } else if (ended.keeps && ended.heard == 0 && got.status == put_status::conflict) {
      (void)s.table.keep(key_, stored_value(got.current), true, no_deadline);
    }
    finish(std::move(got));
  }
  void keep(const etag& tag, std::uint32_t echoes) {
    near_state& s = *shared_;
    // The store held it at some time after it was sent: for so long it needs nobody's word.
    const bool told = s.source->tells_own_changes();
    if (!s.table.takes(bytes_.size()) || bytes_.empty()) return;
    near_entry* const kept = s.table.keep(key_, {std::move(bytes_), tag, std::min(expires_at_, latest_time)}, true,
                                          told ? since_ + s.max_stale : no_deadline);
    if (kept == nullptr || !told) return;
    kept->era = ticket_.era;
    kept->echoes = echoes;
  }

  // Valid until the call below returns.
  struct {
    std::string_view bytes;
    std::string_view owner;
    const expectation* expect;
  } given_;
  const epoch_ms expires_at_;
  const steady_ms since_;
  std::string bytes_;
};

class near_touch final : public near_operation<near_touch, touch_result> {
 public:
  near_touch(near_ref state, std::string_view key, epoch_ms expires_at, completion<touch_result> done)
      : near_operation(std::move(state), key, done), expires_at_(expires_at) {}
  void start() {
    // Bytes and tag stay as they are: a session that is to live longer may be read meanwhile.
    const near_entry* const known = shared_->table.find(key_);
    if (known != nullptr && (!known->found || known->value.expires_at > expires_at_)) shared_->drop(key_);
    shared_->below->touch(key_, expires_at_, then<touch_result, &near_touch::on_touch>());
  }

 private:
  void on_touch(touch_result&& got) {
    near_state& s = *shared_;
    near_entry* const known = end().keeps && got.status == touch_status::touched ? s.table.find(key_) : nullptr;
    if (known != nullptr && known->found) {
      known->value.expires_at = std::min(expires_at_, latest_time);
    } else {
      s.drop(key_);
    }
    finish(std::move(got));
  }

  const epoch_ms expires_at_;
};

class near_remove final : public near_operation<near_remove, remove_result> {
 public:
  using near_operation::near_operation;
  void start() {
    shared_->drop(key_);
    shared_->below->remove(key_, then<remove_result, &near_remove::on_remove>());
  }

 private:
  void on_remove(remove_result&& got) {
    (void)end();
    shared_->drop(key_);
    finish(std::move(got));
  }
};

// What changes keys that the cache can't name.
class near_sweep final : public store_operation<near_sweep, count_result, near_ref> {
 public:
  // `owner`: null for all that there is.
  near_sweep(near_ref state, const std::string_view* owner, std::string_view except, completion<count_result> done)
      : store_operation(std::move(state), done), owner_(owner), except_(except) {}
  void start() {
    if (owner_ != nullptr) {
      shared_->distrust_own();
      return shared_->below->remove_owner(*owner_, except_, then<count_result, &near_sweep::on_removed>());
    }
    shared_->forget_all();
    shared_->below->clear(then<count_result, &near_sweep::on_cleared>());
  }

 private:
  // The server has told of all of it by the time that it answers a question that is asked now.
  void on_removed(count_result&& got) {
    shared_->distrust_own();
    shared_->source->ask_anew();
    finish(std::move(got));
  }
  void on_cleared(count_result&& got) {
    shared_->forget_all();
    finish(std::move(got));
  }

  const std::string_view* owner_;  // valid until the call below returns, as except_ is
  std::string_view except_;
};

class near_figures final : public store_operation<near_figures, stats_result, near_ref> {
 public:
  near_figures(near_ref state, near_cache_stats now, completion<stats_result> done)
      : store_operation(std::move(state), done), now_(std::move(now)) {}
  void start() { shared_->below->stats(then<stats_result, &near_figures::on_stats>()); }

 private:
  void on_stats(stats_result&& got) {
    got.near = std::move(now_);
    finish(std::move(got));
  }
  near_cache_stats now_;
};

}  // namespace

class near_read final : public store_operation<near_read, get_result, near_ref> {
 public:
  near_read(near_ref state, std::string_view key, completion<get_result> done)
      : store_operation(std::move(state), done), key_(key), since_(shared_->loop.now()) {
    ticket_ = shared_->begin(key_, near_state::kind::read);
  }
  void start() {
    if (ticket_.mine != 0) shared_->under_way.find(key_)->second.reading = this;
    shared_->below->get(key_, then<get_result, &near_read::on_get>());
  }
  // Its answer is as good as that of a read which begins now would be allowed to be.
  [[nodiscard]] bool serves(steady_ms now) const noexcept {
    return ticket_.epoch == shared_->table.epoch() && now - since_ < shared_->max_stale;
  }
  void join(completion<get_result> other) { others_.push_back(other); }

 private:
  void on_get(get_result&& got) {
    near_state& s = *shared_;
    if (s.end(key_, ticket_, near_state::kind::read).keeps && got.status != get_status::unknown) {
      const bool found = got.status == get_status::found;
      const steady_ms until = found ? no_deadline : s.loop.now() + std::min(s.max_stale, longest_absence);
      (void)s.table.keep(key_, stored_value(got.value), found, until);
    }
    // Any of them may let go of the store, or close it.
    const auto others = std::move(others_);
    for (const auto& other : others) other(get_result(got));
    finish(std::move(got));
  }

  const std::string key_;
  const steady_ms since_;
  near_state::ticket ticket_;
  std::vector<completion<get_result>> others_;
};

result<void> check_near_cache(const near_cache_options& options) {
  constexpr std::size_t largest = std::size_t{1} << 40;
  if (options.size < near_cache_options::least_size || options.size > largest) {
    return {errc::invalid_option, "near-cache: its size must be a whole number of bytes, from 65536 to 1 TiB"};
  }
  if (options.max_stale < 50 || options.max_stale > 60'000) {
    return {errc::invalid_option,
            "near-cache: how old an answer may be (max_stale, maxStale) must be from 50 to 60000 whole milliseconds"};
  }
  return {};
}

result<near_cache_options> read_near_cache(double size, std::optional<double> max_stale) {
  // Out of range is told below; what can't be turned into an integer is 0 there.
  const auto whole = [](double given) {
    return given >= 0 && given <= 1e15 && std::floor(given) == given ? static_cast<std::int64_t>(given) : 0;
  };
  near_cache_options out;
  out.size = static_cast<std::size_t>(whole(size));
  if (max_stale) out.max_stale = whole(*max_stale);
  if (auto fits = check_near_cache(out); !fits) return fits.error();
  return out;
}

near_state::near_state(std::shared_ptr<store> behind, std::shared_ptr<change_source> from,
                       const near_cache_options& options, const driver& turned, const clock& wall)
    : below(std::move(behind)),
      source(std::move(from)),
      loop(turned),
      time(wall),
      max_stale(options.max_stale),
      table(options.size) {
  source->tell(*this);
}

void near_state::on_changed(std::string_view key) noexcept {
  ++counts.invalidations;
  if (near_entry* const known = table.find(key); known != nullptr && known->echoes != 0) {
    --known->echoes;
    ++counts.echoes;
  } else if (known != nullptr) {
    drop(key);
  }
  const auto at = under_way.find(key);
  if (at == under_way.end()) return;
  pending& of = at->second;
  // A put may have its own echo before its answer. Whatever else is under way is in doubt.
  if (!of.echoes || ++of.heard > of.owed + 1) of.holder = 0;
}

void near_state::on_gap() noexcept { forget_all(); }

void near_state::forget_all() noexcept {
  ++counts.epoch_bumps;
  table.new_epoch();
}

near_state::ticket near_state::begin(std::string_view key, kind what) {
  const bool write = what != kind::read;
  auto at = under_way.find(key);
  if (at == under_way.end()) at = under_way.try_emplace(std::string(key)).first;
  pending& of = at->second;
  ++of.operations;
  // A read beside a write may say what was there before it. It makes the write no more doubtful than it is.
  if (!write && of.writes != 0) return {0, table.epoch(), era};
  of.reading = nullptr;
  // Two writes at once may take effect in either order.
  of.holder = of.writes == 0 && source->listens() ? ++last_ : 0;
  of.writes += write ? 1 : 0;
  of.echoes = what == kind::put && of.holder != 0 && source->tells_own_changes();
  of.heard = of.owed = 0;
  if (of.echoes) {
    if (const near_entry* const known = table.find(key); known != nullptr) of.owed = known->echoes;
  }
  return {of.holder, table.epoch(), era};
}

near_state::outcome near_state::end(std::string_view key, const ticket& with, kind what) {
  const bool write = what != kind::read;
  const auto at = under_way.find(key);
  pending& of = at->second;
  const bool holds = with.mine != 0 && of.holder == with.mine;
  outcome out;
  out.heard = of.heard;
  if (holds && of.echoes) {
    out.to_come = of.owed + 1 - of.heard;
    counts.echoes += of.heard;
  }
  if (holds || write) {
    of.echoes = false;
    of.holder = 0;
    of.reading = nullptr;
  }
  of.writes -= write ? 1 : 0;
  // Only what was written here is in doubt when sessions were removed unnamed meanwhile.
  const bool named = what != kind::put || with.era == era || !source->tells_own_changes();
  out.keeps = holds && named && with.epoch == table.epoch() && !closed;
  if (--of.operations == 0) under_way.erase(at);
  return out;
}

near_cache::near_cache(std::shared_ptr<store> below, std::shared_ptr<change_source> from,
                       const near_cache_options& options, const driver& loop, const clock& time)
    : forwarding_store(std::move(below)),
      state_(std::make_shared<near_state>(forwarding_store::below(), std::move(from), options, loop, time)) {}

near_cache::~near_cache() {
  state_->closed = true;
  state_->source->close();
}

store_capabilities near_cache::capabilities() const noexcept {
  auto can = below()->capabilities();
  can.needs_loop = true;
  return can;
}

// True: it was, and `this` may be gone.
bool near_cache::answer_from_here(std::string_view key, completion<get_result> done) {
  near_state& s = *state_;
  near_entry* const known = s.table.find(key);
  if (known == nullptr) return false;
  const steady_ms now = s.loop.now();
  if (!s.leased(now)) {
    ++s.counts.lease_refusals;
    return false;
  }
  // Of one whose time has come here another process may have moved the deadline: the store knows.
  // Nor is what was written here trusted for long.
  if (known->until <= now || (known->found && known->value.expires_at <= s.time.now()) ||
      (known->era != 0 && known->era != s.era)) {
    s.drop(key);
    return false;
  }
  ++s.counts.hits;
  known->asked = true;
  get_result out;
  out.status = known->found ? get_status::found : get_status::absent;
  if (known->found) out.value = known->value;
  done(std::move(out));
  return true;
}

void near_cache::get(std::string_view key, completion<get_result> done) {
  near_state& s = *state_;
  s.source->keep_up();
  if (answer_from_here(key, done)) return;
  if (!valid_key(key) || s.closed) return s.below->get(key, done);
  if (const auto at = s.under_way.find(key); at != s.under_way.end()) {
    const auto& of = at->second;
    const steady_ms now = s.loop.now();
    if (of.reading != nullptr && of.holder != 0 && of.reading->serves(now) && s.leased(now)) {
      ++s.counts.joined;
      return of.reading->join(done);
    }
  }
  ++s.counts.misses;
  run_operation<near_read>(state_, key, done);
}

void near_cache::put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
                     std::string_view owner, completion<put_result> done) {
  state_->source->keep_up();
  if (!valid_key(key)) return below()->put(key, bytes, expires_at, expect, owner, done);
  run_operation<near_put>(state_, key, bytes, expires_at, expect, owner, done);
}

void near_cache::touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) {
  state_->source->keep_up();
  if (!valid_key(key)) return below()->touch(key, expires_at, done);
  run_operation<near_touch>(state_, key, expires_at, done);
}

void near_cache::remove(std::string_view key, completion<remove_result> done) {
  state_->source->keep_up();
  if (!valid_key(key)) return below()->remove(key, done);
  run_operation<near_remove>(state_, key, done);
}

void near_cache::remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) {
  state_->source->keep_up();
  run_operation<near_sweep>(state_, &owner, except, done);
}

void near_cache::clear(completion<count_result> done) {
  state_->source->keep_up();
  run_operation<near_sweep>(state_, nullptr, std::string_view(), done);
}

near_cache_stats near_cache::figures() const {
  near_cache_stats out = state_->counts;
  out.evictions = state_->table.evictions();
  out.entries = state_->table.entries();
  out.bytes = state_->table.bytes();
  out.max_bytes = state_->table.max_bytes();
  out.trouble = state_->source->trouble();
  return out;
}

void near_cache::stats(completion<stats_result> done) { run_operation<near_figures>(state_, figures(), done); }

void near_cache::close() {
  const near_ref held = state_;
  held->closed = true;
  held->source->close();
  held->table.clear();
  held->below->close();
}

}  // namespace coatcheck
