// The keyword arguments of an engine, checked and turned into the core's options. Times are milliseconds here;
// the Python package converts from seconds and timedelta.
//
// Thread safety: the GIL is held.
#pragma once

#include <memory>
#include <optional>
#include <pybind11/pybind11.h>
#include <string>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/engine.hpp"
#include "coatcheck/refresh_tokens.hpp"

namespace coatcheck::python {

struct setup {
  engine_options options;                   // without a store: that depends on the kind of engine
  std::string url;                          // of the store
  std::vector<std::string> foreign_urls{};  // of options.migrate_from; empty: a session in its cookie
  std::shared_ptr<manual_clock> clock;      // keeps `options.time` alive; null: Python's
  std::optional<near_cache_options> near{};
};

// Opens the stores of the options: on the loop, or where there is none those that answer in the call.
[[nodiscard]] result<void> open_stores(engine_options& options, const std::string& url,
                                       const std::vector<std::string>& foreign_urls, driver* loop,
                                       const std::optional<near_cache_options>& near);

// Throws error_already_set: ConfigError for a value out of range, TypeError for an unknown or mistyped one.
[[nodiscard]] setup read_setup(const pybind11::dict& arguments);

struct refresh_setup {
  refresh_options options;              // without a store
  std::string url;                      // of the store
  std::shared_ptr<manual_clock> clock;  // as above
};

// Merge rules from a dict of words by path; None: none. Throws like read_setup.
[[nodiscard]] merge_rules read_merge_rules(const pybind11::object& given);

// The same for refresh tokens.
[[nodiscard]] refresh_setup read_refresh_setup(const pybind11::dict& arguments);

// Whether the store of `url` answers in the call. Throws ConfigError when no store has such a URL.
[[nodiscard]] bool answers_in_the_call(const std::string& url);

}  // namespace coatcheck::python
