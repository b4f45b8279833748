// Cookie parsing and printing, and the rules for session data, as plain functions.
#include <napi.h>

#include "handles.hpp"
#include "options.hpp"
#include "values.hpp"

namespace coatcheck::node {

// findCookie(header, name) → { values, refused }
napi_value find_cookie(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  text header;
  text name;
  if (!header.read(env, given[0], text::encoding::latin1) || !name.read(env, given[1])) {
    return throw_type_error(env, "header and name must be strings");
  }
  const auto found = coatcheck::find_cookie(header.view(), name.view());
  const auto out = Napi::Object::New(env);
  const auto values = Napi::Array::New(env);
  for (const auto& value : found.values) values.Set(values.Length(), Napi::String::New(env, value));
  out.Set("values", values);
  out.Set("refused", found.refused);
  return out;
}

// serialiseCookie({ name, value, … }, style) → the value of a Set-Cookie header; throws what is wrong. `style`:
// undefined, 1 as npm's cookie prints it, 2 as npm's cookies.
napi_value serialise_cookie(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const Napi::Value options(env, given[0]);
  if (!options.IsObject()) return throw_type_error(env, "cookie must be an object");
  owned_set_cookie from;
  if (const auto read = read_set_cookie(options.As<Napi::Object>(), from); !read) return throw_error(env, read.error());
  const auto style = to_uint32(env, given[1]);
  const auto header = style == 1   ? serialise_as_npm(from.cookie)
                      : style == 2 ? serialise_as_cookies(from.cookie)
                                   : serialise(from.cookie);
  return header ? make_string(env, *header) : throw_error(env, header.error());
}

// sameJson(a, b) → whether the two texts mean the same value.
napi_value same_json(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  text a;
  text b;
  if (!a.read(env, given[0]) || !b.read(env, given[1])) return throw_type_error(env, "JSON must be text");
  napi_value out = nullptr;
  napi_get_boolean(env, coatcheck::same_json(a.view(), b.view()), &out);
  return out;
}

// mergePayloads(base, mine, theirs, "mine" | "theirs" | "reject", [[path, rule], …]) → the merged JSON; throws a
// conflict.
napi_value merge_payloads(napi_env env, napi_callback_info info) {
  const arguments<5> given(env, info);
  text base;
  text mine;
  text theirs;
  text policy;
  if (!base.read(env, given[0]) || !mine.read(env, given[1]) || !theirs.read(env, given[2]) ||
      !policy.read(env, given[3])) {
    return throw_type_error(env, "JSON must be text");
  }
  const auto rules = read_merge_rules(Napi::Value(env, given[4]));
  if (!rules) return throw_error(env, rules.error());
  const auto otherwise = policy.view() == "theirs"   ? merge_policy::theirs
                         : policy.view() == "reject" ? merge_policy::reject
                                                     : merge_policy::mine;
  const auto merged = coatcheck::merge_payloads(base.view(), mine.view(), theirs.view(), otherwise, *rules);
  return merged ? make_string(env, *merged) : throw_error(env, merged.error());
}

// memberLabel(name, position) → how a message names the member.
napi_value member_label(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  text name;
  if (!name.read(env, given[0])) return throw_type_error(env, "a name must be text");
  return make_string(env, coatcheck::member_label(name.view(), to_uint32(env, given[1])));
}

// checkPayload(json) → undefined when it may be stored, else the Error that says why not.
napi_value check_payload(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  text json;
  if (!json.read(env, given[0])) return throw_type_error(env, "JSON must be text");
  const auto checked = coatcheck::check_payload(json.view());
  return checked ? nullptr : make_error(env, checked.error());
}

}  // namespace coatcheck::node
