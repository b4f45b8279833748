// What happens when an operation ends: an answer, and the function that takes it.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <string_view>
#include <type_traits>

#include "coatcheck/error.hpp"

#include "net/redis/reply.hpp"

namespace coatcheck::net {

// Either the server's reply, or why there is none. The views are valid during the handler's call only.
struct answer {
  const reply* value = nullptr;  // null: no usable reply, and `code` and `why` say what happened
  errc code = errc::store_unavailable;
  std::string_view why;           // for a message: holds nothing that the server or the caller sent
  std::string_view refused_word;  // of an error reply its code word ("NOSCRIPT"), else empty
  // Of an error reply the encoded command, where the connection keeps them: to be sent elsewhere (MOVED, ASK).
  std::string_view command{};

  [[nodiscard]] static answer failure(errc code, std::string_view why) noexcept { return {nullptr, code, why, {}, {}}; }
  [[nodiscard]] explicit operator bool() const noexcept { return value != nullptr; }
};

// A callable of up to 56 trivially copyable bytes, kept in place: an operation in flight allocates nothing.
// Called at most once; an empty one is an operation that nobody waits for any more.
class reply_handler {
 public:
  static constexpr std::size_t capacity = 56;

  reply_handler() = default;
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, reply_handler> && std::is_invocable_v<F&, const answer&>)
      reply_handler(F callable)
  noexcept  // implicit, as std::function's is
      : call_([](void* self, const answer& a) { (*std::launder(static_cast<F*>(self)))(a); }) {
    static_assert(std::is_trivially_copyable_v<F> && sizeof(F) <= capacity && alignof(F) <= alignof(void*));
    ::new (static_cast<void*>(storage_)) F(callable);
  }

  [[nodiscard]] explicit operator bool() const noexcept { return call_ != nullptr; }
  void operator()(const answer& a) { call_(storage_, a); }

 private:
  void (*call_)(void*, const answer&) = nullptr;
  alignas(void*) std::byte storage_[capacity]{};
};

}  // namespace coatcheck::net
