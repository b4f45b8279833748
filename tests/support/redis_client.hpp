// A Redis store on a loop of its own, and its operations run to their end: for tests of outages.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "coatcheck/event_loop.hpp"
#include "coatcheck/store.hpp"

namespace coatcheck_test {

class redis_client {
 public:
  explicit redis_client(const std::string& url, const coatcheck::clock* time = nullptr) {
    auto opened = coatcheck::open_store(url, {time, &loop});
    if (!opened) {
      ADD_FAILURE() << opened.error().message;
      return;
    }
    sessions = *std::move(opened);
  }
  ~redis_client() { sessions.reset(); }
  redis_client(const redis_client&) = delete;
  redis_client& operator=(const redis_client&) = delete;

  coatcheck::get_result get(std::string_view key) {
    return loop.wait<coatcheck::get_result>([&](auto done) { sessions->get(key, done); });
  }
  coatcheck::put_result put(std::string_view key, std::string_view bytes,
                            coatcheck::expectation expect = coatcheck::expectation::anything(),
                            std::string_view owner = {}, coatcheck::duration_ms life = 60'000) {
    const auto until = coatcheck::system_clock().now() + life;
    return loop.wait<coatcheck::put_result>([&](auto done) { sessions->put(key, bytes, until, expect, owner, done); });
  }
  coatcheck::touch_result touch(std::string_view key, coatcheck::duration_ms life) {
    const auto until = coatcheck::system_clock().now() + life;
    return loop.wait<coatcheck::touch_result>([&](auto done) { sessions->touch(key, until, done); });
  }
  coatcheck::remove_result remove(std::string_view key) {
    return loop.wait<coatcheck::remove_result>([&](auto done) { sessions->remove(key, done); });
  }
  coatcheck::keys_result owned_by(std::string_view owner) {
    return loop.wait<coatcheck::keys_result>([&](auto done) { sessions->owned_by(owner, done); });
  }
  coatcheck::count_result health() {
    return loop.wait<coatcheck::count_result>([&](auto done) { sessions->health(done); });
  }

  coatcheck::event_loop loop;
  std::shared_ptr<coatcheck::store> sessions;
};

}  // namespace coatcheck_test
