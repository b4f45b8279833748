// What the addon keeps per napi_env: the JavaScript function that receives asynchronous results, the loop's
// driver for remote stores, and the list of stores to close when the environment ends. A process with worker
// threads or several contexts has several; they share nothing but what the core itself shares (`memory:`).
//
// Asynchronous results: JavaScript gives every operation a small number, its slot; the result comes back as
// one call dispatch(slot, value). All results of one turn of the loop are handed over inside one callback
// scope, so that microtasks run once for all of them.
//
// Thread safety: belongs to the thread of its napi_env.
#pragma once

#include <cstdint>
#include <memory>
#include <node_api.h>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/store.hpp"

#include "uv_driver.hpp"
#include "values.hpp"

namespace coatcheck::node {

class callback_frame;

class environment final : public std::enable_shared_from_this<environment> {
 public:
  // Makes the environment's state and hangs it on the napi_env, which owns it.
  [[nodiscard]] static bool attach(napi_env env);
  [[nodiscard]] static std::shared_ptr<environment> of(napi_env env);
  explicit environment(napi_env env) noexcept : env_(env) {}
  ~environment();

  [[nodiscard]] napi_env env() const noexcept { return env_; }
  void set_dispatcher(napi_value function);
  // What stores, engines and keys of this environment go by: JavaScript's Date.now (node/lib/clock.js).
  [[nodiscard]] host_clock& clock() noexcept { return clock_; }
  [[nodiscard]] static epoch_ms now(napi_env env) noexcept;

  // The driver on this environment's loop, made when the first remote store is opened. Null: no loop.
  [[nodiscard]] uv_driver* driver();
  // An asynchronous store must be closed before the loop ends.
  void close_at_end(const std::shared_ptr<store>& what);

  // In place of a slot: the value is a sentence for the application's log (driver::on_warning).
  static constexpr std::uint32_t warning_slot = 0xffff'ffff;
  // To hand over a result: false when JavaScript can't run any more; otherwise make the value, then deliver it.
  [[nodiscard]] bool begin_delivery();
  void deliver(std::uint32_t slot, napi_value value);

 private:
  friend class callback_frame;
  static void on_cleanup(napi_async_cleanup_hook_handle handle, void* self);

  napi_env env_;
  host_clock clock_;
  napi_ref dispatcher_ = nullptr;
  napi_async_context async_context_ = nullptr;
  std::shared_ptr<uv_driver> driver_;
  std::vector<std::weak_ptr<store>> remote_;
  callback_frame* frame_ = nullptr;
  bool closing_ = false;
};

// Stands around every callback of the loop. Opens the scopes when the first result is delivered, and closes
// them, which runs microtasks, when it ends.
class callback_frame {
 public:
  explicit callback_frame(environment& where) noexcept : where_(where) { where_.frame_ = this; }
  callback_frame(const callback_frame&) = delete;
  callback_frame& operator=(const callback_frame&) = delete;
  ~callback_frame();

 private:
  friend class environment;
  void open();

  environment& where_;
  bool opened_ = false;
  napi_handle_scope handles_ = nullptr;
  napi_callback_scope callbacks_ = nullptr;
};

// One operation. `to_js` makes the value that JavaScript gets: returned where the operation completes inside the call,
// else delivered to `slot` later, and what is returned is null.
template <class R>
struct pending_operation {
  std::shared_ptr<environment> where;
  std::shared_ptr<const void> keep;  // the engine or store that works on it
  std::uint32_t slot;
  std::uint32_t flags;
  napi_value (*to_js)(napi_env, R&&, std::uint32_t flags);

  void operator()(R&& value) const {
    if (!where->begin_delivery()) return;
    where->deliver(slot, to_js(where->env(), std::move(value), flags));
  }
};

template <class R, class Start>
napi_value run_in_slot(napi_env env, const std::shared_ptr<environment>& where, std::shared_ptr<const void> keep,
                       std::uint32_t slot, std::uint32_t flags, napi_value (*to_js)(napi_env, R&&, std::uint32_t),
                       Start&& start) {
  return complete_or_later<R>(
      std::forward<Start>(start), [&](R&& value) { return to_js(env, std::move(value), flags); }, make_null(env),
      [&] {
        return pending_operation<R>{where, std::move(keep), slot, flags, to_js};
      });
}

}  // namespace coatcheck::node
