// Methods of native objects: each JavaScript function holds the C++ object it works on, so that it stays valid
// when it is taken off its object, and a call needs no look-up of `this`.
#pragma once

#include <memory>
#include <node_api.h>

#include "values.hpp"

namespace coatcheck::node {

template <class T>
void release_shared(napi_env, void* data, void*) {
  delete static_cast<std::shared_ptr<T>*>(data);
}

template <class T>
void add_method(napi_env env, napi_value object, const char* name, napi_callback callback,
                const std::shared_ptr<T>& self) {
  auto* data = new std::shared_ptr<T>(self);
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, data, &function);
  napi_add_finalizer(env, function, data, release_shared<T>, nullptr, nullptr);
  napi_set_named_property(env, object, name, function);
}

// The object that a method was made for.
template <class T>
const std::shared_ptr<T>& self_of(void* data) noexcept {
  return *static_cast<std::shared_ptr<T>*>(data);
}

// An object that other native functions take as an argument: tagged, so that a wrong one is noticed.
template <class T>
napi_value wrap_shared(napi_env env, const std::shared_ptr<T>& self) {
  napi_value object = nullptr;
  napi_create_object(env, &object);
  napi_wrap(env, object, new std::shared_ptr<T>(self), release_shared<T>, nullptr, nullptr);
  napi_type_tag_object(env, object, &T::type_tag);
  return object;
}

template <class T>
std::shared_ptr<T> unwrap_shared(napi_env env, napi_value object) {
  bool ours = false;
  void* data = nullptr;
  if (napi_check_object_type_tag(env, object, &T::type_tag, &ours) != napi_ok || !ours) return nullptr;
  if (napi_unwrap(env, object, &data) != napi_ok) return nullptr;
  return *static_cast<std::shared_ptr<T>*>(data);
}

}  // namespace coatcheck::node
