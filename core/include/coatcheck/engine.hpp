// The session engine: key ring + store + policy. A host makes one call at the start of a request (`open`)
// and at most one at its end (`commit`); `destroy` and `regenerate` are for logout and login.
//
// The payload is a JSON object as text. The engine stores bytes and compares values; it parses JSON only
// when bytes differ. Every write is a compare-and-set: concurrent writes to different keys are merged, a
// destroyed session stays destroyed. An outcome that is not known (`unknown`) never creates, overwrites
// or turns a user anonymous: what to answer then is the host's policy.
//
// A snapshot is a plain value: it holds no lock, connection or reference, and may simply be dropped.
//
// Completions: as the store's (store.hpp). On a store without `needs_loop` use `complete<R>` or throwing.hpp.
// Thread safety: that of the store. On one without `needs_loop` an engine may be used from any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/cookie.hpp"
#include "coatcheck/error.hpp"
#include "coatcheck/foreign.hpp"
#include "coatcheck/key_ring.hpp"
#include "coatcheck/life_cycle.hpp"
#include "coatcheck/merge.hpp"
#include "coatcheck/store.hpp"
#include "coatcheck/token_sessions.hpp"

namespace coatcheck {

enum class secure_mode : std::uint8_t {
  automatic,  // Secure on requests that came over TLS (the host says so), not on others
  always,     // Secure, and not sent at all on a request that is not secure
  never,
};
enum class same_site_mode : std::uint8_t { lax, strict, none, unset, automatic };  // automatic: none on TLS, else lax

// How a session's Set-Cookie is printed: browsers make no difference.
enum class cookie_style : std::uint8_t {
  standard,   // serialise: with Expires where the browser is to keep it
  starlette,  // serialise_as_starlette: with Max-Age
};

struct cookie_options {
  // Empty: `session`, and on secure requests `__Host-session` (`__Secure-session` where domain or path forbid
  // __Host-). A name that is given is used as it is.
  std::string name{};
  std::optional<duration_ms> max_age{};  // unset: a cookie of the browser session. Set: also the idle timeout
  std::string domain{};
  std::string path = "/";
  bool http_only = true;
  secure_mode secure = secure_mode::automatic;
  same_site_mode same_site = same_site_mode::lax;
  bool partitioned = false;
  cookie_priority priority = cookie_priority::unset;
  cookie_style style = cookie_style::standard;
};

// What becomes of half a surrogate pair, left where a string of UTF-16 units was cut inside a character: U+FFFD in its
// place, or the commit is refused with its path.
enum class lone_surrogates : std::uint8_t { replace, refuse };

struct session_policy {
  // No request for this long ends a session. Unset: 1 h (NIST SP 800-63B-4, AAL2); on a store in another package's
  // layout what that package has (store_capabilities::layout_lifetime). A cookie's max_age replaces it.
  std::optional<duration_ms> idle_timeout{};
  // A session never lives longer than this, whatever its activity. 0: unbounded. Unset: 24 h (AAL2); where the
  // idle timeout is longer than that, 30 days (AAL1) or the idle timeout, whichever is longer; in another package's
  // layout, which has no place for it, unbounded.
  std::optional<duration_ms> absolute_timeout{};
  // Share of the idle timeout that must have passed before a touch is written: 0 (each request) to 0.9.
  double touch_share = 0.1;
  bool rolling = false;                           // Set-Cookie on every response
  bool save_uninitialised = false;                // store a new session that nobody changed
  bool resave = false;                            // store a session that somebody looked at, even if nothing changed
  bool removed_ends = true;                       // a session that the application takes off its request is ended
  merge_policy on_conflict = merge_policy::mine;  // what really collides when two requests' changes are merged
  merge_rules merge{};                            // rules by path, before on_conflict
  // For so long after a session's id was renewed, a request that had read it before writes into its successor: what it
  // changed is merged there, and where both changed one value the successor's stays. A new request with the old id gets
  // nothing, at once. 0: such a request ends in `gone`. At most 10 minutes. Unset: 30 s, in another package's layout 0.
  std::optional<duration_ms> regenerate_grace{};
  // Compare-and-set attempts before session_conflict, of a transaction twenty times as many. Of requests that race,
  // each round lets one through.
  int conflict_retries = 100;
  std::size_t max_payload = 1024 * 1024;  // bytes
  std::size_t max_members = 20'000;       // members of objects and elements of arrays, all together
  lone_surrogates halves = lone_surrogates::replace;
  std::size_t id_bytes = 32;  // of randomness in a new id
};

// Sticky sessions: the browser is told which node serves its session, for a balancer in front to read (docs/guide.md).
struct affinity_options {
  std::string node{};  // this process' name there: 1 to 64 of [A-Za-z0-9._-]. Empty: none
  // Sent with the session's cookie, and to a browser whose session came here from another node. It has the domain, path
  // and flags of the session's, and no signature: each node serves each session that its store holds.
  std::string cookie = "route";
};

struct engine_options {
  key_ring keys;
  std::shared_ptr<store> where{};
  cookie_options cookie{};
  session_policy policy{};
  const clock* time = nullptr;     // not owned; null: the system clock
  token_session_options tokens{};  // sessions in the cookie itself; `where` then keeps their families
  // Where sessions were before: asked, in this order, about a request that has none here. What is found is adopted: a
  // new session with that data, under our own rules. One in its cookie can be brought again by whoever has a copy of
  // that cookie, until its age is over: take the source away by then.
  std::vector<foreign_source> migrate_from{};
  affinity_options affinity{};  // not with sessions in the cookie itself
};

struct request_facts {
  std::string_view cookie_header{};  // the raw Cookie header; empty: none
  bool secure = false;               // whether the request came over TLS, as far as the host trusts it
};

// Why a session is fresh. For logs and metrics; an application need not look.
enum class fresh_reason : std::uint8_t {
  none,           // it is not fresh
  no_cookie,      // the request carried none of that name
  refused,        // over a limit
  bad_signature,  // no candidate verified
  not_found,      // verified, but no store entry: expired there, destroyed, or never saved
  expired,        // idle or absolute deadline passed
  ambiguous,      // two different live sessions in one request: neither is trusted
  revoked,        // token modes: its family was revoked, or its owner's sessions were
  reused,         // token modes: a cookie that was replaced long ago came again; its family is revoked now
  foreign,        // another package's session is there, and what it holds can't be read
};
[[nodiscard]] std::string_view name_of(fresh_reason reason) noexcept;

// What was read of one session, or an empty one for a session that is not stored yet.
struct snapshot {
  std::string id{};         // empty: not stored yet
  std::string successor{};  // after regenerate: the id that the commit will store it under
  std::size_t key = 0;      // index of the ring's key under which the store key is made
  etag tag{};               // of the stored version; empty: not stored yet
  epoch_ms created = 0;
  epoch_ms expires_at = 0;   // idle deadline, as the store has it
  epoch_ms absolute_at = 0;  // 0: unbounded
  duration_ms idle = 0;      // this session's idle timeout
  std::string owner{};
  // What the application set on this session's cookie, a JSON object, or empty: maxAge (ms) or expires (ms since
  // the epoch), domain, path, httpOnly, secure, sameSite ("lax", "strict", "none", false), partitioned, priority.
  std::string cookie{};
  std::string payload{};  // JSON object text; "{}" for a new one
  // A record is there under this id, and can't be read (see opened). It may be ended, and nothing else.
  bool unreadable = false;
  // The browser was sent to this node by chance, or from one that is gone (affinity_options): the commit tells it.
  bool reroute = false;
  // The live sessions of a request that carried several (fresh_reason::ambiguous). None of them is trusted, and as long
  // as two live each request is without a session; `destroy` ends them all, and so does the commit that stores this
  // one.
  struct rival {
    std::string id{};
    std::size_t key = 0;
  };
  std::vector<rival> rivals{};
  // Of an adopted session that is not stored yet: where it was. A commit that stores it, and `destroy`, end it there.
  struct origin {
    std::size_t source = 0;  // in engine_options::migrate_from
    std::string key{};       // of a record; empty: it was in its cookie
  };
  std::optional<origin> from{};

