// Conveniences that throw: sessions for C++ services, in a few synchronous calls.
//
//   coatcheck::sessions sessions("file:./sessions", secret);
//   auto session = sessions.open(cookie_header);
//   session.data()["cart"] = {"tea"};
//   std::string set_cookie = sessions.commit(session);   // empty: no header to send
//
// Everything that the value interface reports as an error, a gone session or an unknown outcome is a
// coatcheck::exception here, with the same code and message. Nothing else is thrown, save std::bad_alloc.
//
// Remote stores: a call waits for its answer, at the longest for the store's deadline. Each thread that
// calls gets a connection of its own, which lives as long as the `sessions` object.
//
// Thread safety: `sessions` may be used from any number of threads; a `session` belongs to one request.
#pragma once

#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "coatcheck/engine.hpp"
#include "coatcheck/error.hpp"
#include "coatcheck/event_loop.hpp"
#include "coatcheck/key_ring.hpp"
#include "coatcheck/store.hpp"

namespace coatcheck {

// An error as an exception. what() is the message; code() and name() are stable.
class exception : public std::runtime_error {
 public:
  explicit exception(error why) : std::runtime_error(why.message), code_(why.code) {}
  [[nodiscard]] errc code() const noexcept { return code_; }
  [[nodiscard]] std::string_view name() const noexcept { return name_of(code_); }

 private:
  errc code_;
};

// The value of a result, or its error thrown.
template <class T>
[[nodiscard]] T value_or_throw(result<T>&& outcome) {
  if (!outcome) throw exception(outcome.error());
  return *std::move(outcome);
}

// Keeps the order of keys, as JavaScript and Python do: equal sessions have equal bytes in every language.
using json = nlohmann::ordered_json;

// One request's session. A plain value: it may simply be dropped.
class session {
 public:
  // The session's content, a JSON object. Parsed at the first call; a session nobody looked at costs nothing.
  [[nodiscard]] json& data() {
    if (!data_) data_ = json::parse(base_.payload);  // the engine has checked the text
    return *data_;
  }
  // Whether it is not stored yet: the request carried no cookie, or none that is good any more.
  [[nodiscard]] bool fresh() const noexcept { return base_.id.empty(); }
  [[nodiscard]] fresh_reason reason() const noexcept { return reason_; }
  // The session id, empty while fresh. It is a credential: keep it out of pages, logs and URLs.
  [[nodiscard]] const std::string& id() const noexcept { return base_.id; }
  [[nodiscard]] epoch_ms expires_at() const noexcept { return base_.expires_at; }

  // Settings of this session's cookie, e.g. {{"maxAge", 3600000}}. They live in the record: every language obeys them.
  void set_cookie(const json& settings) { cookie_ = settings.dump(); }
  [[nodiscard]] json cookie() const { return parse_or_empty(cookie_ ? *cookie_ : base_.cookie); }
  // Whose session this is, for listing and ending a user's sessions.
  void set_owner(std::string owner) { owner_ = std::move(owner); }
  [[nodiscard]] const std::string& owner() const noexcept { return owner_ ? *owner_ : base_.owner; }
  // After commit or destroy: Set-Cookie values to send before the one that was returned. They clear other forms of the
  // cookie, of an older configuration (another domain or path).
  [[nodiscard]] const std::vector<std::string>& clearing() const noexcept { return clearing_; }

 private:
  friend class sessions;
  [[nodiscard]] static json parse_or_empty(const std::string& text) {
    return text.empty() ? json::object() : json::parse(text);
  }

  snapshot base_;
  std::optional<json> data_;
  std::optional<std::string> cookie_;
  std::optional<std::string> owner_;
  std::vector<std::string> clearing_;
  fresh_reason reason_ = fresh_reason::none;
  bool secure_ = false;
  bool presented_ = true;
  bool save_ = false;
};

struct sessions_options {
  cookie_options cookie;
  session_policy policy;
  const clock* time = nullptr;           // not owned; null: the system clock
  token_session_options tokens{};        // mode: the session in a stored record, or in its cookie
  encryption encrypt = encryption::off;  // encryption at rest (store.hpp), under the same secret
  affinity_options affinity{};           // its cookie is in session::clearing(), beside the session's
};

class sessions {
 public:
  // `url` as open_store takes it, `secret` as key_ring::from_secret. Throws invalid_url, invalid_secret,
  // invalid_option, invalid_cookie, and what opening a store file can meet (store_permission, store_format, …).
  sessions(std::string_view url, std::string_view secret, sessions_options options = {})
      : sessions(url, value_or_throw(key_ring::from_secret(secret)), std::move(options)) {}
  sessions(std::string_view url, key_ring keys, sessions_options options = {})
      : url_(value_or_throw(encrypted_url(url, options.encrypt))),
        keys_(std::move(keys)),
        options_(std::move(options)),
        remote_(value_or_throw(needs_driver(url_))) {
    if (!remote_) shared_ = make_engine(nullptr);
  }

