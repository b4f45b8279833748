// What a store's operations answer to JavaScript.
#include "store_answers.hpp"

namespace coatcheck::node {

napi_value make_tag(napi_env env, const etag& tag) {
  napi_value out = nullptr;
  napi_create_string_latin1(env, tag.view().data(), tag.view().size(), &out);
  return out;
}

napi_value make_bool(napi_env env, bool value) {
  napi_value out = nullptr;
  napi_get_boolean(env, value, &out);
  return out;
}

epoch_ms to_time(napi_env env, napi_value value) {
  double out = 0;
  napi_get_value_double(env, value, &out);
  if (!(out > 0)) return 0;
  return out < static_cast<double>(latest_time) ? static_cast<epoch_ms>(out) : latest_time;
}

napi_value put_to_js(napi_env env, put_result&& put, std::uint32_t) {
  if (put.status == put_status::unknown) return make_error(env, put.why);
  if (put.status == put_status::stored) return make_tag(env, put.tag);
  return make_bool(env, false);
}

napi_value touch_to_js(napi_env env, touch_result&& touched, std::uint32_t) {
  if (touched.status == touch_status::unknown) return make_error(env, touched.why);
  return make_bool(env, touched.status == touch_status::touched);
}

napi_value remove_to_js(napi_env env, remove_result&& removed, std::uint32_t) {
  if (removed.status == remove_status::unknown) return make_error(env, removed.why);
  return make_bool(env, removed.status == remove_status::removed);
}

std::optional<expectation> read_expectation(napi_env env, napi_value value) {
  text tag;
  if (!tag.read(env, value, text::encoding::latin1)) return std::nullopt;
  if (tag.present()) return expectation::version(etag(tag.view()));
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type == napi_null ? expectation::nothing() : expectation::anything();
}

}  // namespace coatcheck::node
