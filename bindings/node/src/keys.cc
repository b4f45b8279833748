// The key ring as a JavaScript object, and new session ids.
#include <napi.h>
#include <vector>

#include "handles.hpp"
#include "method.hpp"
#include "options.hpp"

namespace coatcheck::node {
namespace {

// sign(value) → "s:value.signature"; throws when no key may sign now.
napi_value sign(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  text value;
  if (!value.read(env, given[0]) || !value.present()) return throw_type_error(env, "value must be a string");
  const auto signed_value = self_of<keys_handle>(given.data)->keys.sign_express(value.view(), environment::now(env));
  return signed_value ? make_string(env, *signed_value) : throw_error(env, signed_value.error());
}

// unsign("s:value.signature") → the value, or false.
napi_value unsign(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  text value;
  if (!value.read(env, given[0]) || !value.present()) return throw_type_error(env, "value must be a string");
  const auto verified = self_of<keys_handle>(given.data)->keys.unsign_express(value.view(), environment::now(env));
  if (verified) return make_string(env, verified->value);
  napi_value no = nullptr;
  napi_get_boolean(env, false, &no);
  return no;
}

// storeKey(id) → the key under which the newest secret stores this session.
napi_value store_key(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  text id;
  if (!id.read(env, given[0]) || !id.present()) return throw_type_error(env, "id must be a string");
  return make_string(env, self_of<keys_handle>(given.data)->keys.store_key(id.view(), 0));
}

// seal(purpose, context, plaintext, expiresAt) → the sealed value; throws when no key may seal.
napi_value seal(napi_env env, napi_callback_info info) {
  const arguments<4> given(env, info);
  text purpose;
  text context;
  text plain;
  double expires_at = 0;
  napi_get_value_double(env, given[3], &expires_at);
  if (!purpose.read(env, given[0]) || !context.read(env, given[1]) || !plain.read(env, given[2])) {
    return throw_type_error(env, "purpose, context and value must be strings");
  }
  const auto sealed = self_of<keys_handle>(given.data)
                          ->keys.seal(purpose.view(), context.view(), plain.view(), static_cast<epoch_ms>(expires_at),
                                      environment::now(env));
  return sealed ? make_string(env, *sealed) : throw_error(env, sealed.error());
}

// unseal(purpose, context, sealed) → the plaintext, or an Error that says why not.
napi_value unseal(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  text purpose;
  text context;
  text sealed;
  if (!purpose.read(env, given[0]) || !context.read(env, given[1]) || !sealed.read(env, given[2])) {
    return throw_type_error(env, "purpose, context and value must be strings");
  }
  const auto opened = self_of<keys_handle>(given.data)
                          ->keys.unseal(purpose.view(), context.view(), sealed.view(), environment::now(env));
  return opened ? make_string(env, opened->plaintext) : make_error(env, opened.error());
}

// openRecord(storeKey, bytes) → the record that a store keeps sealed, or an Error that says why not.
napi_value open_record(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  text key;
  std::string bytes;
  if (!key.read(env, given[0]) || !read_bytes(Napi::Value(env, given[1]), bytes)) {
    return throw_type_error(env, "key and record must be a string and bytes");
  }
  const auto opened = self_of<keys_handle>(given.data)->keys.open_record(key.view(), bytes, environment::now(env));
  return opened ? make_string(env, bytes) : make_error(env, opened.error());
}

bool read_spec(const Napi::Object& from, key_spec& into) {
  const auto string_of = [&](const char* name) {
    const Napi::Value value = from.Get(name);
    return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
  };
  const auto time_of = [&](const char* name) {
    const Napi::Value value = from.Get(name);
    return value.IsNumber() ? value.As<Napi::Number>().Int64Value() : 0;
  };
  into.id = string_of("id");
  into.not_before = time_of("notBefore");
  into.not_after = time_of("notAfter");
  const auto state = string_of("state");
  into.state = state == "revoked"       ? key_state::revoked
               : state == "verify-only" ? key_state::verify_only
                                        : key_state::active;
  return read_bytes(from.Get("secret"), into.secret);
}

}  // namespace

// createKeys([secret | keySpec, …], option) → key ring. Newest first.
napi_value create_keys(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const Napi::Value list(env, given[0]);
  text option;
  if (!list.IsArray() || !option.read(env, given[1])) return throw_type_error(env, "keys must be an array");
  const auto array = list.As<Napi::Array>();
  std::vector<std::string> secrets;
  std::vector<key_spec> specs;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value one = array.Get(i);
    std::string bytes;
    if (read_bytes(one, bytes)) {
      secrets.push_back(std::move(bytes));
    } else if (key_spec spec; one.IsObject() && read_spec(one.As<Napi::Object>(), spec)) {
      specs.push_back(std::move(spec));
    } else {
      return throw_type_error(env, "a key must be a string, bytes, or an object with a secret");
    }
  }
  if (!secrets.empty() && !specs.empty()) return throw_type_error(env, "keys must all be of one form");
  auto ring =
      specs.empty() ? key_ring::from_secrets(secrets, option.view()) : key_ring::from_keys(specs, option.view());
  if (!ring) return throw_error(env, ring.error());

  const auto self = std::make_shared<keys_handle>(keys_handle{*std::move(ring)});
  const napi_value object = wrap_shared(env, self);
  add_method(env, object, "sign", sign, self);
  add_method(env, object, "unsign", unsign, self);
  add_method(env, object, "storeKey", store_key, self);
  add_method(env, object, "seal", seal, self);
  add_method(env, object, "unseal", unseal, self);
  add_method(env, object, "openRecord", open_record, self);
  const auto warnings = Napi::Array::New(env);
  for (const auto& warning : self->keys.warnings()) warnings.Set(warnings.Length(), Napi::String::New(env, warning));
  napi_set_named_property(env, object, "warnings", warnings);
  return object;
}

// isSessionKey(key) → whether a key that the store lists is that of a session.
napi_value is_session_key(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  text key;
  if (!key.read(env, given[0])) return throw_type_error(env, "a key must be text");
  napi_value out = nullptr;
  napi_get_boolean(env, coatcheck::is_session_key(key.view()), &out);
  return out;
}

// newId(bytes) → a new session id; throws when the system gives no randomness.
napi_value new_id(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  const auto id = new_session_id(to_uint32(env, given[0]));
  return id ? make_string(env, *id) : throw_error(env, id.error());
}

}  // namespace coatcheck::node