  // With the settings that every language reads: COATCHECK_STORE (else file:./sessions) and COATCHECK_SECRET,
  // which must be set. Throws as above.
  [[nodiscard]] static sessions from_environment(sessions_options options = {}) {
    const char* url = std::getenv("COATCHECK_STORE");
    const char* secret = std::getenv("COATCHECK_SECRET");
    if (secret == nullptr) {
      throw exception({errc::invalid_secret, "COATCHECK_SECRET is not set: give it 32 random bytes or more"});
    }
    return {url == nullptr || *url == '\0' ? "file:./sessions" : url, secret, std::move(options)};
  }

  // The session of a request with this Cookie header; a fresh one when there is none. Throws store errors.
  [[nodiscard]] session open(std::string_view cookie_header, bool secure = false) {
    const request_facts facts{cookie_header, secure};
    auto got = run<opened>([&](engine& e, completion<opened> done) { e.open(facts, done); });
    if (got.status == open_status::unknown) throw exception(std::move(got.why));
    session out;
    out.base_ = std::move(got.session);
    out.reason_ = got.reason;
    out.secure_ = secure;
    out.presented_ = got.reason == fresh_reason::none;
    return out;
  }

  // Writes what changed, if anything. Returns the value of the Set-Cookie header to send; empty: none.
  // Throws session_gone (it was destroyed meanwhile, nothing was written), session_conflict,
  // not_serialisable, payload_too_large, and store errors.
  [[nodiscard]] std::string commit(session& s) {
    auto done = commit_once(s, {});
    start_from(s, std::move(done.session));
    s.clearing_ = std::move(done.clearing);
    return std::move(done.set_cookie);
  }

  // Read, change, compare-and-set, and again on conflict: `change(data)` gets the session as it is stored now, and
  // runs again when another request wrote meanwhile, so it is to do nothing else. A session that is not stored yet is
  // this request's alone: it is changed, and stored by commit. Afterwards `s` shows what is stored, and what it had
  // been changed in otherwise, which commit stores as always. Returns the Set-Cookie value; throws as commit, and what
  // `change` throws.
  template <class Change>
  [[nodiscard]] std::string transact(session& s, Change&& change) {
    if (s.fresh()) {
      change(s.data());
      return {};
    }
    session now = s;
    auto got = run<opened>([&](engine& e, completion<opened> done) { e.load(s.base_.id, done); });
    if (got.status == open_status::unknown) throw exception(std::move(got.why));
    if (got.status == open_status::fresh) throw exception({errc::session_gone, "the session was ended meanwhile"});
    start_from(now, std::move(got.session));
    for (int attempt = 0;; ++attempt) {
      change(now.data());
      auto done = commit_once(now, attempt);
      const bool stale = done.status == commit_status::stale;
      start_from(now, std::move(done.session));
      if (stale) continue;
      if (s.data_) {
        const auto kept =
            value_or_throw(merge_payloads(s.base_.payload, text_of(*s.data_), now.base_.payload, merge_policy::mine));
        s.data_ = json::parse(kept);
      }
      s.base_ = std::move(now.base_);
      return std::move(done.set_cookie);
    }
  }

  // Logout: ends the session everywhere. Returns the Set-Cookie value that clears the cookie. What is put
  // into `s` afterwards starts a new session.
  [[nodiscard]] std::string destroy(session& s) {
    auto done = run<destroyed>([&](engine& e, completion<destroyed> then) { e.destroy(s.base_, s.secure_, then); });
    if (done.status == remove_status::unknown) throw exception(std::move(done.why));
    auto empty = run<opened>([&](engine& e, completion<opened> then) { e.open({{}, s.secure_}, then); });
    start_from(s, std::move(empty.session));
    s.presented_ = false;
    s.clearing_ = std::move(done.clearing);
    return std::move(done.set_cookie);
  }

  // Logout where `open` throws record_damaged or record_mismatch: what is stored can't be read, and asking again won't
  // help. Ends the session of a request with this Cookie header, whether it can be read or not. Returns the Set-Cookie
  // value that clears the cookie; `open({})` then begins a new session. Throws store errors.
  [[nodiscard]] std::string end(std::string_view cookie_header, bool secure = false) {
    const request_facts facts{cookie_header, secure};
    auto got = run<opened>([&](engine& e, completion<opened> done) { e.open(facts, done); });
    if (got.status == open_status::unknown && !got.session.unreadable) throw exception(std::move(got.why));
    auto done = run<destroyed>([&](engine& e, completion<destroyed> then) { e.destroy(got.session, secure, then); });
    if (done.status == remove_status::unknown) throw exception(std::move(done.why));
    return std::move(done.set_cookie);
  }

  // Login: the old id is dead at once, the content stays; the next commit stores it under a new id.
  void regenerate(session& s) {
    auto done =
        run<engine::regenerated>([&](engine& e, completion<engine::regenerated> then) { e.regenerate(s.base_, then); });
    if (done.status == remove_status::unknown) throw exception(std::move(done.why));
    if (s.data_ && done.status == remove_status::removed && done.session.payload != s.base_.payload) {
      s.data_ = json::parse(
          value_or_throw(merge_payloads(s.base_.payload, text_of(*s.data_), done.session.payload, merge_policy::mine)));
    }
    s.base_ = std::move(done.session);
    s.presented_ = false;
    s.save_ = true;
  }

