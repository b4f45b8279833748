// Where a near-cache hears of changes: one for each kind of store whose server tells of them (Redis: CLIENT TRACKING,
// store/redis/changes.hpp).
//
// What it must keep: a change that the server made at a time t has been told, by on_changed or on_gap, before
// told_until() passes t. That is all a cache needs for a bound on how old its answers are; that messages come soon
// makes them fresh.
//
// Thread safety: the thread of the driver.
#pragma once

#include <limits>
#include <string>
#include <string_view>

#include "coatcheck/driver.hpp"

namespace coatcheck {

// Neither call completes operations or calls the source.
class change_listener {
 public:
  // The entry under this key was written, touched, removed, or has expired.
  virtual void on_changed(std::string_view key) noexcept = 0;
  // Nothing that was read before stands any more: messages may have been lost, or everything was removed.
  virtual void on_gap() noexcept = 0;

 protected:
  ~change_listener() = default;
};

class change_source {
 public:
  static constexpr steady_ms never = std::numeric_limits<steady_ms>::min();

  change_source() = default;
  change_source(const change_source&) = delete;
  change_source& operator=(const change_source&) = delete;
  virtual ~change_source() = default;

  // Called once, before anything else; the listener stays until close().
  virtual void tell(change_listener& to) = 0;
  // Called before each operation: the first one begins to listen, and so does the first one in a forked child.
  virtual void keep_up() = 0;
  // By the driver's clock. `never`: it does not listen, so that nothing which is read now may be kept. It falls back to
  // `never` only together with on_gap, or by ask_anew().
  [[nodiscard]] virtual steady_ms told_until() const noexcept = 0;
  // Whether it listens: every change from now on will be told, if late.
  [[nodiscard]] virtual bool listens() const noexcept = 0;
  // told_until() is `never` until the server has answered something that is asked after this call.
  virtual void ask_anew() = 0;
  // Whether writes of the store behind the cache are told as well: then what was written is not worth keeping.
  [[nodiscard]] virtual bool tells_own_changes() const noexcept = 0;
  // Why it does not listen, for messages; empty: it does, or was not asked to.
  [[nodiscard]] virtual std::string trouble() const = 0;
  // Tells nothing any more. Idempotent.
  virtual void close() = 0;
};

}  // namespace coatcheck
