// Three-way merge of sessions: what was read (base), what this request made of it (mine), what is stored by now
// (theirs). Values of JSON are merged at every depth.
//
// - What one side changed and the other left alone is taken.
// - Objects: member by member. Arrays: as sequences of values; what one side inserted, removed or changed where the
//   other left it alone is taken, and what both inserted at one place stays, theirs (the earlier commit) first.
//   Elements that both changed at one place are merged in turn.
// - What really collides (one scalar changed to two values; changed here, removed there) follows a rule for its path,
//   or the policy.
//
// Work is O(n log n) in the usual case and bounded always: past the bound an array is compared in coarser pieces, and
// a text made to defeat the comparison is decided by the policy as a whole.
//
// Thread safety: rules are immutable once made; the functions keep no state.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coatcheck/error.hpp"

namespace coatcheck {

enum class merge_policy : std::uint8_t { mine, theirs, reject };  // for a value that both sides changed

// What becomes of a value that both sides changed. In words: "sum", "max", "min", "union", "mine", "theirs", "reject".
enum class merge_rule : std::uint8_t {
  sum,     // numbers: both sides' additions to the base (absent: 0)
  max,     // numbers: the larger
  min,     // numbers: the smaller
  unite,   // "union", arrays: as sets; what a side added is there once, what a side removed is not
  mine,    // this request's value, whole
  theirs,  // the stored value, whole
  reject,  // session_conflict
};

// Rules by path. A path is names joined by dots (`cart.total`), `*` standing for any member or element
// (`cart.*.quantity`); one that starts with a slash is a JSON Pointer (RFC 6901), for names with dots in them. Where
// several match, the one with a name in the earliest place wins over `*`. A rule for numbers or arrays has no say
// where a value is something else.
class merge_rules {
 public:
  merge_rules() = default;
  // Pairs of path and word. Errors: invalid_option (an empty path or name, an unknown word, a path twice, over 64
  // names in a path, over 1,000 paths).
  [[nodiscard]] static result<merge_rules> create(const std::vector<std::pair<std::string, std::string>>& by_path);

  [[nodiscard]] bool empty() const noexcept { return steps_.size() <= 1; }

  // For the merge itself: the places that a path has led to, the root's first; names lead on.
  using places = std::vector<std::uint32_t>;
  [[nodiscard]] places root() const { return empty() ? places{} : places{0}; }
  [[nodiscard]] places member(const places& from, std::string_view name) const;
  [[nodiscard]] places element(const places& from) const;
  [[nodiscard]] std::optional<merge_rule> at(const places& here) const;

 private:
  struct step {
    std::map<std::string, std::uint32_t, std::less<>> names;
    std::uint32_t any = 0;  // where `*` leads; 0: nowhere
    std::optional<merge_rule> rule;
  };
  std::vector<step> steps_;
};

// The merged object's text. Order of members is that of `theirs`, then what is new in `mine`. Errors: session_conflict
// (a collision that the policy or a rule rejects), not_serialisable (a side is not a JSON object, is nested more than
// 64 deep, or has two members of one name).
[[nodiscard]] result<std::string> merge_payloads(std::string_view base, std::string_view mine, std::string_view theirs,
                                                 merge_policy policy, const merge_rules& rules = {});

}  // namespace coatcheck
