// Random bytes from the operating system, buffered per thread; a buffer is never used on both sides of a fork.
//
// Thread safety: any thread. No byte is handed out twice, and none stays in the buffer once it was handed out.
#pragma once

#include <cstddef>

namespace coatcheck::crypto {

// Fills `out`, or returns false (and leaves nothing usable) when the system gives no randomness.
[[nodiscard]] bool random_bytes(void* out, std::size_t size) noexcept;

// A number that changes in a child after fork: for state that must not cross it.
[[nodiscard]] unsigned fork_generation() noexcept;

// Where the bytes come from; for tests of a system that gives none. Returns the source before; nullptr puts the
// system's back. Bytes that a thread has buffered already are dropped.
using random_source = bool (*)(void* out, std::size_t size) noexcept;
random_source replace_random_source(random_source source) noexcept;

}  // namespace coatcheck::crypto
