// Keys and key sets: import, generation, export.
#include <array>
#include <utility>

#include "jwt_handles.hpp"
#include "jwt_options.hpp"
#include "method.hpp"
#include "options.hpp"

namespace coatcheck::node {
namespace {

using namespace jose;

std::string_view name_of_type(key_type type) noexcept {
  constexpr std::array<std::string_view, 4> names = {"oct", "RSA", "EC", "OKP"};
  return names[static_cast<std::size_t>(type)];
}

void set(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

napi_value make_bool(napi_env env, bool value) {
  napi_value out = nullptr;
  napi_get_boolean(env, value, &out);
  return out;
}

// Import keeps the bytes of a secret no longer than the call.
struct wiped {
  std::string bytes;
  wiped() = default;
  wiped(const wiped&) = delete;
  wiped& operator=(const wiped&) = delete;
  ~wiped() {
    for (volatile char& byte : bytes) byte = 0;
  }
};

result<key> import(std::string_view form, std::string_view material, std::optional<algorithm> alg,
                   import_options& options) {
  if (form == "jwk") {
    options.alg = alg;
    return key::from_jwk(material, options);
  }
  if (!alg) return coatcheck::error{errc::key_unsuitable, "name the one algorithm that the key is for (alg)"};
  if (form == "pem") return key::from_pem(material, *alg, options);
  if (form == "der") return key::from_der(material, *alg, options);
  return key::from_secret(material, *alg, options);
}

}  // namespace

napi_value wrap_jwt_key(napi_env env, jose::key key) {
  const auto self = std::make_shared<jwt_key_handle>(jwt_key_handle{std::move(key)});
  const jose::key& made = self->key;
  const napi_value object = wrap_shared(env, self);
  set(env, object, "type", make_string(env, name_of_type(made.type())));
  set(env, object, "alg", make_string(env, name_of(made.alg())));
  set(env, object, "kid", make_string(env, made.kid()));
  set(env, object, "crv", made.crv() == curve::none ? make_undefined(env) : make_string(env, name_of(made.crv())));
  set(env, object, "enc", made.enc() ? make_string(env, name_of(*made.enc())) : make_undefined(env));
  set(env, object, "bits", make_number(env, static_cast<double>(made.bits())));
  set(env, object, "isPrivate", make_bool(env, made.is_private()));
  set(env, object, "canSign", make_bool(env, made.can_sign()));
  set(env, object, "canVerify", make_bool(env, made.can_verify()));
  set(env, object, "canEncrypt", make_bool(env, made.can_encrypt()));
  set(env, object, "canDecrypt", make_bool(env, made.can_decrypt()));
  set(env, object, "warning", make_string(env, made.warning()));
  return object;
}

napi_value make_lines(napi_env env, std::span<const std::string> lines) {
  const auto out = Napi::Array::New(env);
  for (const auto& line : lines) out.Set(out.Length(), Napi::String::New(env, line));
  return out;
}

napi_value wrap_jwt_key_set(napi_env env, jose::key_set keys) {
  const auto self = std::make_shared<jwt_key_set_handle>(jwt_key_set_handle{std::move(keys)});
  const napi_value object = wrap_shared(env, self);
  set(env, object, "skipped", make_lines(env, self->keys.skipped()));
  set(env, object, "size", make_number(env, static_cast<double>(self->keys.keys().size())));
  set(env, object, "symmetric", make_bool(env, self->keys.symmetric()));
  return object;
}

napi_value jwt_import_key(napi_env env, napi_callback_info info) {
  const arguments<4> given(env, info);
  text form;
  text alg_name;
  wiped material;
  if (!form.read(env, given[0]) || !read_bytes(Napi::Value(env, given[1]), material.bytes) ||
      !alg_name.read(env, given[2])) {
    return throw_type_error(env, "a key must be a string or bytes, and alg a string");
  }
  const auto alg = alg_name.present() ? algorithm_from(alg_name.view()) : std::nullopt;
  if (alg_name.present() && !alg)
    return throw_error(env, {errc::key_unsuitable, "alg is not an algorithm that is known"});
  const Napi::Object from = object_of(env, given[3]);
  wiped passphrase;
  static_cast<void>(read_bytes(from.Get("passphrase"), passphrase.bytes));
  import_options options;
  options.kid = string_option(from, "kid");
  options.passphrase = passphrase.bytes;
  if (bool_option(from, "allowShortSecret")) options.secrets = secret_policy::allow_short;
  options.allow_small_rsa = bool_option(from, "allowSmallRsa");
  auto made = import(form.view(), material.bytes, alg, options);
  return made ? wrap_jwt_key(env, *std::move(made)) : throw_error(env, made.error());
}

napi_value jwt_generate_key(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  text alg_name;
  const auto alg = alg_name.read(env, given[0]) ? algorithm_from(alg_name.view()) : std::nullopt;
  if (!alg) return throw_error(env, {errc::key_unsuitable, "alg is not an algorithm that is known"});
  const Napi::Object from = object_of(env, given[1]);
  generate_options options;
  options.kid = string_option(from, "kid");
  number_option(from, "bits", options.rsa_bits);
  if (const auto name = string_option(from, "enc"); !name.empty()) {
    const auto enc = encryption_from(name);
    if (!enc) return throw_error(env, {errc::invalid_option, "enc is not a content encryption that is known"});
    options.enc = *enc;
  }
  if (const auto name = string_option(from, "crv"); !name.empty()) {
    bool known = false;
    for (const curve crv : {curve::p256, curve::p384, curve::p521, curve::x25519}) {
      if (name != name_of(crv)) continue;
      options.crv = crv;
      known = true;
    }
    if (!known) return throw_error(env, {errc::invalid_option, "crv must be P-256, P-384, P-521 or X25519"});
  }
  auto made = key::generate(*alg, options);
  return made ? wrap_jwt_key(env, *std::move(made)) : throw_error(env, made.error());
}

napi_value jwt_export_key(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  const auto self = unwrap_shared<jwt_key_handle>(env, given[0]);
  text form;
  if (!self || !form.read(env, given[1])) return throw_type_error(env, "not a key");
  const key_part part = to_bool(env, given[2]) ? key_part::with_private : key_part::public_only;
  const auto out = form.view() == "pem" ? self->key.to_pem(part) : self->key.to_jwk(part);
  return out ? make_string(env, *out) : throw_error(env, out.error());
}

napi_value jwt_thumbprint(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  const auto self = unwrap_shared<jwt_key_handle>(env, given[0]);
  return self ? make_string(env, self->key.thumbprint()) : throw_type_error(env, "not a key");
}

napi_value jwt_public_key(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  const auto self = unwrap_shared<jwt_key_handle>(env, given[0]);
  if (!self) return throw_type_error(env, "not a key");
  auto out = self->key.public_key();
  return out ? wrap_jwt_key(env, *std::move(out)) : throw_error(env, out.error());
}

napi_value jwt_create_key_set(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  const Napi::Value list(env, given[0]);
  if (!list.IsArray()) return throw_type_error(env, "keys must be an array");
  const auto array = list.As<Napi::Array>();
  std::vector<key> keys;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value one = array.Get(i);
    const auto self = one.IsObject() ? unwrap_shared<jwt_key_handle>(env, one) : nullptr;
    if (!self) return throw_type_error(env, "not a key");
    keys.push_back(self->key);
  }
  auto made = key_set::from_keys(std::move(keys));
  return made ? wrap_jwt_key_set(env, *std::move(made)) : throw_error(env, made.error());
}

napi_value jwt_parse_key_set(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  text json;
  if (!json.read(env, given[0]) || !json.present()) return throw_type_error(env, "a JWK Set must be a string");
  const Napi::Object from = object_of(env, given[1]);
  key_set_options options;
  options.public_only = bool_option(from, "publicOnly");
  if (!algorithms_option(from, "defaultAlgorithms", options.default_algs)) return throw_error(env, unknown_algorithm);
  auto made = key_set::parse(json.view(), options);
  return made ? wrap_jwt_key_set(env, *std::move(made)) : throw_error(env, made.error());
}

napi_value jwt_export_key_set(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const auto self = unwrap_shared<jwt_key_set_handle>(env, given[0]);
  if (!self) return throw_type_error(env, "not a key set");
  const auto out = self->keys.to_json(to_bool(env, given[1]) ? key_part::with_private : key_part::public_only);
  return out ? make_string(env, *out) : throw_error(env, out.error());
}

napi_value jwt_key_set_keys(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  const auto self = unwrap_shared<jwt_key_set_handle>(env, given[0]);
  if (!self) return throw_type_error(env, "not a key set");
  const auto out = Napi::Array::New(env);
  for (const key& one : self->keys.keys()) out.Set(out.Length(), Napi::Value(env, wrap_jwt_key(env, one)));
  return out;
}

}  // namespace coatcheck::node
