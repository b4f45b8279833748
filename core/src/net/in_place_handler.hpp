// A callable that is called at most once, of up to `Capacity` trivially copyable bytes, kept in place: an operation in
// flight allocates nothing. An empty one is an operation that nobody waits for any more.
//
// Thread safety: plain values.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>

namespace coatcheck::net {

template <class Argument, std::size_t Capacity>
class in_place_handler {
 public:
  static constexpr std::size_t capacity = Capacity;

  in_place_handler() = default;
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, in_place_handler> && std::is_invocable_v<F&, const Argument&>)
      in_place_handler(F callable)
  noexcept  // implicit, as std::function's is
      : call_([](void* self, const Argument& a) { (*std::launder(static_cast<F*>(self)))(a); }) {
    static_assert(std::is_trivially_copyable_v<F> && sizeof(F) <= capacity && alignof(F) <= alignof(void*));
    ::new (static_cast<void*>(storage_)) F(callable);
  }

  [[nodiscard]] explicit operator bool() const noexcept { return call_ != nullptr; }
  void operator()(const Argument& a) { call_(storage_, a); }

 private:
  void (*call_)(void*, const Argument&) = nullptr;
  alignas(void*) std::byte storage_[Capacity]{};
};

}  // namespace coatcheck::net
