// The native objects of coatcheck/jwt that JavaScript holds: keys, key sets, verifiers, signers, remote key sets.
// What each function takes and gives is written down in node/lib/jwt/native.js, the only place that calls them.
#pragma once

#include <memory>
#include <node_api.h>
#include <optional>
#include <span>
#include <string>

#include "coatcheck/jose/jwt.hpp"
#include "coatcheck/jose/key.hpp"

#include "values.hpp"

namespace coatcheck::node {

struct jwt_key_handle {
  static constexpr napi_type_tag type_tag = {0x636f617463686563, 0x6b2e6a776b000001};
  jose::key key;
};

struct jwt_key_set_handle {
  static constexpr napi_type_tag type_tag = {0x636f617463686563, 0x6b2e6a776b730001};
  jose::key_set keys;
};

struct jwt_verifier_handle {
  static constexpr napi_type_tag type_tag = {0x636f617463686563, 0x6b2e6a7776660001};
  jose::verifier verifier;
};

// A JavaScript object around a key, with what may be known about it as properties.
[[nodiscard]] napi_value wrap_jwt_key(napi_env env, jose::key key);
[[nodiscard]] napi_value wrap_jwt_key_set(napi_env env, jose::key_set keys);
// An array of strings: which members of a JWK Set were passed over, and why.
[[nodiscard]] napi_value make_lines(napi_env env, std::span<const std::string> lines);

// An Error with `code`, and of a claim that failed `claim`, `reason` and, of a date, `value`.
[[nodiscard]] napi_value make_claim_error(napi_env env, const coatcheck::error& why,
                                          const jose::claim_failure& failure);

napi_value jwt_import_key(napi_env env, napi_callback_info info);
napi_value jwt_generate_key(napi_env env, napi_callback_info info);
napi_value jwt_export_key(napi_env env, napi_callback_info info);
napi_value jwt_thumbprint(napi_env env, napi_callback_info info);
napi_value jwt_public_key(napi_env env, napi_callback_info info);
napi_value jwt_create_key_set(napi_env env, napi_callback_info info);
napi_value jwt_parse_key_set(napi_env env, napi_callback_info info);
napi_value jwt_export_key_set(napi_env env, napi_callback_info info);
napi_value jwt_key_set_keys(napi_env env, napi_callback_info info);
napi_value jwt_create_verifier(napi_env env, napi_callback_info info);
napi_value jwt_create_signer(napi_env env, napi_callback_info info);
napi_value jwt_sign_bytes(napi_env env, napi_callback_info info);
napi_value jwt_verify_bytes(napi_env env, napi_callback_info info);
napi_value jws_sign_bytes(napi_env env, napi_callback_info info);
napi_value jws_verify_bytes(napi_env env, napi_callback_info info);
napi_value jws_verify_json_text(napi_env env, napi_callback_info info);
napi_value jws_sign_json_text(napi_env env, napi_callback_info info);
napi_value jwt_encrypt(napi_env env, napi_callback_info info);
napi_value jwt_decrypt(napi_env env, napi_callback_info info);
napi_value jwt_create_remote(napi_env env, napi_callback_info info);

}  // namespace coatcheck::node
