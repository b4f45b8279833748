// The native objects that JavaScript holds: a key ring, a store, an engine.
#pragma once

#include <memory>
#include <node_api.h>

#include "coatcheck/engine.hpp"

#include "environment.hpp"

namespace coatcheck::node {

struct keys_handle {
  static constexpr napi_type_tag type_tag = {0x636f617463686563, 0x6b2e6b6579730001};
  key_ring keys;
};

// `where` and the driver in it stand before the store, so that they outlive it.
struct store_handle {
  static constexpr napi_type_tag type_tag = {0x636f617463686563, 0x6b2e73746f720001};
  std::shared_ptr<environment> where;
  std::shared_ptr<coatcheck::store> store;
};

struct engine_handle {
  std::shared_ptr<store_handle> keeper;
  std::shared_ptr<const coatcheck::engine> engine;
};

// Native functions of the addon; each reads its arguments from `info`. What they take and give is written down
// in node/lib/native.js, their only caller.
napi_value create_keys(napi_env env, napi_callback_info info);
napi_value open_store(napi_env env, napi_callback_info info);
napi_value schema_sql_of(napi_env env, napi_callback_info info);
napi_value make_store_by_id(napi_env env, napi_callback_info info);
napi_value create_engine(napi_env env, napi_callback_info info);
napi_value create_refresh_tokens(napi_env env, napi_callback_info info);
napi_value new_id(napi_env env, napi_callback_info info);
napi_value is_session_key(napi_env env, napi_callback_info info);
napi_value find_cookie(napi_env env, napi_callback_info info);
napi_value serialise_cookie(napi_env env, napi_callback_info info);
napi_value vary_with_cookie(napi_env env, napi_callback_info info);
napi_value late_message(napi_env env, napi_callback_info info);
napi_value life_cycle_words(napi_env env, napi_callback_info info);
napi_value make_life_cycle(napi_env env, napi_callback_info info);
napi_value keygrip_sign(napi_env env, napi_callback_info info);
napi_value keygrip_index(napi_env env, napi_callback_info info);
napi_value iron_seal(napi_env env, napi_callback_info info);
napi_value iron_unseal(napi_env env, napi_callback_info info);
napi_value same_json(napi_env env, napi_callback_info info);
napi_value merge_payloads(napi_env env, napi_callback_info info);
napi_value check_payload(napi_env env, napi_callback_info info);
napi_value member_label(napi_env env, napi_callback_info info);

}  // namespace coatcheck::node
