// Memory for objects of which a thread has one at a time, nearly always: an operation under way. The last block that
// was given back is kept, so that the next one costs no call of the allocator.
//
// Thread safety: any thread; a block may be given back on another thread than it was taken on.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace coatcheck {

// To be inherited by `T`, publicly: its `new` and `delete`.
template <class T>
class kept_block {
 public:
  static void* operator new(std::size_t size) {
    if (void* const kept = std::exchange(kept_memory(), nullptr)) return kept;
    return ::operator new(size);
  }
  static void operator delete(void* memory) noexcept {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
#if !defined(__SANITIZE_ADDRESS__)  // which is to see whoever uses what is gone
    if (keeps() && kept_memory() == nullptr) {
      kept_memory() = memory;
      return;
    }
#endif
    ::operator delete(memory);
  }

 protected:
  kept_block() = default;
  ~kept_block() = default;

 private:
  static void*& kept_memory() noexcept {
    static thread_local constinit void* memory = nullptr;
    return memory;
  }
  // False once the thread is about to end: nobody would give the block back.
  static bool keeps() noexcept {
    static thread_local constinit bool over = false;
    struct end_of_thread {
      ~end_of_thread() {
        ::operator delete(std::exchange(kept_memory(), nullptr));
        over = true;
      }
    };
    if (over) return false;
    static thread_local const end_of_thread at_end;
    (void)at_end;
    return true;
  }
};

}  // namespace coatcheck
