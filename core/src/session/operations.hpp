// What the engine does in steps (store/operation.hpp): opening a session that a store keeps, and committing it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coatcheck/engine.hpp"

#include "session/commit_line.hpp"
#include "session/cookie_policy.hpp"
#include "session/layout.hpp"
#include "session/record.hpp"
#include "store/operation.hpp"

namespace coatcheck::session {

struct token_mode;  // token_mode.hpp

class commit_operation;

// What every operation of one engine shares; immutable, but for who writes.
struct engine_state {
  engine_options options;
  cookie_policy cookie;
  const clock* time;
  std::shared_ptr<const token_mode> tokens{};  // null: mode `store`
  std::vector<foreign_reader> sources{};       // of engine_options::migrate_from, which is empty then
  session_layout layout{};
  const life_cycle* rules = &session_life_cycle;
  // Whether a commit may begin while another one waits for the store.
  bool overlaps = options.where->capabilities().needs_loop;
  std::unique_ptr<line<commit_operation>> writing = std::make_unique<line<commit_operation>>();

  [[nodiscard]] epoch_ms now() const noexcept { return time->now(); }
  [[nodiscard]] store& where() const noexcept { return *options.where; }
  // Empty: no session can have that id.
  [[nodiscard]] std::string store_key(std::string_view id, std::size_t key) const {
    return layout.key_of(options.keys, id, key);
  }
  [[nodiscard]] end_policy ending() const noexcept {
    const auto& policy = options.policy;
    return {policy.rolling, policy.resave, policy.save_uninitialised, policy.removed_ends, tokens != nullptr};
  }
  [[nodiscard]] bool sends_cookie(const cookie_facts& facts) const {
    return rules->should_send_cookie(facts, ending());
  }
};
using engine_ref = std::shared_ptr<const engine_state>;

// Runs `Operation(engine, arguments…)` whose start() ends, now or later, in finish().
template <class Operation, class... Arguments>
void run(const engine_ref& engine, Arguments&&... arguments) {
  run_operation<Operation>(engine, std::forward<Arguments>(arguments)...);
}

template <class Operation, class Result>
class operation_base : public store_operation<Operation, Result, engine_ref> {
 public:
  operation_base(engine_ref engine, completion<Result> done) noexcept
      : store_operation<Operation, Result, engine_ref>(std::move(engine), done) {}

 protected:
  const engine_ref& engine_ = this->shared_;
};

// Looks for a session by its candidates: (id, key) pairs from the cookie, or an id that the host names.
class open_operation final : public operation_base<open_operation, opened> {
 public:
  open_operation(engine_ref engine, const request_facts& request, completion<opened> done);
  open_operation(engine_ref engine, std::string_view session_id, completion<opened> done);
  void start();

 private:
  struct candidate {
    std::string id;
    std::size_t key;  // the first to look under
  };
  void look();
  void on_get(get_result&& got);
  [[nodiscard]] bool next_key();
  void unknown(error why);
  void conclude();

  bool reroute_ = false;
  epoch_ms now_;
  std::vector<candidate> candidates_;
  std::size_t current_ = 0;
  std::size_t key_ = 0;
  std::string store_key_;
  std::size_t live_ = 0;
  std::vector<snapshot::rival> rivals_;  // the live ones, where there are several
  opened out_;
};

// Looks at what stands under a store key.
class inspect_operation final : public operation_base<inspect_operation, opened> {
 public:
  inspect_operation(engine_ref engine, std::string_view store_key, completion<opened> done)
      : operation_base(std::move(engine), done), store_key_(store_key) {}
  void start();

 private:
  void on_get(get_result&& got);

  std::string store_key_;
};

// Of a commit that did not take place: the session is as it was.
inline void leave_unchanged(committed& out, commit_status status, commit_request& request, error why) {
  out.status = status;
  out.session = std::move(request.base);
  out.why = std::move(why);
}

class commit_operation final : public operation_base<commit_operation, committed> {
 public:
  commit_operation(engine_ref engine, commit_request request, completion<committed> done);
  void start();

 private:
  void start_new();
  void start_existing();
  void end_rivals();
  void on_rival(remove_result&& got);
  [[nodiscard]] bool apply_lifetime();
  void put();
  void on_put(put_result&& got);
  void on_conflict(stored_value&& current);
  void on_touch(touch_result&& got);
  void look_for_successor();
  void on_mark(get_result&& got);
  void follow(const forwarding& mark);
  void on_successor(get_result&& got);
  void send_put();
  [[nodiscard]] result<void> send_cookie();
  [[nodiscard]] bool sends_cookie(const cookie_facts& facts) const;
  void renew_cookie();
  void end(commit_status status);
  void fail(commit_status status, error why);
  void leave_and_finish();

  commit_request request_;
  bool in_line_ = false;
  std::string line_key_;
  int forwarded_ = 0;  // how often the session's id was renewed since it was read
  epoch_ms now_;
  bool is_new_;
  bool cookie_changed_ = false;
  int attempts_ = 0;
  std::string store_key_;
  std::string theirs_;  // the other side's payload, once there was a conflict
  cookie_settings settings_;
  snapshot next_;
  committed out_;
};

// Ends a session under its id and leaves a mark for those that are still at it (see session_policy::regenerate_grace).
class regenerate_operation final : public operation_base<regenerate_operation, engine::regenerated> {
 public:
  regenerate_operation(engine_ref engine, const snapshot& ended, std::string_view id,
                       completion<engine::regenerated> done);
  void start();

 private:
  void on_marked(put_result&& got);
  void replace();
  void on_replaced(put_result&& got);
  void end(remove_status status, error why = {});
  void answered();
  void conclude();

  remove_status status_ = remove_status::unknown;
  error why_;
  int waiting_ = 1;  // answers
  bool marked_ = false;
  snapshot ended_;
  std::string id_;
  std::string store_key_;
  std::string mark_;
  epoch_ms until_ = 0;
  int attempts_ = 0;
};

[[nodiscard]] bool is_empty_object(std::string_view json);

// Why a session that can't be read is not committed.
[[nodiscard]] inline error unreadable_base() {
  return {errc::invalid_state, "a session whose record can't be read may be ended (destroy, regenerate), not stored"};
}

// Takes what a commit asks of the session's cookie into `next`. The settings are an error only where this commit
// brought them: what another service put into the record and we cannot read does not stop a request.
struct taken_cookie {
  cookie_settings settings;
  bool changed = false;
};
[[nodiscard]] result<taken_cookie> take_cookie(commit_request& request, snapshot& next);

// Whether moving the deadline to `renewed` gains enough of the idle timeout to be written (touch_share).
[[nodiscard]] bool worth_touching(const snapshot& session, epoch_ms renewed, const session_policy& policy) noexcept;

// When a session that began at `created` ends at the latest; 0: never.
[[nodiscard]] epoch_ms absolute_deadline(const session_policy& policy, duration_ms idle, epoch_ms created) noexcept;
// The deadline that a session gets when it is renewed now.
[[nodiscard]] epoch_ms renewed_deadline(const snapshot& session, const cookie_settings& settings,
                                        epoch_ms now) noexcept;

}  // namespace coatcheck::session