  // As one line of text, without the payload, and back: for hosts that keep no native object.
  [[nodiscard]] std::string pack() const;
  [[nodiscard]] static result<snapshot> unpack(std::string_view packed, std::string_view payload);
};

// unknown: the store gave no answer, and `session` is empty; or its answer can't be read (record_damaged,
// record_mismatch), which asking again does not change. Then `session.unreadable` is set and `session` may be given to
// `destroy` (a logout) and `regenerate` (a login), which end the record: else its browser would be locked out for ever.
// Until somebody does, the record stays as it is, for whoever is to find out what happened.
//
// adopted: a new session that holds what another package stored for this browser (engine_options::migrate_from). It is
// not stored yet: the application's first look at it is a change, and its commit stores it under an id of ours.
enum class open_status : std::uint8_t { found, fresh, unknown, adopted };
struct opened {
  open_status status = open_status::unknown;
  snapshot session;
  fresh_reason reason = fresh_reason::none;
  bool touch_due = false;  // found, and its deadline should be moved: commit even if nobody looked at it
  error why;               // when unknown
};

struct commit_request {
  snapshot base{};                       // from open, or from an earlier commit of this request
  std::optional<std::string> payload{};  // unset: nobody looked at the session
  std::optional<std::string> cookie{};   // new cookie settings (see snapshot); unset: as they were
  std::optional<std::string> owner{};    // new owner; unset: as it was
  std::string id{};                      // for a new session: an id the host made (genid); empty: the engine's
  bool secure = false;                   // of the request
  bool save = false;                     // store even if nothing changed (an explicit save())
  // A transaction's attempt, counted from 0: another request's write is not merged with this one but ends in `stale`,
  // after which the host makes its change again on the session that comes with it. Past conflict_retries: conflict.
  std::optional<int> exact{};
  // The payload comes from a JSON printer (JSON.stringify, json.dumps), which makes no invalid text and no duplicate
  // members: then only what such printers let through is looked for, and most payloads need no parsing at all.
  bool printed = false;
  bool presented = true;  // the request carried this session's cookie
  bool roll = false;      // send the cookie even where nothing changed: session_policy::rolling for one request
};
enum class commit_status : std::uint8_t {
  unchanged,  // nothing to write
  stored,     // written as it is
  merged,     // written, with another request's changes
  touched,    // only the deadline moved
  untouched,  // only the deadline was to move, and the store did not take it (`why`): the session is as it was read
  gone,       // it was destroyed meanwhile: nothing was written, and no cookie is to be sent
  conflict,   // both changed the same key and the policy is `reject`, or the retries ran out
  unknown,    // may or may not have been written
  refused,    // the payload cannot be stored (`why`)
  stale,      // `exact`, and another request wrote: nothing was written, `session` is what is stored now
};
struct committed {
  commit_status status = commit_status::unknown;
  std::string set_cookie;  // value of the Set-Cookie header to add; empty: none
  // Set-Cookie values to add before it: they clear other forms of the cookie (see destroyed), where it had rivals, and
  // name the node (affinity_options).
  std::vector<std::string> clearing{};
  // A cookie was due but not made, because it must be Secure and the request is not: the host should warn.
  bool cookie_withheld = false;
  snapshot session;  // base of a further commit
  error why;         // for gone, conflict, unknown, refused, untouched
};

struct destroyed {
  remove_status status = remove_status::unknown;
  std::string set_cookie;  // clears the cookie in the browser
  // Set-Cookie values to add before it: they clear the other forms in which these options can have set the cookie
  // (host-only where there is a domain, the options' domain and path where the session has its own).
  std::vector<std::string> clearing{};
  error why;  // when unknown
};

class engine {
 public:
  // Errors: invalid_option, invalid_cookie (a name prefix that the options contradict, …).
  [[nodiscard]] static result<std::shared_ptr<engine>> create(engine_options options);
  ~engine();

