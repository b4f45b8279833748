// Halves of surrogate pairs in JSON text: what is left of a character when a string of UTF-16 units was cut inside it
// ('123456789😀'.slice(0, 10)). JSON printers write such a half as an escape, and nobody can read it as Unicode.
//
// Thread safety: free functions on values.
#pragma once

#include <string>
#include <string_view>

namespace coatcheck::text {

// Where the first escape of a half without its other half begins; npos: there is none.
[[nodiscard]] std::size_t find_lone_surrogate(std::string_view json) noexcept;

// Writes \ufffd in the place of each, as JavaScript's String.prototype.toWellFormed and the Encoding Standard do. The
// length stays. Whether there was one.
bool replace_lone_surrogates(std::string& json) noexcept;

}  // namespace coatcheck::text
