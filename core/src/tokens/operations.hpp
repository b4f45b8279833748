// What is done to families, in steps: see store/operation.hpp. Every write of a family is a compare-and-set; a write
// that meets another one looks at what is there now and decides anew.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coatcheck/refresh_tokens.hpp"

#include "store/operation.hpp"
#include "tokens/family.hpp"
#include "tokens/refresh_token.hpp"

namespace coatcheck::tokens {

// What all operations of one owner share; immutable.
struct family_space {
  std::shared_ptr<store> families;
  const clock* time = nullptr;
  duration_ms grace = 0;
  std::unique_ptr<token_maker> maker;  // null: families of sessions alone

  [[nodiscard]] epoch_ms now() const noexcept { return time->now(); }
  [[nodiscard]] store& where() const noexcept { return *families; }
};
using space_ref = std::shared_ptr<const family_space>;

template <class Operation, class Result>
class operation : public store_operation<Operation, Result, space_ref> {
 public:
  using store_operation<Operation, Result, space_ref>::store_operation;
};

inline constexpr int max_attempts = 64;  // each means that another write came in between
[[nodiscard]] error contended();

// The owner's epoch; 0: it was never moved.
struct epoch_found {
  bool known = false;
  epoch_ms epoch = 0;
  etag tag;  // empty: there is no record
  error why;
};
[[nodiscard]] epoch_found read_epoch(get_result&& got);

// A family id that nobody has used: 128 random bits.
[[nodiscard]] result<std::string> new_family_id();

// Stores a new family under the owner's present epoch.
struct created {
  bool known = false;
  family made;
  error why;
};
class create_operation final : public operation<create_operation, created> {
 public:
  create_operation(space_ref space, family made, completion<created> done);
  void start();

 private:
  void on_epoch(get_result&& got);
  void put();
  void on_put(put_result&& got);
  family made_;
};

// One family is read, changed and written. `Derived` decides: its `decide()` ends the operation or calls `write`.
template <class Derived, class Result>
class change_operation : public operation<Derived, Result> {
 protected:
  change_operation(space_ref space, std::string family_id, completion<Result> done)
      : operation<Derived, Result>(std::move(space), done), id_(std::move(family_id)), key_(family_key(id_)) {}

  void read() { this->shared_->where().get(key_, step<get_result, &change_operation::on_get>()); }
  void write(family next) {
    next_ = std::move(next);
    const bool live = next_.state == family_state::live;
    this->shared_->where().put(key_, encode_family(next_), next_.facts.expires_at, expectation::version(tag_),
                               live ? std::string_view(next_.facts.owner) : std::string_view(),
                               step<put_result, &change_operation::on_put>());
  }

  std::string id_;
  family current_;
  family next_;

 private:
  // As then(), for members of this class.
  template <class R, void (change_operation::*Member)(R&&)>
  completion<R> step() noexcept {
    return completion<R>(
        [](void* context, R&& value) { (static_cast<change_operation*>(context)->*Member)(std::move(value)); }, this);
  }
  [[nodiscard]] Derived& derived() { return static_cast<Derived&>(*this); }
  void look(stored_value&& value) {
    auto decoded = decode_family(value.bytes, id_, value.expires_at);
    if (!decoded) return derived().unknown(decoded.error());
    tag_ = value.tag;
    current_ = *std::move(decoded);
    derived().decide();
  }
  void on_get(get_result&& got) {
    if (got.status == get_status::unknown) return derived().unknown(std::move(got.why));
    if (got.status == get_status::absent) return derived().absent();
    look(std::move(got.value));
  }
  void on_put(put_result&& got) {
    switch (got.status) {
      case put_status::stored:
        return derived().written();
      case put_status::gone:
        return derived().absent();
      case put_status::unknown:
        return derived().unknown(std::move(got.why));
      case put_status::conflict:
        if (++attempts_ >= max_attempts) return derived().unknown(contended());
        return look(std::move(got.current));
    }
  }

  std::string key_;
  etag tag_;
  int attempts_ = 0;
};

// A genuine counter, or one whose MAC is still to be checked against the family's salt.
struct presented_token {
  std::string family_id;
  std::uint32_t counter = 0;
  std::optional<crypto::sha256_digest> mac;  // unset: the counter came out of a token that was verified
};
// As refresh_result; `token` is empty for a session, whose cookie is made of `now` and what it held.
struct advanced {
  refresh_status status = refresh_status::unknown;
  std::string token;
  bool repeated = false;
  family now;
  error why;
};
enum class advance_mode : std::uint8_t {
  use,    // rotation, grace, theft
  look,   // the same judgement, but nothing rotates yet
  claim,  // after `look` in the same request: the successor, whoever makes it first; never theft
};
class advance_operation final : public change_operation<advance_operation, advanced> {
 public:
  advance_operation(space_ref space, presented_token what, advance_mode mode, completion<advanced> done);
  void start() { read(); }

 private:
  friend class change_operation<advance_operation, advanced>;
  void decide();
  void on_epoch(get_result&& got);
  void judge_now();
  void rotate_now();
  void written();
  void absent();
  void unknown(error why);
  void refuse(refresh_status status, errc code, const char* text);
  void hand_out(const family& newest, bool repeated);

  presented_token what_;
  advance_mode mode_;
  epoch_ms now_;
  std::optional<epoch_ms> epoch_;  // the owner's, once it is read
  family_state ending_ = family_state::live;
};

// Ends a family, also one whose record can't be read. `what.mac` set: only if the token is genuine, which that record
// would have to say.
class revoke_operation final : public change_operation<revoke_operation, remove_result> {
 public:
  revoke_operation(space_ref space, presented_token what, completion<remove_result> done);
  void start() { read(); }

 private:
  friend class change_operation<revoke_operation, remove_result>;
  void decide();
  void written() { finish({remove_status::removed, {}}); }
  void absent() { finish({remove_status::absent, {}}); }
  void unknown(error why);
  void on_remove(remove_result&& got) { finish(std::move(got)); }
  presented_token what_;
};

// New facts of a live family; what is unset stays.
struct family_change {
  std::optional<std::string> only_of;  // leave a family of anybody else alone
  std::optional<std::string> owner;
  std::optional<duration_ms> idle;
  std::optional<epoch_ms> absolute_at;
  std::optional<epoch_ms> epoch;
  bool renew = false;  // counts as a use: the idle deadline moves
};
struct amended {
  remove_status status = remove_status::unknown;  // removed: it was there, and is changed
  family now;
  error why;
};
class amend_operation final : public change_operation<amend_operation, amended> {
 public:
  amend_operation(space_ref space, std::string family_id, family_change change, completion<amended> done);
  void start() { read(); }

 private:
  friend class change_operation<amend_operation, amended>;
  void decide();
  void on_epoch(get_result&& got);
  void apply();
  void written() { finish({remove_status::removed, std::move(next_), {}}); }
  void absent() { finish({remove_status::absent, {}, {}}); }
  void unknown(error why) { finish({remove_status::unknown, {}, std::move(why)}); }
  family_change change_;
};

}  // namespace coatcheck::tokens
