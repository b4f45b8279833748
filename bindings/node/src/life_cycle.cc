// The rules of a request's end as tables, for sessions that no engine keeps (coatcheck/life_cycle.hpp).
#include "coatcheck/life_cycle.hpp"

#include <algorithm>
#include <array>
#include <napi.h>
#include <string>

#include "handles.hpp"
#include "values.hpp"

namespace coatcheck::node {
namespace {

template <class Table>
Napi::Uint8Array to_bytes(napi_env env, const Table& table) {
  auto out = Napi::Uint8Array::New(env, table.size());
  std::copy(table.begin(), table.end(), out.Data());
  return out;
}

}  // namespace

// lifeCycleWords() → { end: { stored, … }, step: { … }, cookie: { … }, header: { … } }: the core's own numbers.
napi_value life_cycle_words(napi_env env, napi_callback_info /*info*/) {
  auto out = Napi::Object::New(env);
  for (const auto& word : coatcheck::life_cycle_words()) {
    const std::string group(word.group);
    if (!out.Has(group)) out.Set(group, Napi::Object::New(env));
    std::string name;
    bool upper = false;
    for (const char c : word.name) {
      if (c != '_') name += upper ? static_cast<char>(c - ('a' - 'A')) : c;
      upper = c == '_';
    }
    out.Get(group).As<Napi::Object>().Set(name, Napi::Number::New(env, word.value));
  }
  return out;
}

// lifeCycle({ rolling, resave, saveUninitialized, removedEnds }, expressHeaders) → { end, cookie, headers }: what each
// combination of facts calls for by express-session's rules. `headers` are the bits of responseHeaders, by
// looked * 2 + sendsCookie, by express-session's rule or this library's own.
napi_value make_life_cycle(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const Napi::Value wanted(env, given[0]);
  if (!wanted.IsObject()) return throw_type_error(env, "a life cycle needs a policy");
  const auto is = [&](const char* name) { return wanted.As<Napi::Object>().Get(name).ToBoolean().Value(); };
  const end_policy policy{is("rolling"), is("resave"), is("saveUninitialized"), is("removedEnds"), false};
  const life_cycle& rules = to_bool(env, given[1]) ? express_life_cycle : session_life_cycle;
  const std::array<unsigned, 4> headers{rules.headers(false, false), rules.headers(true, false),
                                        rules.headers(false, true), rules.headers(true, true)};
  auto out = Napi::Object::New(env);
  out.Set("end", to_bytes(env, tabulate_end(express_life_cycle, policy)));
  out.Set("cookie", to_bytes(env, tabulate_cookie(express_life_cycle, policy)));
  out.Set("headers", to_bytes(env, headers));
  return out;
}

// varyWithCookie(existing) → the Vary header's value with Cookie in it; "" where it says so already
napi_value vary_with_cookie(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  text existing;
  if (!existing.read(env, given[0], text::encoding::latin1)) return throw_type_error(env, "Vary must be a string");
  return make_string(env, coatcheck::vary_with_cookie(existing.view()));
}

// lateMessage(step) → what the application is told after a step of the end table; "" for the others
napi_value late_message(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  return make_string(env, coatcheck::late_message(static_cast<end_step>(to_uint32(env, given[0]))));
}

}  // namespace coatcheck::node
