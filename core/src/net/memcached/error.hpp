// What an error line of Memcached means. The rest of its text may quote the command: it is never shown.
#pragma once

#include <string_view>

#include "net/machine.hpp"

namespace coatcheck::net {

// `line`: ERROR, CLIENT_ERROR … or SERVER_ERROR …
[[nodiscard]] failure classify_memcached_error(std::string_view line) noexcept;

}  // namespace coatcheck::net
