// What happens when an operation ends: an answer, and the function that takes it.
#pragma once

#include <string_view>

#include "coatcheck/error.hpp"

#include "net/in_place_handler.hpp"
#include "net/machine.hpp"
#include "net/redis/reply.hpp"

namespace coatcheck::net {

class link;

// Either the server's reply, or why there is none. The views are valid during the handler's call only.
struct answer {
  const reply* value = nullptr;  // null: no usable reply, and `code` and `why` say what happened
  errc code = errc::store_unavailable;
  std::string_view why;           // for a message: holds nothing that the server or the caller sent
  std::string_view refused_word;  // of an error reply its code word ("NOSCRIPT"), else empty
  link* from = nullptr;           // the one that a server answered on, for distrust(); null: none did

  [[nodiscard]] static answer none(const failure& given) noexcept {
    return {nullptr, given.code, given.why, {}, nullptr};
  }
  [[nodiscard]] explicit operator bool() const noexcept { return value != nullptr; }
};

using reply_handler = in_place_handler<answer, 56>;

}  // namespace coatcheck::net
