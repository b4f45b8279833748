// The engine's work where the session is in its cookie (token_sessions.hpp): opening and committing.
//
// A refresh is judged at `open`, when the request comes in, and takes place at `commit`, when there is a cookie to be
// sent. A request whose response never forms (an exception, a handler that hangs) rotates nothing, and one that
// takes longer than the grace window is not taken for theft at its end.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coatcheck/engine.hpp"

#include "session/operations.hpp"
#include "tokens/operations.hpp"
#include "tokens/session_token.hpp"

namespace coatcheck::session {

struct token_mode {
  tokens::session_codec codec;
  tokens::space_ref families;

  // Errors: invalid_option, key_unsuitable.
  [[nodiscard]] static result<std::shared_ptr<const token_mode>> create(const engine_options& options,
                                                                        const clock& time);
};

// What a snapshot's tag holds in a token mode: 17 bytes, so that hosts which keep snapshots as text keep it, too.
struct token_state {
  bool due = false;  // the token is to be replaced at commit
  std::uint32_t counter = 0;
  std::int64_t fresh_until = 0;  // s since the epoch
  epoch_ms epoch = 0;

  [[nodiscard]] etag pack() const noexcept;
  [[nodiscard]] static std::optional<token_state> unpack(const etag& tag) noexcept;
};

class token_open_operation final : public operation_base<token_open_operation, opened> {
 public:
  token_open_operation(engine_ref engine, const request_facts& request, completion<opened> done);
  void start();

 private:
  void on_epoch(get_result&& got);
  void look();
  void on_looked(tokens::advanced&& got);
  void take_facts(tokens::session_claims& claims, tokens::family&& now);
  void look_at_each();
  void on_each(tokens::advanced&& got);
  void found(bool due);
  void fresh(fresh_reason reason);
  void unknown(error why);

  epoch_ms now_;
  tokens::session_claims claims_;
  // Different families among the cookies: the store is asked which of them live.
  std::vector<tokens::session_claims> several_;
  std::size_t current_ = 0;
  std::vector<std::size_t> live_;
  fresh_reason reason_ = fresh_reason::no_cookie;
};

class token_commit_operation final : public operation_base<token_commit_operation, committed> {
 public:
  token_commit_operation(engine_ref engine, commit_request request, completion<committed> done);
  void start();

 private:
  void start_new();
  void start_existing();
  void end_rivals();
  void on_rival(remove_result&& got);
  [[nodiscard]] bool apply_lifetime();
  void on_created(tokens::created&& got);
  void on_amended(tokens::amended&& got);
  void replace();
  void on_claimed(tokens::advanced&& got);
  void renew_freshness();
  [[nodiscard]] result<std::string> encode() const;
  [[nodiscard]] result<void> check_size() const;
  [[nodiscard]] result<void> send_cookie();
  void end(commit_status status);
  void fail(commit_status status, error why);
  void gone();

  commit_request request_;
  epoch_ms now_;
  bool changed_ = false;
  bool cookie_changed_ = false;
  cookie_settings settings_;
  token_state state_;
  snapshot next_;
  std::optional<tokens::family> made_;  // to be stored, once the rivals are ended
  committed out_;
};

}  // namespace coatcheck::session
