// The engine's front: checks its options once, then starts operations.
#include "coatcheck/engine.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "session/adopt.hpp"
#include "session/affinity.hpp"
#include "session/cookie_policy.hpp"
#include "session/operations.hpp"
#include "session/token_mode.hpp"

namespace coatcheck {

using namespace session;

struct engine::impl final : engine_state {
  impl(engine_options chosen, cookie_policy cookies, const clock& wall, std::shared_ptr<const token_mode> in_cookies,
       std::vector<foreign_reader> before, session_layout form)
      : engine_state{std::move(chosen),     std::move(cookies), &wall,
                     std::move(in_cookies), std::move(before),  std::move(form)} {}
};

namespace {

result<void> check_policy(const session_policy& policy) {
  const auto refuse = [](const char* text) { return result<void>(errc::invalid_option, text); };
  if (policy.idle_timeout && *policy.idle_timeout <= 0) return refuse("idle_timeout must be more than 0 ms");
  if (policy.absolute_timeout && *policy.absolute_timeout < 0) {
    return refuse("absolute_timeout must be 0 (unbounded) or more, in ms");
  }
  if (!(policy.touch_share >= 0 && policy.touch_share <= 0.9)) return refuse("touch_share must be between 0 and 0.9");
  if (policy.conflict_retries < 0) return refuse("conflict_retries must be 0 or more");
  constexpr duration_ms longest_grace = 600'000;
  if (policy.regenerate_grace.value_or(0) < 0 || policy.regenerate_grace.value_or(0) > longest_grace) {
    return refuse("regenerate_grace must be 0 to 600000 ms");
  }
  if (policy.max_payload < 2) return refuse("max_payload must be 2 bytes or more");
  if (policy.max_members < 1) return refuse("max_members must be 1 or more");
  if (policy.id_bytes < 16 || policy.id_bytes > 64) return refuse("id_bytes must be between 16 and 64");
  return {};
}

}  // namespace

result<void> check_session_id(std::string_view id) {
  constexpr std::size_t longest = 128;
  const bool printable = std::all_of(id.begin(), id.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!id.empty() && id.size() <= longest && printable) return {};
  return {errc::invalid_option, "a session id must be 1 to 128 printable ASCII characters"};
}

std::string_view name_of(fresh_reason reason) noexcept {
  switch (reason) {
    case fresh_reason::none:
      return "none";
    case fresh_reason::no_cookie:
      return "no_cookie";
    case fresh_reason::refused:
      return "refused";
    case fresh_reason::bad_signature:
      return "bad_signature";
    case fresh_reason::not_found:
      return "not_found";
    case fresh_reason::expired:
      return "expired";
    case fresh_reason::ambiguous:
      return "ambiguous";
    case fresh_reason::revoked:
      return "revoked";
    case fresh_reason::reused:
      return "reused";
    case fresh_reason::foreign:
      return "foreign";
  }
  return "unknown";
}

engine::engine(std::shared_ptr<const impl> state) : impl_(std::move(state)) {}
engine::~engine() = default;

result<std::shared_ptr<engine>> engine::create(engine_options options) {
  if (!options.where) return error{errc::invalid_option, "an engine needs a store (options.where)"};
  if (auto checked = check_policy(options.policy); !checked) return checked.error();
  auto layout = session_layout::create(options);
  if (!layout) return layout.error();
  auto cookies = cookie_policy::create(options.cookie);
  if (!cookies) return cookies.error();
  if (auto checked = check_affinity(options, *cookies); !checked) return checked.error();
  const clock& wall = options.time != nullptr ? *options.time : system_clock();
  std::shared_ptr<const token_mode> tokens;
  if (options.tokens.mode != session_mode::store) {
    auto made = token_mode::create(options, wall);
    if (!made) return made.error();
    tokens = *std::move(made);
  }
  auto sources = read_sources(options);
  if (!sources) return sources.error();
  return std::shared_ptr<engine>(new engine(std::make_shared<const impl>(
      std::move(options), *std::move(cookies), wall, std::move(tokens), *std::move(sources), *std::move(layout))));
}

store_capabilities engine::capabilities() const noexcept { return impl_->where().capabilities(); }
const session_policy& engine::policy() const noexcept { return impl_->options.policy; }
store& engine::where() const noexcept { return impl_->where(); }
const key_ring& engine::keys() const noexcept { return impl_->options.keys; }
std::string_view engine::cookie_name(bool secure) const noexcept { return impl_->cookie.name(secure); }

end_plan engine::end(std::uint32_t facts) const { return plan_end(*impl_->rules, facts, impl_->ending()); }

coatcheck::end_table engine::end_table() const { return tabulate_end(*impl_->rules, impl_->ending()); }

unsigned engine::response_headers(bool sends_cookie, bool looked) const {
  return impl_->rules->headers(sends_cookie, looked);
}

void engine::open(const request_facts& request, completion<opened> done) const {
  const auto own = [&request](const engine_ref& on, completion<opened> then) {
    if (on->tokens) return run<token_open_operation>(on, request, then);
    run<open_operation>(on, request, then);
  };
  if (impl_->sources.empty() || request.cookie_header.empty()) return own(impl_, done);
  run<adopting_open_operation>(impl_, request.cookie_header, own, done);
}

void engine::load(std::string_view session_id, completion<opened> done) const {
  if (impl_->tokens) {
    opened out;
    out.why = {errc::invalid_state, "a session on tokens is in its cookie: it cannot be read by its id"};
    return done(std::move(out));
  }
  run<open_operation>(impl_, session_id, done);
}

void engine::inspect(std::string_view store_key, completion<opened> done) const {
  run<inspect_operation>(impl_, store_key, done);
}

void engine::commit(commit_request request, completion<committed> done) const {
  const auto own = [](const engine_ref& on, commit_request asked, completion<committed> then) {
    if (on->tokens) return run<token_commit_operation>(on, std::move(asked), then);
    run<commit_operation>(on, std::move(asked), then);
  };
  if (!request.base.from) return own(impl_, std::move(request), done);
  run<adopting_commit_operation>(impl_, std::move(request), own, done);
}

namespace {

// Logout and login begin alike: the record goes, at once.
template <class Result>
class end_operation final : public operation_base<end_operation<Result>, Result> {
 public:
  end_operation(engine_ref engine, const snapshot& ended, Result prepared, completion<Result> done)
      : operation_base<end_operation, Result>(std::move(engine), done), ended_(ended), out_(std::move(prepared)) {}

