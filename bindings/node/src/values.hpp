// Small conversions between JavaScript values and C++ ones, on raw Node-API: this is the hot path of a request.
//
// Nothing here throws. A conversion that fails answers false or a null napi_value; a JavaScript exception is
// then pending or the caller makes one.
//
// Thread safety: belongs to the thread of the napi_env.
#pragma once

#include <array>
#include <cstdint>
#include <node_api.h>
#include <string>
#include <string_view>

#include "coatcheck/error.hpp"

namespace coatcheck::node {

// The arguments of one call and the data of the function.
template <std::size_t N>
struct arguments {
  std::array<napi_value, N> values{};
  std::size_t count = N;
  void* data = nullptr;

  arguments(napi_env env, napi_callback_info info) noexcept {
    // Arguments that were not given are filled with undefined.
    napi_get_cb_info(env, info, &count, values.data(), nullptr, &data);
  }
  napi_value operator[](std::size_t index) const noexcept { return values[index]; }
};

// One string argument. Short ones stay in the object; undefined and null read as "not there".
class text {
 public:
  enum class encoding : std::uint8_t {
    utf8,
    latin1,  // HTTP header values: Node hands each byte over as one character
  };
  text() = default;
  text(const text&) = delete;
  text& operator=(const text&) = delete;

  // False when the value is neither a string nor undefined or null.
  [[nodiscard]] bool read(napi_env env, napi_value value, encoding as = encoding::utf8);
  [[nodiscard]] bool present() const noexcept { return present_; }
  [[nodiscard]] std::string_view view() const noexcept { return view_; }

 private:
  std::array<char, 1024> short_;
  std::string long_;
  std::string_view view_;
  bool present_ = false;
};

[[nodiscard]] std::uint32_t to_uint32(napi_env env, napi_value value) noexcept;
[[nodiscard]] bool to_bool(napi_env env, napi_value value) noexcept;

// A JavaScript string from UTF-8. ASCII takes a shorter way through V8.
[[nodiscard]] napi_value make_string(napi_env env, std::string_view utf8);
[[nodiscard]] napi_value make_number(napi_env env, double value);
[[nodiscard]] napi_value make_null(napi_env env);
[[nodiscard]] napi_value make_undefined(napi_env env);
// An Error with `code`; not thrown. The JavaScript side gives it its class.
[[nodiscard]] napi_value make_error(napi_env env, const coatcheck::error& why);

// Throws a TypeError, for a call that our own JavaScript would never make. Answers null.
napi_value throw_type_error(napi_env env, const char* message);
// Throws `why`. Answers null.
napi_value throw_error(napi_env env, const coatcheck::error& why);

}  // namespace coatcheck::node
