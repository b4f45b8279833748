// The rules of a request's end: see coatcheck/life_cycle.hpp.
#include "coatcheck/life_cycle.hpp"

#include <algorithm>

namespace coatcheck {
namespace {

using namespace end_fact;

[[nodiscard]] constexpr bool has(std::uint32_t facts, std::uint32_t wanted) noexcept { return (facts & wanted) != 0; }

// One that the cookie to come has the first id of: nothing is under way yet that a browser could bring back.
[[nodiscard]] constexpr bool is_new(std::uint32_t facts) noexcept { return !has(facts, stored) || has(facts, renewed); }

bool should_destroy(std::uint32_t facts, const end_policy& policy) {
  return has(facts, removed) && policy.removed_ends && (!has(facts, begun) || has(facts, stored));
}

bool should_save(std::uint32_t facts, const end_policy& policy) {
  if (has(facts, removed | unreadable)) return false;
  if (has(facts, begun)) return has(facts, changed | renewed | forced);
  if (has(facts, stored | renewed)) {
    return has(facts, looked) && (has(facts, changed | cookie_changed | renewed | forced) || policy.resave);
  }
  return policy.save_uninitialised || has(facts, changed | forced);
}

bool should_touch(std::uint32_t facts, const end_policy& policy) {
  return has(facts, stored) && !has(facts, removed | unreadable | begun) && (has(facts, touch_due) || policy.rolling);
}

bool should_send_cookie(const cookie_facts& facts, const end_policy& policy) {
  return facts.is_new || facts.settings_changed || facts.deadline_moved || (policy.rolling && facts.presented);
}

// A cache that keeps a response with a session's cookie hands one user's session to another; one that keeps what was
// made of a session shows it to another.
unsigned headers(bool sends_cookie, bool looked) {
  return (sends_cookie || looked ? response_header::vary : 0U) | (sends_cookie ? response_header::no_store : 0U);
}

bool express_should_destroy(std::uint32_t facts, const end_policy& policy) {
  return has(facts, removed) && policy.removed_ends;
}

// Not saved and not changed, a session is written all the same where the policy says so: `resave` of one that is in the
// store, `save_uninitialised` of a new one.
bool express_should_save(std::uint32_t facts, const end_policy& policy) {
  if (has(facts, removed | unreadable)) return false;
  if (has(facts, changed)) return true;
  return !has(facts, saved) && (has(facts, stored) ? policy.resave : policy.save_uninitialised);
}

bool express_should_touch(std::uint32_t facts, const end_policy& /*policy*/) {
  return has(facts, stored) && !has(facts, removed | unreadable);
}

bool express_should_send_cookie(const cookie_facts& facts, const end_policy& policy) {
  return facts.is_new ? policy.save_uninitialised || facts.data_changed : policy.rolling || facts.deadline_moved;
}

unsigned express_headers(bool /*sends_cookie*/, bool /*looked*/) { return 0; }

[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

[[nodiscard]] bool same_name(std::string_view a, std::string_view lower) noexcept {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y; });
}

}  // namespace

const life_cycle session_life_cycle{should_destroy, should_save, should_touch, should_send_cookie, headers};
const life_cycle express_life_cycle{express_should_destroy, express_should_save, express_should_touch,
                                    express_should_send_cookie, express_headers};

std::span<const life_cycle_word> life_cycle_words() noexcept {
  constexpr auto step = [](end_step one) { return static_cast<std::uint32_t>(one); };
  static constexpr life_cycle_word words[] = {
      {"end", "stored", stored},
      {"end", "unreadable", unreadable},
      {"end", "unknown", unknown},
      {"end", "looked", looked},
      {"end", "removed", removed},
      {"end", "changed", changed},
      {"end", "cookie_changed", cookie_changed},
      {"end", "renewed", renewed},
      {"end", "forced", forced},
      {"end", "touch_due", touch_due},
      {"end", "begun", begun},
      {"end", "saved", saved},
      {"step", "nothing", step(end_step::nothing)},
      {"step", "commit", step(end_step::commit)},
      {"step", "touch", step(end_step::touch)},
      {"step", "destroy", step(end_step::destroy)},
      {"step", "late_new", step(end_step::late_new)},
      {"step", "late_in_cookie", step(end_step::late_in_cookie)},
      {"step", "mask", end_plan::step_mask},
      {"step", "saves", end_plan::saves_bit},
      {"cookie", "is_new", cookie_fact::is_new},
      {"cookie", "settings_changed", cookie_fact::settings_changed},
      {"cookie", "deadline_moved", cookie_fact::deadline_moved},
      {"cookie", "presented", cookie_fact::presented},
      {"cookie", "data_changed", cookie_fact::data_changed},
      {"header", "vary", response_header::vary},
      {"header", "no_store", response_header::no_store},
  };
  return words;
}

end_plan plan_end(const life_cycle& rules, std::uint32_t facts, const end_policy& policy) {
  if (has(facts, unknown)) return {};
  if (rules.should_destroy(facts, policy)) return {end_step::destroy};
  if (!rules.should_save(facts, policy))
    return {rules.should_touch(facts, policy) ? end_step::touch : end_step::nothing};
  if (has(facts, begun)) {
    if (is_new(facts)) return {end_step::late_new};
    if (policy.in_cookie) return {end_step::late_in_cookie};
  }
  return {end_step::commit, has(facts, renewed | forced) || (policy.resave && has(facts, stored))};
}

end_table tabulate_end(const life_cycle& rules, const end_policy& policy) {
  end_table out;
  for (std::uint32_t facts = 0; facts < out.size(); ++facts) out[facts] = plan_end(rules, facts, policy).packed();
  return out;
}

cookie_table tabulate_cookie(const life_cycle& rules, const end_policy& policy) {
  namespace fact = cookie_fact;
  cookie_table out;
  for (std::uint32_t bits = 0; bits < out.size(); ++bits) {
    const cookie_facts facts{has(bits, fact::is_new), has(bits, fact::settings_changed),
                             has(bits, fact::deadline_moved), has(bits, fact::presented),
                             has(bits, fact::data_changed)};
    out[bits] = rules.should_send_cookie(facts, policy);
  }
  return out;
}

std::string_view late_message(end_step step) noexcept {
  switch (step) {
    case end_step::late_new:
      return "a new session changed after the response's headers went out and is not stored: its cookie can't be sent "
             "now";
    case end_step::late_in_cookie:
      return "a session in its cookie changed after the response's headers went out and is not stored: its cookie "
             "can't be sent now";
    case end_step::nothing:
    case end_step::commit:
    case end_step::touch:
    case end_step::destroy:
      break;
  }
  return {};
}

std::string vary_with_cookie(std::string_view existing) {
  if (trimmed(existing).empty()) return "Cookie";
  for (std::string_view rest = existing; !rest.empty();) {
    const auto comma = rest.find(',');
    const auto name = trimmed(rest.substr(0, comma));
    if (name == "*" || same_name(name, "cookie")) return {};
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return std::string(existing) + ", Cookie";
}

}  // namespace coatcheck