  // Logs everybody out: removes all that is in the store, refresh tokens and what other services keep there included.
  // Sessions in their cookies (mode jwt, jwe) end with a new secret. Returns how many entries went. Throws store
  // errors.
  std::uint64_t clear() {
    auto done = run<count_result>([](engine& e, completion<count_result> then) { e.where().clear(then); });
    if (!done.known) throw exception(std::move(done.why));
    return done.count;
  }

  // Drops up to `limit` entries that have expired and returns how many went; Redis does so by itself: 0 there. By
  // turns, among several processes: prune_in_turn (pruning.hpp). Throws store errors.
  std::uint64_t prune(std::size_t limit = std::numeric_limits<std::size_t>::max()) {
    auto done = run<count_result>([&](engine& e, completion<count_result> then) { e.where().prune(limit, then); });
    if (!done.known) throw exception(std::move(done.why));
    return done.count;
  }

  // The engine that serves the calling thread: for what is not offered here.
  [[nodiscard]] engine& native() { return *local().on; }

 private:
  // What one thread works with. Of a local store there is one for all threads, without a loop.
  struct worker {
    std::unique_ptr<event_loop> loop;
    std::shared_ptr<store> where;
    std::shared_ptr<engine> on;

    // Stores are closed before their loop goes.
    ~worker() {
      if (loop && where) where->close();
    }
  };

  // Throws what did not take place; stored or stale otherwise.
  committed commit_once(const session& s, std::optional<int> exact) {
    commit_request request;
    request.base = s.base_;
    if (s.data_) request.payload = text_of(*s.data_);
    request.printed = true;  // by nlohmann/json
    request.cookie = s.cookie_;
    request.owner = s.owner_;
    request.secure = s.secure_;
    request.presented = s.presented_;
    request.save = s.save_;
    request.exact = exact;
    auto done = run<committed>([&](engine& e, completion<committed> then) { e.commit(std::move(request), then); });
    switch (done.status) {
      case commit_status::gone:
      case commit_status::conflict:
      case commit_status::unknown:
      case commit_status::refused:
        throw exception(std::move(done.why));
      case commit_status::unchanged:
      case commit_status::stored:
      case commit_status::merged:
      case commit_status::touched:
      case commit_status::untouched:
      case commit_status::stale:
        break;
    }
    return done;
  }

  // What nlohmann/json would print as something else: a NaN as null, bytes as an object.
  static const char* unprintable(const json& data) {
    if (data.is_binary()) return "binary data";
    if (data.is_discarded()) return "a value that did not parse";
    if (data.is_number_float() && !std::isfinite(data.get<double>())) return "NaN or an infinity";
    if (!data.is_structured()) return nullptr;
    for (const auto& inner : data) {
      if (const char* what = unprintable(inner)) return what;
    }
    return nullptr;
  }

  static std::string text_of(const json& data) {
    if (const char* what = unprintable(data)) {
      throw exception({errc::not_serialisable,
                       std::string("the session can't be stored: it holds ") + what + ", which JSON does not have"});
    }
    try {
      return data.dump();
    } catch (const json::exception&) {
      throw exception({errc::not_serialisable, "session data holds a string that is not valid UTF-8"});
    }
  }

  static void start_from(session& s, snapshot base) {
    s.base_ = std::move(base);
    s.data_.reset();
    s.cookie_.reset();
    s.owner_.reset();
    s.save_ = false;
  }

  std::shared_ptr<worker> make_engine(std::unique_ptr<event_loop> loop) const {
    auto made = std::make_shared<worker>();
    made->loop = std::move(loop);
    made->where = value_or_throw(open_store(url_, {options_.time, made->loop.get(), &keys_}));
    made->on = value_or_throw(engine::create({.keys = keys_,
                                              .where = made->where,
                                              .cookie = options_.cookie,
                                              .policy = options_.policy,
                                              .time = options_.time,
                                              .tokens = options_.tokens,
                                              .affinity = options_.affinity}));
    return made;
  }

  worker& local() {
    if (!remote_) return *shared_;
    const std::lock_guard lock(mutex_);
    auto& mine = workers_[std::this_thread::get_id()];
    if (!mine) mine = make_engine(std::make_unique<event_loop>());
    return *mine;
  }

  // Runs one operation to its end: inside the call on a local store, by turning this thread's loop otherwise.
  template <class R, class Start>
  R run(Start&& start) {
    worker& mine = local();
    const auto begin = [&](completion<R> done) { start(*mine.on, done); };
    return mine.loop ? mine.loop->template wait<R>(begin) : complete<R>(begin);
  }

  std::string url_;
  key_ring keys_;
  sessions_options options_;
  bool remote_;
  std::shared_ptr<worker> shared_;
  std::mutex mutex_;
  std::unordered_map<std::thread::id, std::shared_ptr<worker>> workers_;
};

}  // namespace coatcheck
