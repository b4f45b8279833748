// Refresh tokens as a JavaScript object: one method per call of the core's refresh_tokens.
//
// What an operation answers is an array, a boolean, or an Error when it failed or the store did not answer; the slot,
// always the last argument, is as in store_handle.cc. A family travels as an array:
//   [id, kind, owner, device, payload, created, lastUsed, expiresAt, absoluteAt, epoch]
#include <array>
#include <napi.h>
#include <string_view>

#include "coatcheck/refresh_tokens.hpp"

#include "handles.hpp"
#include "method.hpp"
#include "options.hpp"

namespace coatcheck::node {
namespace {

struct refresh_handle {
  std::shared_ptr<store_handle> keeper;
  std::shared_ptr<const refresh_tokens> tokens;
};

template <std::size_t N>
napi_value make_array(napi_env env, const std::array<napi_value, N>& values) {
  napi_value out = nullptr;
  napi_create_array_with_length(env, N, &out);
  for (std::uint32_t i = 0; i < N; ++i) {
    if (values[i] != nullptr) napi_set_element(env, out, i, values[i]);
  }
  return out;
}

napi_value make_time(napi_env env, epoch_ms at) { return make_number(env, static_cast<double>(at)); }

napi_value make_bool(napi_env env, bool value) {
  napi_value out = nullptr;
  napi_get_boolean(env, value, &out);
  return out;
}

napi_value make_family(napi_env env, const token_family& of) {
  return make_array<10>(
      env, {make_string(env, of.id), make_string(env, of.kind == family_kind::session ? "session" : "refresh"),
            make_string(env, of.owner), make_string(env, of.device), make_string(env, of.payload),
            make_time(env, of.created), make_time(env, of.last_used), make_time(env, of.expires_at),
            make_time(env, of.absolute_at), make_time(env, of.epoch)});
}

// [token, family]
napi_value issued_to_js(napi_env env, issue_result&& got, std::uint32_t) {
  if (got.status != issue_status::issued) return make_error(env, got.why);
  return make_array<2>(env, {make_string(env, got.token), make_family(env, got.family)});
}

// [status, token, repeated, family, Error]: token and repeated when rotated, else the Error; the family's id and owner
// also when reused.
napi_value refreshed_to_js(napi_env env, refresh_result&& got, std::uint32_t) {
  const bool rotated = got.status == refresh_status::rotated;
  const bool has_family = rotated || got.status == refresh_status::reused;
  return make_array<5>(env, {make_string(env, name_of(got.status)), rotated ? make_string(env, got.token) : nullptr,
                             make_bool(env, got.repeated), has_family ? make_family(env, got.family) : nullptr,
                             rotated ? nullptr : make_error(env, got.why)});
}

napi_value families_to_js(napi_env env, families_result&& got, std::uint32_t) {
  if (!got.known) return make_error(env, got.why);
  napi_value out = nullptr;
  napi_create_array_with_length(env, got.families.size(), &out);
  std::uint32_t index = 0;
  for (const auto& one : got.families) napi_set_element(env, out, index++, make_family(env, one));
  return out;
}

napi_value removed_to_js(napi_env env, remove_result&& got, std::uint32_t) {
  if (got.status == remove_status::unknown) return make_error(env, got.why);
  return make_bool(env, got.status == remove_status::removed);
}

// [count, epoch]
napi_value revoked_all_to_js(napi_env env, revoke_all_result&& got, std::uint32_t) {
  if (!got.known) return make_error(env, got.why);
  return make_array<2>(env, {make_number(env, static_cast<double>(got.count)), make_time(env, got.epoch)});
}

napi_value epoch_to_js(napi_env env, epoch_result&& got, std::uint32_t) {
  if (got.status == epoch_status::unknown) return make_error(env, got.why);
  return make_bool(env, got.status == epoch_status::current);
}

template <class R, class Start>
napi_value answer(napi_env env, const std::shared_ptr<refresh_handle>& self, napi_value slot,
                  napi_value (*to_js)(napi_env, R&&, std::uint32_t), Start&& start) {
  return run_in_slot<R>(env, self->keeper->where, self, to_uint32(env, slot), 0, to_js, std::forward<Start>(start));
}

// issue(owner, device, payload, slot)
napi_value issue(napi_env env, napi_callback_info info) {
  const arguments<4> given(env, info);
  const auto& self = self_of<refresh_handle>(given.data);
  text owner;
  text device;
  text payload;
  if (!owner.read(env, given[0]) || !device.read(env, given[1]) || !payload.read(env, given[2])) {
    return throw_type_error(env, "owner, device and claims must be text");
  }
  return answer<issue_result>(env, self, given[3], issued_to_js, [&](auto done) {
    self->tokens->issue(owner.view(), device.view(), payload.view(), done);
  });
}

// The methods that take one string: name(text, slot)
template <class R, void (refresh_tokens::*Call)(std::string_view, completion<R>) const,
          napi_value (*ToJs)(napi_env, R&&, std::uint32_t)>
napi_value with_text(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const auto& self = self_of<refresh_handle>(given.data);
  text what;
  if (!what.read(env, given[0]) || !what.present()) return throw_type_error(env, "the argument must be a string");
  return answer<R>(env, self, given[1], ToJs, [&](auto done) { ((*self->tokens).*Call)(what.view(), done); });
}

// revokeAll(owner, except, slot)
napi_value revoke_all(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  const auto& self = self_of<refresh_handle>(given.data);
  text owner;
  text except;
  if (!owner.read(env, given[0]) || !except.read(env, given[1])) {
    return throw_type_error(env, "owner and except must be strings");
  }
  return answer<revoke_all_result>(env, self, given[2], revoked_all_to_js,
                                   [&](auto done) { self->tokens->revoke_all(owner.view(), except.view(), done); });
}

// check(owner, epoch, slot)
napi_value check(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  const auto& self = self_of<refresh_handle>(given.data);
  text owner;
  double epoch = 0;
  if (!owner.read(env, given[0]) || napi_get_value_double(env, given[1], &epoch) != napi_ok) {
    return throw_type_error(env, "owner must be a string and epoch a number");
  }
  return answer<epoch_result>(env, self, given[2], epoch_to_js, [&](auto done) {
    self->tokens->check(owner.view(), static_cast<epoch_ms>(epoch), done);
  });
}

}  // namespace

// createRefreshTokens(keys, store, { idleTimeout, absoluteTimeout, grace }) → refresh tokens; throws what is wrong with
// the options.
napi_value create_refresh_tokens(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  const auto keys = unwrap_shared<keys_handle>(env, given[0]);
  const auto keeper = unwrap_shared<store_handle>(env, given[1]);
  const Napi::Value options(env, given[2]);
  if (!keys || !keeper || !options.IsObject()) {
    return throw_type_error(env, "refresh tokens need keys, a store and options");
  }
  refresh_options wanted{.keys = keys->keys, .where = keeper->store};
  wanted.time = &keeper->where->clock();
  read_refresh_options(options.As<Napi::Object>(), wanted);
  auto created = refresh_tokens::create(std::move(wanted));
  if (!created) return throw_error(env, created.error());

  const auto self = std::make_shared<refresh_handle>(refresh_handle{keeper, *std::move(created)});
  napi_value object = nullptr;
  napi_create_object(env, &object);
  add_method(env, object, "issue", issue, self);
  add_method(env, object, "refresh", with_text<refresh_result, &refresh_tokens::refresh, refreshed_to_js>, self);
  add_method(env, object, "list", with_text<families_result, &refresh_tokens::list, families_to_js>, self);
  add_method(env, object, "revoke", with_text<remove_result, &refresh_tokens::revoke, removed_to_js>, self);
  add_method(env, object, "revokeToken", with_text<remove_result, &refresh_tokens::revoke_token, removed_to_js>, self);
  add_method(env, object, "revokeAll", revoke_all, self);
  add_method(env, object, "check", check, self);
  return object;
}

}  // namespace coatcheck::node
