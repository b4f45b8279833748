// What one version made of a sequence: for each element of the base whether it stayed, was removed or changed, and
// what was put between. Two such edits of one base can be laid over each other element by element.
//
// Alignment: what both have in common at the ends, then a shortest edit (Myers 1986) up to a bounded distance, beyond
// it the values that occur once on each side (patience), beyond those whole stretches. O(n log n) with the bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "session/value_table.hpp"

namespace coatcheck::session {

struct sequence_edit {
  struct range {
    std::uint32_t first = 0;  // in the edited sequence
    std::uint32_t count = 0;
    friend bool operator==(const range&, const range&) = default;
  };
  std::vector<value_id> element;  // for each of the base: what it is now; no_value: removed
  std::vector<range> inserted;    // before each of the base, and at its end: one more than elements
};

// `steps` is what is left of the work a merge may do on shortest edits, and is lowered by what was done.
[[nodiscard]] sequence_edit edit_of(std::span<const value_id> base, std::span<const value_id> now, std::size_t& steps);

}  // namespace coatcheck::session
