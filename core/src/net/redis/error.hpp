// What an error reply means, by its code word. The rest of its text may quote the command, and so session data: of it
// only the name of a command is looked at, where it is one of those that are known here.
#pragma once

#include <string_view>

namespace coatcheck::net {

struct redis_refusal {
  std::string_view word;     // "READONLY"; empty when the reply has no word of the usual form
  std::string_view message;  // a whole sentence, for the error's message
};

// `text` is that of an error reply, without the `-`.
[[nodiscard]] redis_refusal classify_redis_error(std::string_view text) noexcept;

}  // namespace coatcheck::net
