// JWE in its compact form: encrypt and decrypt.
#include <cstring>

#include "coatcheck/jose/jwe.hpp"

#include "jwt_handles.hpp"
#include "jwt_options.hpp"
#include "method.hpp"
#include "options.hpp"

namespace coatcheck::node {

using namespace jose;

napi_value jwt_encrypt(napi_env env, napi_callback_info info) {
  const arguments<4> given(env, info);
  const auto to = unwrap_shared<jwt_key_handle>(env, given[0]);
  text header;
  if (!to || !header.read(env, given[2]))
    return throw_type_error(env, "jwtEncrypt takes a key, a plaintext and a header");
  jwe_encrypt_options options;
  options.header = header.view();
  std::string apu;
  std::string apv;
  napi_valuetype type = napi_undefined;
  napi_typeof(env, given[3], &type);
  if (type == napi_object) {
    const Napi::Object from = object_of(env, given[3]);
    if (const auto name = string_option(from, "enc"); !name.empty()) {
      const auto enc = encryption_from(name);
      if (!enc) return throw_error(env, {errc::invalid_option, "enc is not a content encryption that is known"});
      options.enc = *enc;
    }
    static_cast<void>(read_bytes(from.Get("apu"), apu));
    static_cast<void>(read_bytes(from.Get("apv"), apv));
    options.apu = apu;
    options.apv = apv;
    number_option(from, "passwordCount", options.password_count);
  }
  const auto finish = [&](std::string_view plaintext) {
    const auto token = jwe_encrypt(to->key, plaintext, options);
    return token ? make_string(env, *token) : make_error(env, token.error());
  };
  text plain;
  if (plain.read(env, given[1]) && plain.present()) return finish(plain.view());
  std::string bytes;
  if (!read_bytes(Napi::Value(env, given[1]), bytes)) return throw_type_error(env, "a plaintext is a string or bytes");
  return finish(bytes);
}

// The plaintext goes into the bytes that were given, and the answer begins with its size; without bytes it begins with
// the plaintext as a string. Buffers of JavaScript's pool cost a tenth of those that Node-API makes.
napi_value jwt_decrypt(napi_env env, napi_callback_info info) {
  const arguments<4> given(env, info);
  text token;
  const auto keys = unwrap_shared<jwt_key_set_handle>(env, given[1]);
  if (!token.read(env, given[0]) || !token.present() || !keys) {
    return throw_type_error(env, "jwtDecrypt takes a token and a key set");
  }
  jwe_decrypt_options options;
  napi_valuetype type = napi_undefined;
  napi_typeof(env, given[3], &type);
  if (type == napi_object) {
    const Napi::Object from = object_of(env, given[3]);
    number_option(from, "maxToken", options.max_token);
    options.allow_password = bool_option(from, "allowPassword");
    number_option(from, "maxPasswordCount", options.max_count);
    for (const auto& name : list_option(from, "encryptions")) {
      const auto enc = encryption_from(name);
      if (!enc) return throw_error(env, {errc::invalid_option, "enc is not a content encryption that is known"});
      options.encs.push_back(*enc);
    }
  }
  const auto opened = jwe_decrypt(token.view(), keys->keys, options);
  if (!opened) return make_error(env, opened.error());
  napi_value plaintext = nullptr;
  void* bytes = nullptr;
  std::size_t room = 0;
  bool buffer = false;  // asked for first: Node 18 aborts when it is asked for the bytes of something else
  napi_is_buffer(env, given[2], &buffer);
  if (!buffer || napi_get_buffer_info(env, given[2], &bytes, &room) != napi_ok) {
    plaintext = make_string(env, opened->plaintext);
  } else if (opened->plaintext.size() <= room) {
    if (!opened->plaintext.empty()) std::memcpy(bytes, opened->plaintext.data(), opened->plaintext.size());
    plaintext = make_number(env, static_cast<double>(opened->plaintext.size()));
  } else {
    return throw_type_error(env, "there is no room for the plaintext");
  }
  napi_value out = nullptr;
  napi_create_array_with_length(env, 3, &out);
  napi_set_element(env, out, 0, plaintext);
  napi_set_element(env, out, 1, make_string(env, opened->header));
  napi_set_element(env, out, 2, make_string(env, opened->key_id));
  return out;
}

}  // namespace coatcheck::node
