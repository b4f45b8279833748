// Processes that share one cache and one origin, with every call of theirs in the test's hand (held_store.hpp).
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "coatcheck/cached.hpp"

#include "contract/store_contract.hpp"
#include "store/cached/entry.hpp"
#include "support/held_store.hpp"

namespace coatcheck::held {

using contract::pending;

struct held_places {
  manual_clock time;
  held_driver loop;
  std::shared_ptr<held_table> in_cache = std::make_shared<held_table>(time);
  std::shared_ptr<held_table> in_origin = std::make_shared<held_table>(time);

  // What the cache has of a key: 'v' a copy, 'a' absent, 'd' a mark, '-' nothing, '?' what is none of these.
  char slot(const std::string& key) {
    const auto* const at = in_cache->find("ct-" + key);
    if (at == nullptr) return '-';
    const auto entry = cached_entry::decode(at->bytes);
    return entry ? static_cast<char>(entry->what) : '?';
  }
  std::string copy(const std::string& key) {
    const auto* const at = in_cache->find("ct-" + key);
    const auto entry = at == nullptr ? std::nullopt : cached_entry::decode(at->bytes);
    return entry ? std::string(entry->bytes) : "";
  }
};

// One process. `holds`: whether the calls of its cache, and of its origin, wait for the test.
struct held_process {
  explicit held_process(held_places& in, cached_options options = {}, bool cache_holds = true, bool origin_holds = true)
      : places(in),
        cache(std::make_shared<held_store>(in.in_cache, in.time, cache_holds)),
        origin(std::make_shared<held_store>(in.in_origin, in.time, origin_holds)) {
    options.time = &in.time;
    options.loop = &in.loop;
    tier = *cached(cache, origin, options);
  }
  ~held_process() { tier->close(); }
  held_process(const held_process&) = delete;
  held_process& operator=(const held_process&) = delete;

  [[nodiscard]] epoch_ms later() const { return places.time.now() + 3'600'000; }
  // The oldest call of the cache or the origin happens and is answered. False: there is none of that kind.
  bool c(const std::string& what) { return run(*cache, what); }
  bool o(const std::string& what) { return run(*origin, what); }
  // Whatever waits, in turn, until nothing does.
  void settle() {
    while (!cache->calls.empty() || !origin->calls.empty()) {
      auto& at = cache->calls.empty() ? *origin : *cache;
      const auto one = at.calls.front();
      if (one->answered) {
        at.drop(one);
      } else {
        at.run(one);
      }
    }
  }
  template <class R, class Start>
  R to_end(Start&& start) {
    pending<R> p;
    start(p.slot());
    settle();
    EXPECT_EQ(p.completions, 1);
    return std::move(p.value);
  }
  get_result get(std::string_view key) {
    return to_end<get_result>([&](auto done) { tier->get(key, done); });
  }
  put_result put(std::string_view key, std::string_view bytes, expectation expect = expectation::anything(),
                 std::string_view owner = {}) {
    return to_end<put_result>([&](auto done) { tier->put(key, bytes, later(), expect, owner, done); });
  }
  touch_result touch(std::string_view key, epoch_ms at) {
    return to_end<touch_result>([&](auto done) { tier->touch(key, at, done); });
  }
  remove_result remove(std::string_view key) {
    return to_end<remove_result>([&](auto done) { tier->remove(key, done); });
  }

  held_places& places;
  std::shared_ptr<held_store> cache;
  std::shared_ptr<held_store> origin;
  std::shared_ptr<cached_store> tier;

 private:
  static bool run(held_store& in, const std::string& what) {
    const auto one = in.next(what);
    if (one == nullptr) return false;
    in.run(one);
    return true;
  }
};

}  // namespace coatcheck::held
