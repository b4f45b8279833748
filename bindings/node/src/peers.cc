// Other packages' formats (coatcheck/peers.hpp).
#include "coatcheck/peers.hpp"

#include <napi.h>

#include "environment.hpp"
#include "handles.hpp"
#include "options.hpp"
#include "values.hpp"

namespace coatcheck::node {

// keygripSign(key, data) → the signature
napi_value keygrip_sign(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  std::string key;
  text data;
  if (!read_bytes(Napi::Value(env, given[0]), key) || !data.read(env, given[1])) {
    return throw_type_error(env, "a key must be text or bytes, what is signed text");
  }
  return make_string(env, coatcheck::keygrip_sign(key, data.view()));
}

// keygripIndex([key, …], data, signature) → which of the keys made it; -1 for none
napi_value keygrip_index(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  const Napi::Value list(env, given[0]);
  text data;
  text signature;
  if (!list.IsArray() || !data.read(env, given[1]) || !signature.read(env, given[2])) {
    return throw_type_error(env, "keys must be an array, data and signature text");
  }
  const auto array = list.As<Napi::Array>();
  std::vector<std::string> keys(array.Length());
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    if (!read_bytes(array.Get(i), keys[i])) return throw_type_error(env, "a key must be text or bytes");
  }
  const auto found = coatcheck::keygrip_index(keys, data.view(), signature.view());
  return make_number(env, found ? static_cast<double>(*found) : -1);
}

// ironSeal(id, secret, plaintext, expiresAt) → the seal; throws what is wrong
napi_value iron_seal(napi_env env, napi_callback_info info) {
  const arguments<4> given(env, info);
  iron_password password;
  text plaintext;
  const Napi::Value expires_at(env, given[3]);
  if (!read_bytes(Napi::Value(env, given[0]), password.id) ||
      !read_bytes(Napi::Value(env, given[1]), password.secret) || !plaintext.read(env, given[2]) ||
      !expires_at.IsNumber()) {
    return throw_type_error(env, "a seal needs an id, a password, a text and milliseconds");
  }
  const auto sealed = coatcheck::iron_seal(password, plaintext.view(), expires_at.As<Napi::Number>().Int64Value());
  return sealed ? make_string(env, *sealed) : throw_error(env, sealed.error());
}

// ironUnseal([[id, secret], …], seal) → the plaintext; throws what is wrong
napi_value iron_unseal(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const Napi::Value list(env, given[0]);
  text sealed;
  if (!list.IsArray() || !sealed.read(env, given[1])) return throw_type_error(env, "a seal must be text");
  const auto array = list.As<Napi::Array>();
  std::vector<iron_password> passwords(array.Length());
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value one = array.Get(i);
    if (!one.IsArray() || !read_bytes(one.As<Napi::Array>().Get(0U), passwords[i].id) ||
        !read_bytes(one.As<Napi::Array>().Get(1U), passwords[i].secret)) {
      return throw_type_error(env, "passwords must be pairs of an id and a text");
    }
  }
  const auto opened = coatcheck::iron_unseal(passwords, sealed.view(), environment::now(env));
  return opened ? make_string(env, *opened) : throw_error(env, opened.error());
}

}  // namespace coatcheck::node
