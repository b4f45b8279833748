// Options as JavaScript objects, already checked and completed by node/lib/options.js, into the core's structs.
#pragma once

#include <napi.h>
#include <string>

#include "coatcheck/cookie.hpp"
#include "coatcheck/engine.hpp"
#include "coatcheck/refresh_tokens.hpp"
#include "coatcheck/store.hpp"

namespace coatcheck::node {

// `{ cookie: {…}, policy: {…}, tokens: {…}, migrateFrom: […] }`. Members that are undefined keep the core's defaults.
// Stores of migrateFrom are opened on `loop`. Error: a word that is not known, what is wrong with a merge rule or a
// URL.
[[nodiscard]] result<void> read_engine_options(const Napi::Object& from, driver* loop, engine_options& into);

// Rules by path as `[[path, rule], …]`, all strings; anything but an array: none.
[[nodiscard]] result<merge_rules> read_merge_rules(const Napi::Value& from);

// `{ idleTimeout, absoluteTimeout, grace }`, in milliseconds; likewise.
void read_refresh_options(const Napi::Object& from, refresh_options& into);

// A set_cookie and the strings that it points into.
struct owned_set_cookie {
  std::string name;
  std::string value;
  std::string domain;
  std::string path;
  set_cookie cookie;
};
// Error: a word that is not known.
[[nodiscard]] result<void> read_set_cookie(const Napi::Object& from, owned_set_cookie& into);

// A string, or the bytes of a Buffer or typed array.
[[nodiscard]] bool read_bytes(const Napi::Value& from, std::string& into);

}  // namespace coatcheck::node
