// The engine in C++: one whole session round (open, commit) without a host, and its parts.
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <string>

#include "coatcheck/engine.hpp"

namespace {

using namespace coatcheck;

constexpr const char* secret = "a benchmark secret of more than thirty-two bytes";
// 268 bytes, the size that the design's figures are for.
const std::string payload =
    R"({"user":{"id":4711,"name":"Ann Example","roles":["admin","editor"]},"cart":[{"sku":"A-1",)"
    R"("n":2},{"sku":"B-2","n":1}],"csrf":"3q2-7wAAAAC0_____zQAAAAAAAAAABAAAAAAAAAA",)"
    R"("flash":null,"seen":1700000000000,"theme":"dark","locale":"de-CH","views":12345})";

struct service {
  explicit service(const std::string& url) {
    auto sessions = open_store(url);
    auto keys = key_ring::from_secret(secret);
    auto made = sessions && keys ? engine::create({.keys = *keys, .where = *sessions})
                                 : result<std::shared_ptr<engine>>(errc::invalid_state, "no store");
    if (!made) std::abort();
    on = *made;
    const auto done = complete<committed>([&](auto completion) { on->commit({.payload = payload}, completion); });
    cookie = done.set_cookie.substr(0, done.set_cookie.find(';'));
  }
  [[nodiscard]] opened open() const {
    return complete<opened>([&](auto done) { on->open({.cookie_header = cookie}, done); });
  }
  std::shared_ptr<engine> on;
  std::string cookie;
};

void open_found(benchmark::State& state, const std::string& url) {
  const service s(url);
  for (auto _ : state) benchmark::DoNotOptimize(s.open());
}

void open_commit_changed(benchmark::State& state, const std::string& url) {
  const service s(url);
  std::string changed = payload;
  std::uint64_t n = 10000;
  for (auto _ : state) {
    changed.replace(changed.size() - 6, 5, std::to_string(10000 + n++ % 90000));
    const auto session = s.open();
    benchmark::DoNotOptimize(complete<committed>(
        [&](auto done) { s.on->commit({.base = session.session, .payload = changed, .printed = true}, done); }));
  }
}

void check_payload_268(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(check_payload(payload));
}
void same_json_268(benchmark::State& state) {
  auto other = payload;
  other[other.size() - 2] = '6';
  for (auto _ : state) benchmark::DoNotOptimize(same_json(payload, other));
}

BENCHMARK_CAPTURE(open_found, memory, "memory:bench");
BENCHMARK_CAPTURE(open_found, file, "file:build/bench-engine.mdb");
BENCHMARK_CAPTURE(open_commit_changed, memory, "memory:bench");
BENCHMARK_CAPTURE(open_commit_changed, file, "file:build/bench-engine.mdb");
BENCHMARK(check_payload_268);
BENCHMARK(same_json_268);

}  // namespace

BENCHMARK_MAIN();
