// JSON values as numbers: equal values (order of members, spelling of numbers and escapes do not count) get the same
// id, across all texts read into one table, so that comparing two values of any size is comparing two integers.
//
// Reading is linear, but for sorting the members of each object. The hash is not keyed, so a lookup that meets too
// many other values gives up and marks the table `overrun`: its ids are then not to be trusted.
//
// Thread safety: none; a table lives as long as one merge.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coatcheck::session {

using value_id = std::uint32_t;
constexpr value_id no_value = UINT32_MAX;  // an absent member, a removed element

enum class value_kind : std::uint8_t { null, boolean, number, string, array, object };

class value_table {
 public:
  struct member {
    value_id name;  // of a string
    value_id value;
    friend bool operator==(const member&, const member&) = default;
  };

  value_table();

  // The id of a text's value. Empty: not JSON in UTF-8, over 64 deep, or with two members of one name in an object.
  [[nodiscard]] std::optional<value_id> read(std::string_view json);

  [[nodiscard]] value_kind kind(value_id id) const noexcept { return values_[id].kind; }
  [[nodiscard]] double number(value_id id) const noexcept { return values_[id].number; }
  [[nodiscard]] std::string_view text(value_id id) const noexcept {
    return std::string_view(bytes_).substr(values_[id].first, values_[id].count);
  }
  [[nodiscard]] std::span<const value_id> elements(value_id id) const noexcept {
    return std::span(elements_).subspan(values_[id].first, values_[id].count);
  }
  [[nodiscard]] std::span<const member> members(value_id id) const noexcept {  // in the order of the text
    return std::span(members_).subspan(values_[id].first, values_[id].count);
  }
  [[nodiscard]] value_id find(value_id object, value_id name) const noexcept;  // no_value: absent

  // Views given out before are void after each of these.
  value_id add_literal(value_kind kind, bool truth);
  value_id add_number(double value, std::string_view written);
  value_id add_number(double value);
  value_id add_string(std::string_view decoded);
  value_id add_array(std::span<const value_id> elements);
  // Names must differ; false in `distinct` where they do not.
  value_id add_object(std::span<const member> members, bool* distinct = nullptr);

  // A number that a session may hold in every language: finite, and exact where it is whole.
  [[nodiscard]] static bool safe_number(double value) noexcept;

  void print(value_id id, std::string& into) const;  // without spaces, as JSON.stringify does
  [[nodiscard]] bool overrun() const noexcept { return overrun_; }

 private:
  struct value {
    value_kind kind;
    bool truth;
    std::uint32_t first;  // in bytes_, elements_ or members_
    std::uint32_t count;
    double number;
    std::uint64_t hash;
  };

  // Takes the value just appended, or an equal one that was there.
  value_id intern(value candidate);
  [[nodiscard]] bool same(const value& a, const value& b) const noexcept;
  void grow();

  std::vector<value> values_;
  std::vector<value_id> slots_;  // open addressing, a power of two
  std::string bytes_;
  std::vector<value_id> elements_;
  std::vector<member> members_;
  std::vector<member> by_name_;  // the same ranges as members_, each sorted by name
  bool overrun_ = false;
};

}  // namespace coatcheck::session
