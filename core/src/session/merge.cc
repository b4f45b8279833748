// The three-way merge and its rules by path. Values are ids of one value_table, so "changed" is a comparison of
// numbers.
#include "coatcheck/merge.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "session/sequence_edit.hpp"
#include "session/value_table.hpp"

namespace coatcheck {
namespace {

using session::edit_of;
using session::no_value;
using session::value_id;
using session::value_kind;
using session::value_table;

constexpr std::size_t max_paths = 1000;
constexpr std::size_t max_names = 64;
constexpr std::size_t max_steps = 8'000'000;  // of all shortest edits of one merge: a few ms

constexpr std::array<std::pair<std::string_view, merge_rule>, 7> rule_words{{{"sum", merge_rule::sum},
                                                                             {"max", merge_rule::max},
                                                                             {"min", merge_rule::min},
                                                                             {"union", merge_rule::unite},
                                                                             {"mine", merge_rule::mine},
                                                                             {"theirs", merge_rule::theirs},
                                                                             {"reject", merge_rule::reject}}};

result<std::vector<std::string>> split_path(const std::string& path) {
  const auto refuse = [&](const char* why) {
    return error{errc::invalid_option, "merge: the path '" + path.substr(0, 100) + "' " + why};
  };
  if (path.empty()) return refuse("is empty");
  const bool pointer = path.front() == '/';
  std::vector<std::string> names(1);
  for (std::size_t i = pointer ? 1 : 0; i < path.size(); ++i) {
    if (path[i] == (pointer ? '/' : '.')) {
      names.emplace_back();
    } else if (pointer && path[i] == '~') {
      const char next = i + 1 < path.size() ? path[++i] : '\0';
      if (next != '0' && next != '1') return refuse("is no JSON Pointer: after ~ comes 0 or 1");
      names.back() += next == '0' ? '~' : '/';
    } else {
      names.back() += path[i];
    }
  }
  if (names.size() > max_names) return refuse("has more than 64 names");
  if (!pointer && std::any_of(names.begin(), names.end(), [](const auto& name) { return name.empty(); })) {
    return refuse("has an empty name");
  }
  return names;
}

class merger {
 public:
  merger(value_table& values, merge_policy policy, const merge_rules& rules)
      : values_(values),
        policy_(policy),
        rules_(rules),
        no_members_(values.add_object({})),
        no_elements_(values.add_array({})) {}

  [[nodiscard]] bool rejected() const noexcept { return rejected_; }

  value_id merge(value_id base, value_id mine, value_id theirs, const merge_rules::places& here) {
    if (theirs == base) return mine;
    if (mine == base) return theirs;
    // The same change twice is one change, save where a rule here or below adds them up.
    if (mine == theirs && here.empty()) return mine;
    if (const auto rule = rules_.at(here)) {
      if (const auto ruled = by_rule(*rule, base, mine, theirs); ruled.first) return ruled.second;
    }
    if (mine != no_value && theirs != no_value && values_.kind(mine) == values_.kind(theirs)) {
      const auto kind = values_.kind(mine);
      const bool same_kind = base != no_value && values_.kind(base) == kind;
      if (kind == value_kind::object) return objects(same_kind ? base : no_members_, mine, theirs, here);
      if (kind == value_kind::array) return arrays(same_kind ? base : no_elements_, mine, theirs, here);
    }
    if (mine == theirs) return mine;
    return collide(policy_, mine, theirs);
  }

 private:
  using verdict = std::pair<bool, value_id>;  // whether the rule had a say

  value_id collide(merge_policy policy, value_id mine, value_id theirs) {
    if (policy == merge_policy::reject) rejected_ = true;
    return policy == merge_policy::mine ? mine : theirs;
  }

  [[nodiscard]] bool is(value_kind kind, value_id id) const { return id != no_value && values_.kind(id) == kind; }

