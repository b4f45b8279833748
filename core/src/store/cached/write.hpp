// Writes of a cache-aside store: the origin decides, then the cache is told, then the write is acknowledged.
//
// Thread safety: that of the tier.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/cached/tell.hpp"
#include "store/cached/tier.hpp"
#include "store/operation.hpp"

namespace coatcheck {

// What all of them do: the cache is told at the end, and reads that began before are worth nothing.
template <class Operation, class Result>
class cached_write : public store_operation<Operation, Result, std::shared_ptr<tier>> {
 public:
  cached_write(std::shared_ptr<tier> in, std::string_view key, completion<Result> done)
      : store_operation<Operation, Result, std::shared_ptr<tier>>(std::move(in), done), slot_(key) {}

 protected:
  // Nothing happened: it was refused, or everything is closed.
  [[nodiscard]] bool nothing_happened(const error& why) const noexcept {
    return why.code == errc::invalid_option || why.code == errc::store_closed || why.code == errc::store_unsupported;
  }
  void refuse(error&& why) {
    Result out;
    out.why = std::move(why);
    this->finish(std::move(out));
  }
  // False when the operation ended here.
  bool begin() {
    if (this->shared_->closed()) return refuse(closed_error()), false;
    if (!valid_key(slot_.key())) return refuse(bad_key_error()), false;
    this->shared_->invalidate(slot_.name());
    doubt_ = this->shared_->doubts.of(slot_.key());
    return true;
  }
  // Asks what the slot holds, if the cache may be asked at all, and goes on at `(this->*Seen)(get_result)`.
  template <void (Operation::*Seen)(get_result&&)>
  bool look() {
    if (!slot_.usable() || !this->shared_->has_cache()) return false;
    seen_.at = this->shared_->time.now();
    this->shared_->ask_cache([this](auto then) { this->shared_->cache->get(slot_.name(), then); },
                             this->template then<get_result, Seen>());
    return true;
  }
  void remember(const get_result& got) {
    if (this->shared_->heard(got) != cache_answer::given) return;
    seen_.what = got.status == get_status::absent ? slot_state::kind::empty : slot_state::kind::entry;
    seen_.tag = got.value.tag;
  }
  // The last thing before finish(). What the cache was told ends the doubt that there was, not one that came meanwhile.
  void heard_of(bool cache_knows) {
    this->shared_->invalidate(slot_.name());
    if (!slot_.usable()) return;
    if (cache_knows) {
      if (doubt_ != 0) this->shared_->doubts.clear(slot_.key(), doubt_);
    } else {
      this->shared_->doubts.add(slot_.key(), this->shared_->time.now());
    }
  }

  const cache_slot slot_;
  slot_state seen_;
  std::uint64_t doubt_ = 0;
};

class cached_put final : public cached_write<cached_put, put_result> {
 public:
  cached_put(std::shared_ptr<tier> in, std::string_view key, std::string_view bytes, epoch_ms expires_at,
             const expectation& expect, std::string_view owner, completion<put_result> done)
      : cached_write(std::move(in), key, done),
        expires_at_(expires_at),
        expect_(expect),
        bytes_(bytes),
        owner_(owner) {}
  void start();

 private:
  void on_seen(get_result&& got);
  void write();
  void on_origin(put_result&& got);
  void on_told(cache_told&& got);

  const epoch_ms expires_at_;
  const expectation expect_;
  std::string_view bytes_;  // the caller's, while this is in its call
  std::string_view owner_;
  std::string kept_bytes_;  // else
  std::string kept_owner_;
  new_copy copy_;
  put_result out_;
};

class cached_touch final : public cached_write<cached_touch, touch_result> {
 public:
  cached_touch(std::shared_ptr<tier> in, std::string_view key, epoch_ms expires_at, completion<touch_result> done)
      : cached_write(std::move(in), key, done), expires_at_(std::max<epoch_ms>(expires_at, 0)) {}
  void start();

 private:
  void on_seen(get_result&& got);
  void write();
  void on_origin(touch_result&& got);
  void on_told(cache_told&& got);

  const epoch_ms expires_at_;
  std::string there_;  // in the slot
  touch_result out_;
};

class cached_remove final : public cached_write<cached_remove, remove_result> {
 public:
  using cached_write::cached_write;
  void start();

 private:
  void on_origin(remove_result&& got);
  void on_told(cache_told&& got);

  remove_result out_;
};

// Removes what an owner has; the keys are listed first, for the cache must be told of each.
class cached_remove_owner final : public store_operation<cached_remove_owner, count_result, std::shared_ptr<tier>> {
 public:
  cached_remove_owner(std::shared_ptr<tier> in, std::string_view owner, std::string_view except,
                      completion<count_result> done)
      : store_operation(std::move(in), done), owner_(owner), except_(except) {}
  void start();

 private:
  static constexpr std::size_t at_a_time = 32;  // what a remote store's queue always has room for
  struct marking {
    cached_remove_owner* of;
    std::size_t index;
  };
  void on_keys(keys_result&& got);
  void on_removed(count_result&& got);
  void tell();
  static void on_told(void* context, cache_told&& got);

  const std::string owner_;
  const std::string except_;
  std::vector<std::string> keys_;
  std::vector<marking> marks_;
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
  bool inside_ = false;
  count_result out_;
};

class cached_prune final : public store_operation<cached_prune, count_result, std::shared_ptr<tier>> {
 public:
  cached_prune(std::shared_ptr<tier> in, std::size_t limit, completion<count_result> done)
      : store_operation(std::move(in), done), limit_(limit) {}
  void start() { shared_->origin->prune(limit_, then<count_result, &cached_prune::on_origin>()); }

 private:
  void on_origin(count_result&& got);
  void on_cache(count_result&&) { finish(std::move(out_)); }

  const std::size_t limit_;
  count_result out_;
};

// What a remove is answered when the cache was not told of it.
[[nodiscard]] error copy_may_be_left(const tier& in, error&& why);

}  // namespace coatcheck
