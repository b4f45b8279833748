// A store as a JavaScript object, by session id: the key is a prefix and a hash of the id, taken here, so that one call
// does all that a read or a write of express-session's needs. In another package's layout it is the id.
#include "handles.hpp"
#include "method.hpp"
#include "store_answers.hpp"

namespace coatcheck::node {
namespace {

struct store_by_id {
  static constexpr napi_type_tag type_tag = {0x636f617463686563, 0x6b2e736964730001};
  std::shared_ptr<store_handle> keeper;
  std::shared_ptr<keys_handle> keys;  // null: no secret
  std::string prefix;
  bool plain = false;  // the layout of another package: an id is its key

  [[nodiscard]] std::string key_of(std::string_view id) const {
    if (plain) return std::string(id);
    return prefix + (keys ? keys->keys.store_key(id, 0) : unkeyed_store_key(id));
  }
};

// '0' + the tag's length as one character, the tag, the bytes: one string, for each value more costs as much as all
// the rest of the call.
napi_value read_to_js(napi_env env, get_result&& got, std::uint32_t) {
  if (got.status == get_status::unknown) return make_error(env, got.why);
  if (got.status == get_status::absent) return nullptr;
  static_assert('0' + etag::max_size < 128);
  const auto tag = got.value.tag.view();
  std::string out;
  out.reserve(1 + tag.size() + got.value.bytes.size());
  out += static_cast<char>('0' + tag.size());
  out += tag;
  out += got.value.bytes;
  return make_string(env, out);
}

napi_value wrong_id(napi_env env) { return throw_type_error(env, "a session id must be a string"); }

napi_value read(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const auto& self = self_of<store_by_id>(given.data);
  text id;
  if (!id.read(env, given[0]) || !id.present()) return wrong_id(env);
  return answer<get_result>(env, self->keeper, given[1], 0, read_to_js,
                            [&](auto done) { self->keeper->store->get(self->key_of(id.view()), done); });
}

// put(id, bytes, expiresAt, expect, slot)
napi_value put(napi_env env, napi_callback_info info) {
  const arguments<5> given(env, info);
  const auto& self = self_of<store_by_id>(given.data);
  text id;
  text bytes;
  const auto expect = read_expectation(env, given[3]);
  if (!id.read(env, given[0]) || !id.present()) return wrong_id(env);
  if (!bytes.read(env, given[1]) || !expect) return throw_type_error(env, "value and version must be strings");
  return answer<put_result>(env, self->keeper, given[4], 0, put_to_js, [&](auto done) {
    self->keeper->store->put(self->key_of(id.view()), bytes.view(), to_time(env, given[2]), *expect, {}, done);
  });
}

napi_value touch(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  const auto& self = self_of<store_by_id>(given.data);
  text id;
  if (!id.read(env, given[0]) || !id.present()) return wrong_id(env);
  return answer<touch_result>(env, self->keeper, given[2], 0, touch_to_js, [&](auto done) {
    self->keeper->store->touch(self->key_of(id.view()), to_time(env, given[1]), done);
  });
}

napi_value remove(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const auto& self = self_of<store_by_id>(given.data);
  text id;
  if (!id.read(env, given[0]) || !id.present()) return wrong_id(env);
  return answer<remove_result>(env, self->keeper, given[1], 0, remove_to_js,
                               [&](auto done) { self->keeper->store->remove(self->key_of(id.view()), done); });
}

napi_value key(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  text id;
  if (!id.read(env, given[0]) || !id.present()) return wrong_id(env);
  return make_string(env, self_of<store_by_id>(given.data)->key_of(id.view()));
}

}  // namespace

// storeById(store, keys or undefined, prefix) → the store by session id.
napi_value make_store_by_id(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  text prefix;
  napi_valuetype type = napi_undefined;
  napi_typeof(env, given[1], &type);
  auto keeper = unwrap_shared<store_handle>(env, given[0]);
  auto keys = type == napi_undefined ? nullptr : unwrap_shared<keys_handle>(env, given[1]);
  if (!keeper || !prefix.read(env, given[2]) || (!keys && type != napi_undefined)) {
    return throw_type_error(env, "storeById takes a store, keys and a prefix");
  }
  const bool plain = keeper->store->capabilities().layout != record_layout::own;
  const auto self =
      std::make_shared<store_by_id>(store_by_id{std::move(keeper), std::move(keys), std::string(prefix.view()), plain});
  const napi_value object = wrap_shared(env, self);
  add_method(env, object, "key", key, self);
  add_method(env, object, "read", read, self);
  add_method(env, object, "put", put, self);
  add_method(env, object, "touch", touch, self);
  add_method(env, object, "remove", remove, self);
  return object;
}

}  // namespace coatcheck::node