  verdict by_rule(merge_rule rule, value_id base, value_id mine, value_id theirs) {
    if (mine == theirs && rule != merge_rule::sum) return {true, mine};
    switch (rule) {
      case merge_rule::mine:
        return {true, mine};
      case merge_rule::theirs:
        return {true, theirs};
      case merge_rule::reject:
        return {true, collide(merge_policy::reject, mine, theirs)};
      case merge_rule::unite:
        if (!is(value_kind::array, mine) || !is(value_kind::array, theirs)) return {false, no_value};
        return {true, unite(is(value_kind::array, base) ? base : no_elements_, mine, theirs)};
      case merge_rule::sum:
      case merge_rule::max:
      case merge_rule::min:
        break;
    }
    if (!is(value_kind::number, mine) || !is(value_kind::number, theirs)) return {false, no_value};
    const double a = values_.number(mine);
    const double b = values_.number(theirs);
    if (rule == merge_rule::max) return {true, a >= b ? mine : theirs};
    if (rule == merge_rule::min) return {true, a <= b ? mine : theirs};
    if (base != no_value && !is(value_kind::number, base)) return {false, no_value};
    const double sum = b + (a - (base == no_value ? 0 : values_.number(base)));
    if (!value_table::safe_number(sum)) return {false, no_value};
    return {true, values_.add_number(sum)};
  }

  // Theirs in its order, then what mine added; each value once.
  value_id unite(value_id base, value_id mine, value_id theirs) {
    using set = std::unordered_set<value_id>;
    const auto set_of = [this](value_id id) {
      const auto all = values_.elements(id);
      return set(all.begin(), all.end());
    };
    const set in_base = set_of(base);
    const set in_mine = set_of(mine);
    set taken;
    std::vector<value_id> out;
    for (const auto one : values_.elements(theirs)) {
      if ((in_mine.contains(one) || !in_base.contains(one)) && taken.insert(one).second) out.push_back(one);
    }
    for (const auto one : values_.elements(mine)) {
      if (!in_base.contains(one) && taken.insert(one).second) out.push_back(one);
    }
    return values_.add_array(out);
  }

  value_id objects(value_id base, value_id mine, value_id theirs, const merge_rules::places& here) {
    // Copies: merging adds values, which moves what a span shows.
    const auto copy = [this](value_id id) {
      const auto all = values_.members(id);
      return std::vector<value_table::member>(all.begin(), all.end());
    };
    std::vector<value_table::member> out;
    const auto add = [&](value_id name, value_id my_value, value_id their_value) {
      const auto base_value = values_.find(base, name);
      const auto merged =
          here.empty() ? merge(base_value, my_value, their_value, here)
                       : merge(base_value, my_value, their_value, rules_.member(here, std::string(values_.text(name))));
      if (merged != no_value) out.push_back({name, merged});
    };
    for (const auto& [name, value] : copy(theirs)) add(name, values_.find(mine, name), value);
    for (const auto& [name, value] : copy(mine)) {
      if (values_.find(theirs, name) == no_value) add(name, value, no_value);
    }
    return values_.add_object(out);
  }

  value_id arrays(value_id base, value_id mine, value_id theirs, const merge_rules::places& here) {
    const auto copy = [this](value_id id) {
      const auto all = values_.elements(id);
      return std::vector<value_id>(all.begin(), all.end());
    };
    const auto before = copy(base);
    const auto my_elements = copy(mine);
    const auto their_elements = copy(theirs);
    const auto my_edit = edit_of(before, my_elements, steps_);
    const auto their_edit = edit_of(before, their_elements, steps_);
    const auto inner = here.empty() ? here : rules_.element(here);

    std::vector<value_id> out;
    const auto inserted = [](const std::vector<value_id>& from, const session::sequence_edit& edit, std::size_t i) {
      return std::span(from).subspan(edit.inserted[i].first, edit.inserted[i].count);
    };
    for (std::size_t i = 0; i <= before.size(); ++i) {
      const auto theirs_here = inserted(their_elements, their_edit, i);
      const auto mine_here = inserted(my_elements, my_edit, i);
      out.insert(out.end(), theirs_here.begin(), theirs_here.end());
      // What both put here in the same way is there once.
      if (!std::equal(mine_here.begin(), mine_here.end(), theirs_here.begin(), theirs_here.end())) {
        out.insert(out.end(), mine_here.begin(), mine_here.end());
      }
      if (i == before.size()) break;
      const auto merged = merge(before[i], my_edit.element[i], their_edit.element[i], inner);
      if (merged != no_value) out.push_back(merged);
    }
    return values_.add_array(out);
  }

