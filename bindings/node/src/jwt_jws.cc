// JWS of any bytes: verifying the compact and the JSON serialisations.
#include "coatcheck/jose/bare_signature.hpp"
#include "coatcheck/jose/jws.hpp"

#include "jwt_handles.hpp"
#include "jwt_options.hpp"
#include "method.hpp"
#include "options.hpp"

namespace coatcheck::node {
namespace {

using namespace jose;

jws_verify_options read_options(napi_env env, napi_value value) {
  const Napi::Object from = object_of(env, value);
  jws_verify_options options;
  number_option(from, "maxToken", options.max_token);
  options.allow_unencoded = bool_option(from, "allowUnencoded");
  return options;
}

// [payload, protected header, unprotected header or undefined, kid]
Napi::Array to_array(napi_env env, const verified_payload& good) {
  const auto out = Napi::Array::New(env, 4);
  out.Set(0U, Napi::Buffer<char>::Copy(env, good.payload.data(), good.payload.size()));
  out.Set(1U, Napi::Value(env, make_string(env, good.header)));
  if (!good.unprotected.empty()) out.Set(2U, Napi::Value(env, make_string(env, good.unprotected)));
  out.Set(3U, Napi::Value(env, make_string(env, good.signer.kid())));
  return out;
}

}  // namespace

napi_value jws_verify_bytes(napi_env env, napi_callback_info info) {
  const arguments<4> given(env, info);
  text token;
  const auto keys = unwrap_shared<jwt_key_set_handle>(env, given[1]);
  if (!token.read(env, given[0]) || !token.present() || !keys) {
    return throw_type_error(env, "jwsVerify takes a token and a key set");
  }
  const jws_verify_options options = read_options(env, given[2]);
  std::string detached;
  const bool outside = read_bytes(Napi::Value(env, given[3]), detached);
  const auto good = outside ? jws_verify_detached(token.view(), detached, keys->keys, options)
                            : jws_verify(token.view(), keys->keys, options);
  return good ? static_cast<napi_value>(to_array(env, *good)) : make_error(env, good.error());
}

napi_value jws_verify_json_text(napi_env env, napi_callback_info info) {
  const arguments<4> given(env, info);
  text token;
  const auto keys = unwrap_shared<jwt_key_set_handle>(env, given[1]);
  if (!token.read(env, given[0]) || !token.present() || !keys) {
    return throw_type_error(env, "jwsVerifyJson takes a text and a key set");
  }
  const auto needed = to_bool(env, given[3]) ? signatures_needed::any : signatures_needed::all;
  const auto good = jws_verify_json(token.view(), keys->keys, needed, read_options(env, given[2]));
  if (!good) return make_error(env, good.error());
  const auto out = Napi::Array::New(env);
  for (const verified_payload& one : *good) out.Set(out.Length(), to_array(env, one));
  return out;
}

napi_value jws_sign_json_text(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  const Napi::Value list(env, given[0]);
  std::string payload;
  if (!list.IsArray() || !read_bytes(Napi::Value(env, given[1]), payload)) {
    return throw_type_error(env, "jwsSignJson takes signers and a payload");
  }
  // [key, protected header, unprotected header] each
  const auto array = list.As<Napi::Array>();
  std::vector<std::string> headers;
  headers.reserve(std::size_t{2} * array.Length());  // views into it stay
  std::vector<json_signer> signers;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Object one = object_of(env, Napi::Value(array.Get(i)));
    const Napi::Value wrapped = one.Get(0U);
    const auto with = wrapped.IsObject() ? unwrap_shared<jwt_key_handle>(env, wrapped) : nullptr;
    if (!with) return throw_type_error(env, "not a key");
    for (const std::uint32_t at : {1U, 2U}) {
      const Napi::Value header = one.Get(at);
      headers.push_back(header.IsString() ? header.As<Napi::String>().Utf8Value() : std::string());
    }
    signers.push_back({with->key, headers[headers.size() - 2], headers.back()});
  }
  const auto out = jws_sign_json(signers, payload, to_bool(env, given[2]) ? json_form::flattened : json_form::general);
  return out ? make_string(env, *out) : make_error(env, out.error());
}

// jwtSignBytes(key, text) → the bare signature's bytes, or an Error
napi_value jwt_sign_bytes(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const auto key = unwrap_shared<jwt_key_handle>(env, given[0]);
  text input;
  if (!key || !input.read(env, given[1])) return throw_type_error(env, "jwtSignBytes takes a key and a text");
  const auto made = jose::sign_bytes(key->key, input.view());
  if (!made) return make_error(env, made.error());
  return Napi::Buffer<char>::Copy(env, made->data(), made->size());
}

// jwtVerifyBytes(key, text, signature) → whether the signature holds
napi_value jwt_verify_bytes(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  const auto key = unwrap_shared<jwt_key_handle>(env, given[0]);
  text input;
  std::string signature;
  if (!key || !input.read(env, given[1]) || !read_bytes(Napi::Value(env, given[2]), signature)) {
    return throw_type_error(env, "jwtVerifyBytes takes a key, a text and bytes");
  }
  return Napi::Boolean::New(env, static_cast<bool>(jose::verify_bytes(key->key, input.view(), signature)));
}

}  // namespace coatcheck::node
