// What a request's end calls for: whether its session is written, its deadline moved, or the session ended, and what
// the response says of it. Decided here, for every host.
//
// A host states facts, of which only it can know some (a dict that was emptied, a deleted property), and gets a step.
// The step depends on the facts and on the engine's policy alone, so a host that is to run no native code where there
// is nothing to do takes all answers at once (engine::end_table) and looks them up.
//
// The rules themselves are one object of small functions. Another instance is another life cycle on the same engine.
//
// Thread safety: pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace coatcheck {

// Bits of an index into the table.
namespace end_fact {
inline constexpr std::uint32_t stored = 1;           // the request's session is in the store
inline constexpr std::uint32_t unreadable = 2;       // its record is there and can't be read
inline constexpr std::uint32_t unknown = 4;          // the store gave no answer, or this session is never to be saved
inline constexpr std::uint32_t looked = 8;           // the application looked at it
inline constexpr std::uint32_t removed = 16;         // the application took it away: a logout
inline constexpr std::uint32_t changed = 32;         // its data is not what was read; of a new one: not empty
inline constexpr std::uint32_t cookie_changed = 64;  // the application set something on its cookie
inline constexpr std::uint32_t renewed = 128;    // its id was renewed in this request: no cookie has the new one yet
inline constexpr std::uint32_t forced = 256;     // the application wants it written even if nothing changed
inline constexpr std::uint32_t touch_due = 512;  // as `opened` says
inline constexpr std::uint32_t begun = 1024;     // the response's headers have gone: no cookie can be sent
inline constexpr std::uint32_t saved = 2048;     // what it holds now was stored in this request already
inline constexpr std::size_t combinations = 4096;
}  // namespace end_fact

enum class end_step : std::uint8_t {
  nothing,
  commit,          // engine::commit with what the application left
  touch,           // engine::commit without a payload: at most the deadline moves
  destroy,         // engine::destroy
  late_new,        // nothing can be done: the application is told (late_message)
  late_in_cookie,  // likewise
};
struct end_plan {
  end_step step = end_step::nothing;
  bool save = false;  // of a commit: commit_request::save

  // As one byte of the table: the step in the bits of step_mask, and saves_bit.
  static constexpr std::uint8_t step_mask = 7;
  static constexpr std::uint8_t saves_bit = 8;
  [[nodiscard]] constexpr std::uint8_t packed() const noexcept {
    return static_cast<std::uint8_t>(static_cast<std::uint8_t>(step) | (save ? saves_bit : 0U));
  }
};
using end_table = std::array<std::uint8_t, end_fact::combinations>;

// What of an engine's options the rules look at.
struct end_policy {
  bool rolling = false;
  bool resave = false;
  bool save_uninitialised = false;
  bool removed_ends = true;
  bool in_cookie = false;  // the cookie carries the session itself
};

// What is known of a session's cookie once its commit is done.
struct cookie_facts {
  bool is_new = false;  // no cookie has its id yet
  bool settings_changed = false;
  bool deadline_moved = false;  // and the browser's cookie has one, too
  bool presented = false;       // the request carried it
  bool data_changed = false;    // the application changed the session's data
};
// The same as bits of an index into the cookie table.
namespace cookie_fact {
inline constexpr std::uint32_t is_new = 1;
inline constexpr std::uint32_t settings_changed = 2;
inline constexpr std::uint32_t deadline_moved = 4;
inline constexpr std::uint32_t presented = 8;
inline constexpr std::uint32_t data_changed = 16;
inline constexpr std::size_t combinations = 32;
}  // namespace cookie_fact
using cookie_table = std::array<bool, cookie_fact::combinations>;

// What a response says beside Set-Cookie. Bits.
namespace response_header {
inline constexpr unsigned vary = 1;      // Vary: Cookie (vary_with_cookie)
inline constexpr unsigned no_store = 2;  // Cache-Control: no-store, where the application says nothing of caches
}  // namespace response_header

struct life_cycle {
  bool (*should_destroy)(std::uint32_t facts, const end_policy& policy);
  bool (*should_save)(std::uint32_t facts, const end_policy& policy);
  bool (*should_touch)(std::uint32_t facts, const end_policy& policy);
  bool (*should_send_cookie)(const cookie_facts& facts, const end_policy& policy);
  unsigned (*headers)(bool sends_cookie, bool looked);
};

// The life cycle of this library's own sessions.
extern const life_cycle session_life_cycle;

// That of express-session 1.19 (its index.js: shouldDestroy, shouldSave, shouldTouch, shouldSetCookie). `saved` stands
// for "was stored by save() in this request, and is as it was then"; `changed` is against what was read or saved last,
// the cookie's `data_changed` against what the request began with.
extern const life_cycle express_life_cycle;

// The numbers of this header by their names, for hosts in other languages: of the groups `end`, `step`, `cookie` and
// `header`. `step` has `mask` and `saves` too, of a packed plan.
struct life_cycle_word {
  std::string_view group;
  std::string_view name;
  std::uint32_t value;
};
[[nodiscard]] std::span<const life_cycle_word> life_cycle_words() noexcept;

[[nodiscard]] end_plan plan_end(const life_cycle& rules, std::uint32_t facts, const end_policy& policy);

// All answers, by the facts' number.
[[nodiscard]] end_table tabulate_end(const life_cycle& rules, const end_policy& policy);
[[nodiscard]] cookie_table tabulate_cookie(const life_cycle& rules, const end_policy& policy);

// What the application is told after late_new and late_in_cookie (ERR_HEADERS_SENT).
[[nodiscard]] std::string_view late_message(end_step step) noexcept;

// The Vary header's value with Cookie in it; empty where `existing` says it already (RFC 9110, 12.5.5).
[[nodiscard]] std::string vary_with_cookie(std::string_view existing);

}  // namespace coatcheck
