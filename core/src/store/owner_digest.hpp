// An owner as a server sees it: it may be a name or an address, and those are nobody's business there.
//
// Thread safety: pure.
#pragma once

#include <string>
#include <string_view>

namespace coatcheck {

// 32 lower-case hex digits: the first 128 bits of the SHA-256, so that nobody finds a second owner with the same ones.
[[nodiscard]] std::string owner_digest(std::string_view owner);

}  // namespace coatcheck