  // Of its store: an engine on one without `needs_loop` completes everything inside the call.
  [[nodiscard]] store_capabilities capabilities() const noexcept;
  // With what was left unset filled in.
  [[nodiscard]] const session_policy& policy() const noexcept;
  [[nodiscard]] store& where() const noexcept;
  [[nodiscard]] const key_ring& keys() const noexcept;
  // The cookie's name on a request of this kind.
  [[nodiscard]] std::string_view cookie_name(bool secure) const noexcept;

  // What a request's end calls for (life_cycle.hpp): for these facts, bits of end_fact; and for all, by their number.
  [[nodiscard]] end_plan end(std::uint32_t facts) const;
  [[nodiscard]] coatcheck::end_table end_table() const;
  // What a response says beside Set-Cookie: bits of response_header.
  [[nodiscard]] unsigned response_headers(bool sends_cookie, bool looked) const;

  // Finds the session of a request. Never fails: a bad cookie gives a fresh session with a reason.
  void open(const request_facts& request, completion<opened> done) const;
  // Reads a session again by id (express' reload, a WebSocket's later look).
  void load(std::string_view session_id, completion<opened> done) const;
  // Reads a session by its key in the store, as `scan` lists it (is_session_key), whatever secret it was made under:
  // for lists of all sessions. Its snapshot has no id, for the store has none, and is not for `commit`.
  void inspect(std::string_view store_key, completion<opened> done) const;
  // Writes what changed, if anything, or moves the deadline if that is due.
  void commit(commit_request request, completion<committed> done) const;
  // Ends a session, and its rivals. `secure` is that of the request, for the clearing cookie.
  void destroy(const snapshot& session, bool secure, completion<destroyed> done) const;
  // For login: ends the session under its old id at once and gives an empty-id snapshot with the same
  // payload, cookie settings and owner; `commit` stores it under a new id (`id` if the host makes its own). The payload
  // is the stored one: where it is not that of `session`, another request wrote, and the host merges its own changes
  // with it. status unknown: it may have ended. status absent for a session that was stored: another request ended it
  // meanwhile, and the snapshot is an empty one. Of an unreadable session nothing is kept: removed, and an empty one.
  // Rivals stay with the snapshot, until `commit` ends them.
  struct regenerated {
    remove_status status = remove_status::unknown;
    snapshot session;
    error why;
  };
  void regenerate(const snapshot& session, completion<regenerated> done, std::string_view id = {}) const;

