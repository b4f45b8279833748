// Sessions being written and read at once while a test does something to the servers. Every value says whose it is.
#pragma once

#include <algorithm>
#include <cstdio>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "support/redis_client.hpp"

namespace coatcheck_test {

class redis_load {
 public:
  // `width` sessions, one operation of each under way at a time.
  redis_load(redis_client& client, std::size_t width) : client_(client), flights_(width) {
    for (std::size_t i = 0; i < width; ++i) {
      flights_[i].of = this;
      flights_[i].key = "session" + std::to_string(i);
      start(flights_[i]);
    }
  }
  ~redis_load() { finish(); }
  redis_load(const redis_load&) = delete;
  redis_load& operator=(const redis_load&) = delete;

  // Turns the loop until `enough()`; fails after `most` ms.
  template <class Enough>
  void run(coatcheck::duration_ms most, Enough&& enough) {
    const coatcheck::steady_ms end = coatcheck::steady_now() + most;
    bool came = enough();
    while (!came && coatcheck::steady_now() < end) {
      client_.loop.run_once(10);
      came = enough();
    }
    EXPECT_TRUE(came) << "not within " << most << " ms: " << written << " written, " << unknown
                      << " unknown, the last: " << last_unknown;
  }
  void run_for(coatcheck::duration_ms time) {
    const coatcheck::steady_ms end = coatcheck::steady_now() + time;
    run(time + 5000, [&] { return coatcheck::steady_now() >= end; });
  }
  // A write or more of every session from now on.
  void run_until_all_written(coatcheck::duration_ms most = 60'000) {
    for (flight& one : flights_) one.writes = 0;
    run(most, [&] {
      return std::all_of(flights_.begin(), flights_.end(), [](const flight& one) { return one.writes > 0; });
    });
  }
  void finish() {
    refill_ = false;
    while (under_way_ > 0) client_.loop.run_once();
  }

  std::uint64_t written = 0;
  std::uint64_t read = 0;
  std::uint64_t unknown = 0;
  std::uint64_t lost = 0;     // absent, or older than what was acknowledged
  std::uint64_t crossed = 0;  // another session's value
  coatcheck::duration_ms slowest = 0;
  std::string last_unknown;

 private:
  struct flight {
    redis_load* of = nullptr;
    std::string key;
    std::uint64_t number = 0;        // of the last write that was begun
    std::uint64_t acknowledged = 0;  // and of the last that was stored
    std::uint64_t writes = 0;
    coatcheck::steady_ms since = 0;
    bool reading = true;
  };

  void start(flight& one) {
    one.since = coatcheck::steady_now();
    one.reading = !one.reading;
    ++under_way_;
    if (one.reading) {
      client_.sessions->get(one.key, coatcheck::completion<coatcheck::get_result>(
                                         [](void* context, coatcheck::get_result&& got) {
                                           auto& self = *static_cast<flight*>(context);
                                           self.of->heard(self, got);
                                         },
                                         &one));
      return;
    }
    const std::string value = one.key + ":" + std::to_string(++one.number);
    client_.sessions->put(one.key, value, coatcheck::system_clock().now() + 600'000, coatcheck::expectation::anything(),
                          {},
                          coatcheck::completion<coatcheck::put_result>(
                              [](void* context, coatcheck::put_result&& put) {
                                auto& self = *static_cast<flight*>(context);
                                self.of->heard(self, put);
                              },
                              &one));
  }
  void heard(flight& one, const coatcheck::put_result& put) {
    if (put.status == coatcheck::put_status::stored) {
      one.acknowledged = one.number;
      ++one.writes;
      ++written;
    } else {
      failed(put.why);
    }
    ended(one);
  }
  void heard(flight& one, const coatcheck::get_result& got) {
    if (got.status == coatcheck::get_status::unknown) {
      failed(got.why);
    } else if (got.status == coatcheck::get_status::absent) {
      lost += one.acknowledged > 0 ? 1 : 0;
    } else {
      const std::string_view value = got.value.bytes;
      const bool mine = value.starts_with(one.key + ":");
      ++read;
      crossed += mine ? 0 : 1;
      if (mine && std::stoull(std::string(value.substr(one.key.size() + 1))) < one.acknowledged) ++lost;
    }
    ended(one);
  }
  void failed(const coatcheck::error& why) {
    ++unknown;
    last_unknown = std::string(coatcheck::name_of(why.code)) + ": " + why.message;
  }
  void ended(flight& one) {
    --under_way_;
    slowest = std::max(slowest, coatcheck::steady_now() - one.since);
    if (refill_) start(one);
  }

  redis_client& client_;
  std::vector<flight> flights_;
  std::size_t under_way_ = 0;
  bool refill_ = true;
};

}  // namespace coatcheck_test
