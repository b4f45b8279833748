// Reading options of coatcheck/jwt, which node/lib/jwt has checked already. Cold: runs when a key or a verifier is
// made.
#pragma once

#include <napi.h>
#include <string>
#include <vector>

#include "coatcheck/error.hpp"
#include "coatcheck/jose/algorithm.hpp"

namespace coatcheck::node {

// A member of `from`, or what it is when it is not given.
[[nodiscard]] inline std::string string_option(const Napi::Object& from, const char* name) {
  const Napi::Value value = from.Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}
[[nodiscard]] inline bool bool_option(const Napi::Object& from, const char* name) {
  const Napi::Value value = from.Get(name);
  return value.IsBoolean() && value.As<Napi::Boolean>().Value();
}
template <class Integer>
void number_option(const Napi::Object& from, const char* name, Integer& into) {
  const Napi::Value value = from.Get(name);
  if (value.IsNumber()) into = static_cast<Integer>(value.As<Napi::Number>().Int64Value());
}
// The strings of an array; none where it is no array.
[[nodiscard]] inline std::vector<std::string> text_list(const Napi::Value& value) {
  std::vector<std::string> out;
  if (!value.IsArray()) return out;
  const auto array = value.As<Napi::Array>();
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    if (const Napi::Value one = array.Get(i); one.IsString()) out.push_back(one.As<Napi::String>().Utf8Value());
  }
  return out;
}
[[nodiscard]] inline std::vector<std::string> list_option(const Napi::Object& from, const char* name) {
  return text_list(from.Get(name));
}
// Names of algorithms. False: one of them is not known, and so stands for no check at all.
[[nodiscard]] inline bool algorithms_option(const Napi::Object& from, const char* name,
                                            std::vector<jose::algorithm>& into) {
  for (const auto& text : list_option(from, name)) {
    const auto alg = jose::algorithm_from(text);
    if (!alg) return false;
    into.push_back(*alg);
  }
  return true;
}
inline const error unknown_algorithm{errc::key_unsuitable, "algorithms names one that is not known"};
// An object of options; an empty one where none was given.
[[nodiscard]] inline Napi::Object object_of(napi_env env, napi_value value) {
  const Napi::Value given(env, value);
  return given.IsObject() ? given.As<Napi::Object>() : Napi::Object::New(env);
}

}  // namespace coatcheck::node
