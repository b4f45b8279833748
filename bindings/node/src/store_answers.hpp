// What a store's operations answer to JavaScript, by key (store_handle.cc) and by session id (store_by_id.cc) alike.
//
// Thread safety: belongs to the thread of the napi_env.
#pragma once

#include <cstdint>
#include <memory>
#include <node_api.h>
#include <optional>
#include <utility>

#include "coatcheck/store.hpp"

#include "environment.hpp"
#include "handles.hpp"
#include "values.hpp"

namespace coatcheck::node {

[[nodiscard]] napi_value make_tag(napi_env env, const etag& tag);
[[nodiscard]] napi_value make_bool(napi_env env, bool value);
[[nodiscard]] epoch_ms to_time(napi_env env, napi_value value);

// The new version's tag; false when another version, or none, is there.
napi_value put_to_js(napi_env env, put_result&& put, std::uint32_t flags);
napi_value touch_to_js(napi_env env, touch_result&& touched, std::uint32_t flags);
napi_value remove_to_js(napi_env env, remove_result&& removed, std::uint32_t flags);

// put's `expect`: a version's tag, null for "absent", undefined for anything. None: it is something else.
[[nodiscard]] std::optional<expectation> read_expectation(napi_env env, napi_value value);

template <class R, class Start>
napi_value answer(napi_env env, const std::shared_ptr<store_handle>& self, napi_value slot, std::uint32_t flags,
                  napi_value (*to_js)(napi_env, R&&, std::uint32_t), Start&& start) {
  return run_in_slot<R>(env, self->where, self, to_uint32(env, slot), flags, to_js, std::forward<Start>(start));
}

}  // namespace coatcheck::node