  value_table& values_;
  merge_policy policy_;
  const merge_rules& rules_;
  value_id no_members_;
  value_id no_elements_;
  std::size_t steps_ = max_steps;
  bool rejected_ = false;
};

}  // namespace

result<merge_rules> merge_rules::create(const std::vector<std::pair<std::string, std::string>>& by_path) {
  merge_rules rules;
  if (by_path.size() > max_paths) return {errc::invalid_option, "merge: more than 1,000 paths"};
  rules.steps_.emplace_back();
  for (const auto& [path, word] : by_path) {
    const auto known = std::find_if(rule_words.begin(), rule_words.end(),
                                    [&word = word](const auto& row) { return row.first == word; });
    if (known == rule_words.end()) {
      std::string words;
      for (const auto& row : rule_words) words += (words.empty() ? "\"" : ", \"") + std::string(row.first) + '"';
      return {errc::invalid_option, "merge: the rule for '" + path.substr(0, 100) + "' must be one of " + words};
    }
    auto names = split_path(path);
    if (!names) return names.error();
    std::uint32_t at = 0;
    for (auto& name : *names) {
      const auto next = static_cast<std::uint32_t>(rules.steps_.size());
      auto& from = rules.steps_[at];
      std::uint32_t& to = name == "*" ? from.any : from.names[std::move(name)];
      const bool made = to == 0;
      if (made) to = next;
      at = to;
      if (made) rules.steps_.emplace_back();
    }
    if (rules.steps_[at].rule) {
      return {errc::invalid_option, "merge: the path '" + path.substr(0, 100) + "' stands there twice"};
    }
    rules.steps_[at].rule = known->second;
  }
  return rules;
}

merge_rules::places merge_rules::member(const places& from, std::string_view name) const {
  places to;
  for (const auto at : from) {
    if (const auto found = steps_[at].names.find(name); found != steps_[at].names.end()) to.push_back(found->second);
  }
  const auto by_any = element(from);
  to.insert(to.end(), by_any.begin(), by_any.end());
  return to;
}

merge_rules::places merge_rules::element(const places& from) const {
  places to;
  for (const auto at : from) {
    if (steps_[at].any != 0) to.push_back(steps_[at].any);
  }
  return to;
}

std::optional<merge_rule> merge_rules::at(const places& here) const {
  for (const auto place : here) {
    if (steps_[place].rule) return steps_[place].rule;
  }
  return std::nullopt;
}

result<std::string> merge_payloads(std::string_view base_text, std::string_view mine_text, std::string_view theirs_text,
                                   merge_policy policy, const merge_rules& rules) {
  constexpr const char* rejected =
      "two requests changed the same value of the session at the same time, and its merge policy is to reject that";
  value_table values;
  // Theirs first: where values are equal but written differently, what is stored stays as it is.
  const auto theirs = values.read(theirs_text);
  const auto base = values.read(base_text);
  const auto mine = values.read(mine_text);
  for (const auto& side : {theirs, base, mine}) {
    if (!side || values.kind(*side) != value_kind::object) {
      return {errc::not_serialisable, "the session cannot be merged: a side is not a JSON object that may be stored"};
    }
  }
  merger merging(values, policy, rules);
  const auto merged = merging.merge(*base, *mine, *theirs, rules.root());
  if (values.overrun()) {  // made to defeat the comparison
    if (policy == merge_policy::reject) return {errc::session_conflict, rejected};
    return std::string(policy == merge_policy::mine ? mine_text : theirs_text);
  }
  if (merging.rejected()) return {errc::session_conflict, rejected};
  std::string text;
  text.reserve(std::max(mine_text.size(), theirs_text.size()) + 64);
  values.print(merged, text);
  return text;
}

}  // namespace coatcheck
