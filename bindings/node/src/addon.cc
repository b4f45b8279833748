// The addon's entry point: makes the state of this environment and hands out the native functions.
#include <iterator>
#include <node_api.h>

#include "environment.hpp"
#include "handles.hpp"
#include "jwt_handles.hpp"
#include "store_answers.hpp"
#include "values.hpp"

namespace coatcheck::node {
namespace {

// setDispatcher(function(slot, value))
napi_value set_dispatcher(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  environment::of(env)->set_dispatcher(given[0]);
  return nullptr;
}

// setTime(ms): what Date.now says from now on; 0: the machine's time again
napi_value set_time(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  const epoch_ms at = to_time(env, given[0]);
  auto& clock = environment::of(env)->clock();
  if (at > 0) {
    clock.replace(at);
  } else {
    clock.restore();
  }
  return nullptr;
}

napi_value start(napi_env env, napi_value exports) {
  if (!environment::attach(env)) return nullptr;
  const napi_property_descriptor functions[] = {
#define COATCHECK_FUNCTION(name, function) \
  {name, nullptr, function, nullptr, nullptr, nullptr, napi_enumerable, nullptr}
      COATCHECK_FUNCTION("setDispatcher", set_dispatcher),
      COATCHECK_FUNCTION("setTime", set_time),
      COATCHECK_FUNCTION("createKeys", create_keys),
      COATCHECK_FUNCTION("openStore", open_store),
      COATCHECK_FUNCTION("schemaSql", schema_sql_of),
      COATCHECK_FUNCTION("storeById", make_store_by_id),
      COATCHECK_FUNCTION("createEngine", create_engine),
      COATCHECK_FUNCTION("createRefreshTokens", create_refresh_tokens),
      COATCHECK_FUNCTION("newId", new_id),
      COATCHECK_FUNCTION("isSessionKey", is_session_key),
      COATCHECK_FUNCTION("findCookie", find_cookie),
      COATCHECK_FUNCTION("serialiseCookie", serialise_cookie),
      COATCHECK_FUNCTION("sameJson", same_json),
      COATCHECK_FUNCTION("varyWithCookie", vary_with_cookie),
      COATCHECK_FUNCTION("lateMessage", late_message),
      COATCHECK_FUNCTION("lifeCycle", make_life_cycle),
      COATCHECK_FUNCTION("lifeCycleWords", life_cycle_words),
      COATCHECK_FUNCTION("keygripSign", keygrip_sign),
      COATCHECK_FUNCTION("keygripIndex", keygrip_index),
      COATCHECK_FUNCTION("ironSeal", iron_seal),
      COATCHECK_FUNCTION("ironUnseal", iron_unseal),
      COATCHECK_FUNCTION("mergePayloads", merge_payloads),
      COATCHECK_FUNCTION("checkPayload", check_payload),
      COATCHECK_FUNCTION("memberLabel", member_label),
      COATCHECK_FUNCTION("jwtImportKey", jwt_import_key),
      COATCHECK_FUNCTION("jwtGenerateKey", jwt_generate_key),
      COATCHECK_FUNCTION("jwtExportKey", jwt_export_key),
      COATCHECK_FUNCTION("jwtThumbprint", jwt_thumbprint),
      COATCHECK_FUNCTION("jwtPublicKey", jwt_public_key),
      COATCHECK_FUNCTION("jwtCreateKeySet", jwt_create_key_set),
      COATCHECK_FUNCTION("jwtParseKeySet", jwt_parse_key_set),
      COATCHECK_FUNCTION("jwtExportKeySet", jwt_export_key_set),
      COATCHECK_FUNCTION("jwtKeySetKeys", jwt_key_set_keys),
      COATCHECK_FUNCTION("jwtCreateVerifier", jwt_create_verifier),
      COATCHECK_FUNCTION("jwtCreateSigner", jwt_create_signer),
      COATCHECK_FUNCTION("jwtSignBytes", jwt_sign_bytes),
      COATCHECK_FUNCTION("jwtVerifyBytes", jwt_verify_bytes),
      COATCHECK_FUNCTION("jwsSign", jws_sign_bytes),
      COATCHECK_FUNCTION("jwsVerify", jws_verify_bytes),
      COATCHECK_FUNCTION("jwsVerifyJson", jws_verify_json_text),
      COATCHECK_FUNCTION("jwsSignJson", jws_sign_json_text),
      COATCHECK_FUNCTION("jwtEncrypt", jwt_encrypt),
      COATCHECK_FUNCTION("jwtDecrypt", jwt_decrypt),
      COATCHECK_FUNCTION("jwtCreateRemote", jwt_create_remote),
#undef COATCHECK_FUNCTION
  };
  napi_define_properties(env, exports, std::size(functions), functions);
  return exports;
}

}  // namespace
}  // namespace coatcheck::node

NAPI_MODULE_INIT() { return coatcheck::node::start(env, exports); }
