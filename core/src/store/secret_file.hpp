// A password that lives in a file, where whoever rotates it puts the next one (a mounted secret).
//
// Thread safety: plain function.
#pragma once

#include <string>
#include <string_view>

#include "coatcheck/error.hpp"

namespace coatcheck {

// What stands in the file, without the line end behind it: 1 byte to 4 KiB, no NUL. Only a regular file (or a link to
// one) is read: others could make the caller wait. Error: invalid_option; the message names neither path nor content.
[[nodiscard]] result<std::string> read_secret_file(std::string_view path);

}  // namespace coatcheck
