// A near-cache: records of a remote store, kept in the process and answered inside the call, in step with the server by
// its own messages (change_source). docs/decisions/0078.
//
// What it promises: a read is answered with what the store held at some time in the last `max_stale` milliseconds, by
// the driver's clock; in step with the server's messages usually within one trip from the server. What this store wrote
// itself is seen at once. A compare-and-set is decided by the store below: a stale read costs a conflict, never an
// update.
//
// How, for each key: the last operation under way that may fill the cache has a token of its own; whatever makes its
// answer doubtful (a change that the server told of, another operation) takes the token away. An answer whose token is
// not the key's any more is given to its caller and not kept. Nor is one that was asked for in another epoch: an epoch
// ends where messages may have been lost. And nothing is answered from here unless the server was heard recently enough
// (the lease): silence is not taken for "nothing has changed".
//
// What was written here is kept with its new etag. A server that tells of all changes tells of this one, too, and its
// message (the echo) can't be told from one of another's write of the same moment. So such an entry is never trusted
// for longer than max_stale after the write was sent: until then it is what the store held in that time, whatever the
// server says. As many messages as own writes are owed are taken for their echoes; one more drops it.
// docs/decisions/0086.
//
// Reads of one key that are under way at once are one read of the store below.
//
// Thread safety: the thread of the driver, also before a store that could be used from any.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "coatcheck/driver.hpp"
#include "coatcheck/store.hpp"

#include "store/layers/change_source.hpp"
#include "store/layers/forwarding.hpp"
#include "store/layers/near_table.hpp"

namespace coatcheck {

// Refuses what is out of range (invalid_option). For whoever takes them from a user.
[[nodiscard]] result<void> check_near_cache(const near_cache_options& options);

class near_read;  // near_cache.cc

// What operations and the cache have in common; it outlives the cache while some are under way.
class near_state final : public change_listener {
 public:
  near_state(std::shared_ptr<store> behind, std::shared_ptr<change_source> from, const near_cache_options& options,
             const driver& turned, const clock& wall);
  near_state(const near_state&) = delete;
  near_state& operator=(const near_state&) = delete;
  ~near_state() { source->close(); }

  void on_changed(std::string_view key) noexcept override;
  void on_gap() noexcept override;

  // The right to fill the cache with an answer; 0: there is none.
  using token = std::uint64_t;
  // What is under way for one key, counted; the key's part of the bookkeeping goes with the last of it.
  struct pending {
    token holder = 0;
    near_read* reading = nullptr;  // others may wait for its answer while it holds the token
    std::uint32_t operations = 0;
    std::uint32_t writes = 0;
    // While a put is the only write under way and the server tells of it:
    bool echoes = false;
    std::uint32_t owed = 0;   // messages that earlier own writes had to come when it began
    std::uint32_t heard = 0;  // messages since it began
  };
  enum class kind : std::uint8_t { read, put, other };
  // Of one operation, from its start to its end.
  struct ticket {
    token mine = 0;
    std::uint64_t epoch = 0;
    std::uint64_t era = 0;
  };
  // How it ended: whether the answer may be kept, and for a put, what was heard meanwhile.
  struct outcome {
    bool keeps = false;
    std::uint32_t heard = 0;
    std::uint32_t to_come = 0;  // messages that tell of own writes, this one's included
  };
  [[nodiscard]] ticket begin(std::string_view key, kind what);
  [[nodiscard]] outcome end(std::string_view key, const ticket& with, kind what);

  [[nodiscard]] bool leased(steady_ms now) const noexcept {
    const steady_ms told = source->told_until();
    return told != change_source::never && now - told < max_stale;
  }
  void drop(std::string_view key) { (void)table.drop(key); }
  void forget_all() noexcept;
  // What was written here is not answered from here any more: its key may be among those that are removed unnamed.
  void distrust_own() noexcept { ++era; }

  const std::shared_ptr<store> below;
  const std::shared_ptr<change_source> source;
  const driver& loop;
  const clock& time;
  const duration_ms max_stale;
  near_table table;
  near_map<pending> under_way;
  near_cache_stats counts;
  std::uint64_t era = 1;
  bool closed = false;

 private:
  token last_ = 0;
};

class near_cache final : public forwarding_store {
 public:
  // `from`: tells of every change below. REQUIRES: options that check_near_cache takes; the driver outlives it.
  near_cache(std::shared_ptr<store> below, std::shared_ptr<change_source> from, const near_cache_options& options,
             const driver& loop, const clock& time);
  ~near_cache() override;

  [[nodiscard]] store_capabilities capabilities() const noexcept override;
  void get(std::string_view key, completion<get_result> done) override;
  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override;
  void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) override;
  void remove(std::string_view key, completion<remove_result> done) override;
  void remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) override;
  void clear(completion<count_result> done) override;
  void stats(completion<stats_result> done) override;
  void close() override;

  [[nodiscard]] near_cache_stats figures() const;
  // For whoever knows that all messages have come: what was written here is asked for again, as another's change of the
  // same moment may have been in its echo.
  void distrust_own() noexcept { state_->distrust_own(); }

 private:
  [[nodiscard]] bool answer_from_here(std::string_view key, completion<get_result> done);

  const std::shared_ptr<near_state> state_;
};

}  // namespace coatcheck