  void start() {
    const auto& engine = *this->engine_;
    if constexpr (std::is_same_v<Result, destroyed>) {
      if (!ended_.rivals.empty()) return end_rival();
    }
    const bool stored = !ended_.tag.empty() || ended_.unreadable;
    if (engine.tokens && stored) {
      return run_operation<tokens::revoke_operation>(engine.tokens->families, tokens::presented_token{ended_.id, 0, {}},
                                                     this->template then<remove_result, &end_operation::on_remove>());
    }
    if (!stored || ended_.key >= engine.options.keys.size()) {
      return on_remove({remove_status::absent, {}});
    }
    engine.where().remove(engine.store_key(ended_.id, ended_.key),
                          this->template then<remove_result, &end_operation::on_remove>());
  }

 private:
  void end_rival() {
    const auto& engine = *this->engine_;
    const auto rival = std::move(ended_.rivals.back());
    ended_.rivals.pop_back();
    const auto done = this->template then<remove_result, &end_operation::on_rival>();
    if (engine.tokens) {
      return run_operation<tokens::revoke_operation>(engine.tokens->families, tokens::presented_token{rival.id, 0, {}},
                                                     done);
    }
    if (rival.key >= engine.options.keys.size()) return on_rival({remove_status::absent, {}});
    engine.where().remove(engine.store_key(rival.id, rival.key), done);
  }

  void on_rival(remove_result&& got) {
    if (got.status == remove_status::unknown) return on_remove(std::move(got));
    start();
  }

  void on_remove(remove_result&& got) {
    out_.status = got.status;
    out_.why = std::move(got.why);
    // Whoever ends what can't be read wants to be rid of it, and begins anew whether it was still there or not.
    if (ended_.unreadable && got.status == remove_status::absent) out_.status = remove_status::removed;
    if constexpr (std::is_same_v<Result, engine::regenerated>) out_.session = renewed(out_.status);
    this->finish(std::move(out_));
  }

  [[nodiscard]] snapshot renewed(remove_status status) {
    if (status == remove_status::unknown) return std::move(ended_);
    snapshot out;
    out.payload = "{}";
    out.rivals = std::move(ended_.rivals);
    out.from = std::move(ended_.from);
    // A session that somebody else ended meanwhile does not live on under a new id.
    if (!ended_.unreadable && (status == remove_status::removed || ended_.tag.empty())) {
      out.payload = std::move(ended_.payload);
      out.cookie = std::move(ended_.cookie);
      out.owner = std::move(ended_.owner);
    }
    return out;
  }

  snapshot ended_;
  Result out_;
};

}  // namespace

std::string set_cookie_lines(const std::vector<std::string>& clearing, std::string_view set_cookie) {
  std::string lines;
  for (const auto& value : clearing) lines.append(value) += '\n';
  return lines.append(set_cookie);
}

void engine::destroy(const snapshot& session, bool secure, completion<destroyed> done) const {
  destroyed prepared;
  const auto parsed = cookie_settings::parse(session.cookie);
  const cookie_settings settings = parsed ? *parsed : cookie_settings{};
  prepared.set_cookie = impl_->cookie.clear(settings, secure);
  prepared.clearing = impl_->cookie.clear_others(settings, secure);
  if (impl_->sources.empty()) return run<end_operation<destroyed>>(impl_, session, std::move(prepared), done);
  const auto own = [&](const engine_ref& on, completion<destroyed> then) {
    run<end_operation<destroyed>>(on, session, std::move(prepared), then);
  };
  run<adopting_destroy_operation>(impl_, session.from, secure, own, done);
}

void engine::regenerate(const snapshot& session, completion<regenerated> done, std::string_view id) const {
  const bool stored = !session.tag.empty() && session.key < impl_->options.keys.size();
  if (stored && !impl_->tokens && impl_->options.policy.regenerate_grace.value_or(0) > 0) {
    return run<regenerate_operation>(impl_, session, id, done);
  }
  run<end_operation<regenerated>>(impl_, session, regenerated{}, done);
}

set_cookie engine::cookie_attributes(bool secure) const { return impl_->cookie.attributes(secure); }

std::string engine::clearing_cookie(bool secure, std::string_view cookie_settings_json) const {
  const auto settings = cookie_settings::parse(cookie_settings_json);
  return impl_->cookie.clear(settings ? *settings : cookie_settings{}, secure);
}

}  // namespace coatcheck
