// Which process this is, without a system call: a number that grows by one in every child of a fork.
// What a parent opened (connections, event loops) is not to be used by its children; whoever keeps such a
// thing remembers the number it was made under and compares.
//
// Thread safety: any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <pthread.h>

namespace coatcheck::python {

inline std::atomic<std::uint32_t>& fork_counter() noexcept {
  static std::atomic<std::uint32_t> count{0};
  return count;
}

// Called once, when the module is loaded.
inline void count_forks() noexcept {
  static const int registered = pthread_atfork(nullptr, nullptr, [] { fork_counter().fetch_add(1); });
  static_cast<void>(registered);
}

[[nodiscard]] inline std::uint32_t fork_generation() noexcept { return fork_counter().load(std::memory_order_relaxed); }

}  // namespace coatcheck::python
