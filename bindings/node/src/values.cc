// Conversions between JavaScript values and C++ ones.
#include "values.hpp"

#include <tuple>

namespace coatcheck::node {
namespace {

napi_status copy_string(napi_env env, napi_value value, char* out, std::size_t size, std::size_t* length,
                        text::encoding as) {
  return as == text::encoding::utf8 ? napi_get_value_string_utf8(env, value, out, size, length)
                                    : napi_get_value_string_latin1(env, value, out, size, length);
}

bool is_ascii(std::string_view bytes) noexcept {
  unsigned char seen = 0;  // no early exit: this form is vectorised
  for (const char byte : bytes) seen = static_cast<unsigned char>(seen | static_cast<unsigned char>(byte));
  return seen < 0x80;
}

}  // namespace

bool text::read(napi_env env, napi_value value, encoding as) {
  // A character of UTF-8 is never cut: a string that did not fit may leave up to three bytes unused.
  constexpr std::size_t surely_fits = std::tuple_size_v<decltype(short_)> - 4;
  std::size_t length = 0;
  if (copy_string(env, value, short_.data(), short_.size(), &length, as) != napi_ok) {
    napi_valuetype type = napi_object;
    napi_typeof(env, value, &type);
    return type == napi_undefined || type == napi_null;
  }
  present_ = true;
  view_ = {short_.data(), length};
  if (length < surely_fits) return true;
  if (copy_string(env, value, nullptr, 0, &length, as) != napi_ok) return false;
  long_.resize(length);
  if (copy_string(env, value, long_.data(), length + 1, &length, as) != napi_ok) return false;
  view_ = long_;
  return true;
}

std::uint32_t to_uint32(napi_env env, napi_value value) noexcept {
  std::uint32_t out = 0;
  napi_get_value_uint32(env, value, &out);
  return out;
}

bool to_bool(napi_env env, napi_value value) noexcept {
  bool out = false;
  napi_get_value_bool(env, value, &out);
  return out;
}

napi_value make_string(napi_env env, std::string_view utf8) {
  napi_value out = nullptr;
  if (is_ascii(utf8)) {
    napi_create_string_latin1(env, utf8.data(), utf8.size(), &out);
  } else {
    napi_create_string_utf8(env, utf8.data(), utf8.size(), &out);
  }
  return out;
}

napi_value make_number(napi_env env, double value) {
  napi_value out = nullptr;
  napi_create_double(env, value, &out);
  return out;
}

napi_value make_null(napi_env env) {
  napi_value out = nullptr;
  napi_get_null(env, &out);
  return out;
}

napi_value make_undefined(napi_env env) {
  napi_value out = nullptr;
  napi_get_undefined(env, &out);
  return out;
}

napi_value make_error(napi_env env, const coatcheck::error& why) {
  napi_value out = nullptr;
  napi_create_error(env, make_string(env, name_of(why.code)), make_string(env, why.message), &out);
  return out;
}

napi_value throw_type_error(napi_env env, const char* message) {
  napi_throw_type_error(env, "ERR_INVALID_OPTION", message);
  return nullptr;
}

napi_value throw_error(napi_env env, const coatcheck::error& why) {
  napi_throw(env, make_error(env, why));
  return nullptr;
}

}  // namespace coatcheck::node
