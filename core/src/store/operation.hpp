// Work that takes several store calls, as one object: each step starts a call and goes on in its completion, which may
// run inside the call or later. The object owns itself until it is finished; its memory is that of the last of its kind
// (kept_block.hpp).
//
// `Shared` is a shared_ptr to what all operations of one owner have in common.
#pragma once

#include <memory>
#include <utility>

#include "coatcheck/kept_block.hpp"
#include "coatcheck/store.hpp"

namespace coatcheck {

// Whether something is stored that can't be read, as opposed to a store that gave no answer: asking again won't help.
[[nodiscard]] inline bool is_unreadable(const error& why) noexcept {
  return why.code == errc::record_damaged || why.code == errc::record_mismatch;
}

template <class Operation, class Result, class Shared>
class store_operation : public kept_block<Operation> {
 public:
  store_operation(Shared shared, completion<Result> done) noexcept : shared_(std::move(shared)), done_(done) {}
  store_operation(const store_operation&) = delete;
  store_operation& operator=(const store_operation&) = delete;
  std::unique_ptr<Operation> self;  // it owns itself until finish()

 protected:
  // The last thing an operation does: `this` may be gone when it returns.
  void finish(Result&& out) {
    const auto keep = std::move(self);
    done_(std::move(out));
  }
  // A completion that calls `(this->*Member)(result)`.
  template <class R, void (Operation::*Member)(R&&)>
  completion<R> then() noexcept {
    return completion<R>(
        [](void* context, R&& value) { (static_cast<Operation*>(context)->*Member)(std::move(value)); },
        static_cast<Operation*>(this));
  }

  Shared shared_;

 private:
  completion<Result> done_;
};

// Runs `Operation(shared, arguments…)` whose start() ends, now or later, in finish().
template <class Operation, class Shared, class... Arguments>
void run_operation(const Shared& shared, Arguments&&... arguments) {
  auto operation = std::make_unique<Operation>(shared, std::forward<Arguments>(arguments)...);
  Operation& started = *operation;
  started.self = std::move(operation);
  started.start();
}

}  // namespace coatcheck