  // The attributes of a session's cookie on a request of this kind, where the session has no settings of its own: for
  // hosts that show them. Name, domain and path live as long as the engine; the value is empty.
  [[nodiscard]] set_cookie cookie_attributes(bool secure) const;
  // Set-Cookie value that clears the session's cookie.
  [[nodiscard]] std::string clearing_cookie(bool secure, std::string_view cookie_settings = {}) const;

 private:
  struct impl;
  explicit engine(std::shared_ptr<const impl> state);
  std::shared_ptr<const impl> impl_;  // shared with operations under way
};

// Several Set-Cookie values as one text, for hosts that hand over one: a line each, the session's own last.
[[nodiscard]] std::string set_cookie_lines(const std::vector<std::string>& clearing, std::string_view set_cookie);
// Whether two JSON texts mean the same value: order of keys, `1.0` and `1`, escapes do not count.
[[nodiscard]] bool same_json(std::string_view a, std::string_view b);
// Whether a text may be stored: a JSON object in UTF-8, depth up to 64, no duplicate or `__proto__` member, finite
// numbers, integers as portable_integer has them, no lone surrogate. What every language reads back as it was.
// Errors: not_serialisable, payload_too_large (bytes, or members and elements).
[[nodiscard]] result<void> check_payload(std::string_view json, std::size_t max_bytes = 1024 * 1024,
                                         std::size_t max_members = 20'000);
// How a member is named in a message about where a payload is at fault: by its name where that is a plain identifier of
// up to 32 characters (letters, digits, _ and $, no digit first), else by its position, "{3}": a name may be data.
[[nodiscard]] std::string member_label(std::string_view name, std::size_t position);
constexpr std::size_t max_labels = 8;  // in one message; what is deeper is left out
// What an id that a host makes may be: 1 to 128 printable ASCII characters. Error: invalid_option.
[[nodiscard]] result<void> check_session_id(std::string_view id);
// Whether an integer, in decimal digits with or without a minus, is the same number where numbers are doubles: up to
// 2^53 each one; beyond that those whose digits are what JavaScript prints of the double (10000000000000000 is,
// 9007199254740993 is not).
[[nodiscard]] bool portable_integer(std::string_view digits) noexcept;

}  // namespace coatcheck
