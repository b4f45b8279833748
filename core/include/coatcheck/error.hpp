// Errors as values: the code, what it means, and the result type that carries it.
//
// Core functions return `result<T>`. Nothing in the core throws on bad input; `throwing.hpp` has the
// convenience that turns an error into an exception. A message says what was wrong, with what, and what
// to do; it never holds a secret, session data or a full session id.
//
// Thread safety: plain values.
#pragma once

#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace coatcheck {

// One row per code: identifier, the stable name (Error.code in JavaScript, `.code` in Python), and the
// class of error that the bindings raise. The bindings build their tables from this list.
#define COATCHECK_ERRORS(X)                                  \
  X(invalid_option, "ERR_INVALID_OPTION", config)            \
  X(invalid_secret, "ERR_INVALID_SECRET", config)            \
  X(invalid_url, "ERR_INVALID_URL", config)                  \
  X(invalid_cookie, "ERR_INVALID_COOKIE", config)            \
  X(headers_sent, "ERR_HEADERS_SENT", usage)                 \
  X(invalid_state, "ERR_INVALID_STATE", usage)               \
  X(not_serialisable, "ERR_NOT_SERIALISABLE", payload)       \
  X(payload_too_large, "ERR_PAYLOAD_TOO_LARGE", payload)     \
  X(record_damaged, "ERR_RECORD_DAMAGED", store)             \
  X(record_mismatch, "ERR_RECORD_MISMATCH", store)           \
  X(store_unavailable, "ERR_STORE_UNAVAILABLE", store)       \
  X(store_timeout, "ERR_STORE_TIMEOUT", store)               \
  X(store_full, "ERR_STORE_FULL", store)                     \
  X(store_overloaded, "ERR_STORE_OVERLOADED", store)         \
  X(store_permission, "ERR_STORE_PERMISSION", store)         \
  X(store_format, "ERR_STORE_FORMAT", store)                 \
  X(store_closed, "ERR_STORE_CLOSED", store)                 \
  X(store_protocol, "ERR_STORE_PROTOCOL", store)             \
  X(store_refused, "ERR_STORE_REFUSED", store)               \
  X(store_unsupported, "ERR_STORE_UNSUPPORTED", store)       \
  X(session_conflict, "ERR_SESSION_CONFLICT", session)       \
  X(session_gone, "ERR_SESSION_GONE", session)               \
  X(random_failed, "ERR_RANDOM_FAILED", internal)            \
  X(crypto_failed, "ERR_CRYPTO_FAILED", internal)            \
  X(token_malformed, "ERR_TOKEN_MALFORMED", token)           \
  X(token_too_large, "ERR_TOKEN_TOO_LARGE", token)           \
  X(token_header_invalid, "ERR_TOKEN_HEADER_INVALID", token) \
  X(token_critical, "ERR_TOKEN_CRITICAL", token)             \
  X(token_algorithm, "ERR_TOKEN_ALGORITHM", token)           \
  X(token_key, "ERR_TOKEN_KEY", token)                       \
  X(token_signature, "ERR_TOKEN_SIGNATURE", token)           \
  X(token_decryption, "ERR_TOKEN_DECRYPTION", token)         \
  X(token_payload, "ERR_TOKEN_PAYLOAD", token)               \
  X(token_claim, "ERR_TOKEN_CLAIM", token)                   \
  X(token_expired, "ERR_TOKEN_EXPIRED", token)               \
  X(token_not_active, "ERR_TOKEN_NOT_ACTIVE", token)         \
  X(token_type, "ERR_TOKEN_TYPE", token)                     \
  X(token_purpose, "ERR_TOKEN_PURPOSE", token)               \
  X(token_revoked, "ERR_TOKEN_REVOKED", token)               \
  X(token_reused, "ERR_TOKEN_REUSED", token)                 \
  X(key_invalid, "ERR_KEY_INVALID", config)                  \
  X(key_unsuitable, "ERR_KEY_UNSUITABLE", config)            \
  X(key_weak, "ERR_KEY_WEAK", config)                        \
  X(key_set_invalid, "ERR_KEY_SET_INVALID", token)           \
  X(key_set_unavailable, "ERR_KEY_SET_UNAVAILABLE", token)

enum class errc : std::uint8_t {
#define COATCHECK_X(id, name, kind) id,
  COATCHECK_ERRORS(COATCHECK_X)
#undef COATCHECK_X
};

// What the bindings raise: one exception class per kind.
enum class error_kind : std::uint8_t { config, usage, payload, store, session, token, internal };

// The stable name of a code, e.g. "ERR_STORE_FULL". Never changes once released.
[[nodiscard]] constexpr std::string_view name_of(errc code) noexcept {
  switch (code) {
#define COATCHECK_X(id, name, kind) \
  case errc::id:                    \
    return name;
    COATCHECK_ERRORS(COATCHECK_X)
#undef COATCHECK_X
  }
  return "ERR_UNKNOWN";
}

[[nodiscard]] constexpr error_kind kind_of(errc code) noexcept {
  switch (code) {
#define COATCHECK_X(id, name, kind) \
  case errc::id:                    \
    return error_kind::kind;
    COATCHECK_ERRORS(COATCHECK_X)
#undef COATCHECK_X
  }
  return error_kind::internal;
}

struct error {
  errc code = errc::invalid_state;
  std::string message;
};

// Either a value or an error. `*r` and `r->` need `r` to be true, which is asserted.
template <class T>
class [[nodiscard]] result {
 public:
  result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  result(coatcheck::error why) : state_(std::in_place_index<1>, std::move(why)) {}
  result(errc code, std::string message) : result(coatcheck::error{code, std::move(message)}) {}

  [[nodiscard]] explicit operator bool() const noexcept { return state_.index() == 0; }
  [[nodiscard]] T& operator*() & noexcept { return value(); }
  [[nodiscard]] const T& operator*() const& noexcept { return value(); }
  [[nodiscard]] T&& operator*() && noexcept { return std::move(value()); }
  [[nodiscard]] T* operator->() noexcept { return &value(); }
  [[nodiscard]] const T* operator->() const noexcept { return &value(); }

  [[nodiscard]] const coatcheck::error& error() const noexcept {
    assert(state_.index() == 1);
    return *std::get_if<1>(&state_);
  }

 private:
  T& value() noexcept {
    assert(state_.index() == 0);
    return *std::get_if<0>(&state_);
  }
  const T& value() const noexcept {
    assert(state_.index() == 0);
    return *std::get_if<0>(&state_);
  }
  std::variant<T, coatcheck::error> state_;
};

template <>
class [[nodiscard]] result<void> {
 public:
  result() = default;
  result(coatcheck::error why) : error_(std::move(why)), ok_(false) {}
  result(errc code, std::string message) : result(coatcheck::error{code, std::move(message)}) {}

  [[nodiscard]] explicit operator bool() const noexcept { return ok_; }
  [[nodiscard]] const coatcheck::error& error() const noexcept {
    assert(!ok_);
    return error_;
  }

 private:
  coatcheck::error error_;
  bool ok_ = true;
};

}  // namespace coatcheck
