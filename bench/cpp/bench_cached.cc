// A cache before an origin against what it is made of (docs/decisions/0087): a hit against the cache alone, a miss
// against the reads of the origin and the cache. 1,000 sessions of 300 bytes.
//
// The remote ones need servers: COATCHECK_BENCH_REDIS and COATCHECK_BENCH_POSTGRES hold their URLs; without them
// they are skipped.
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "coatcheck/cached.hpp"
#include "coatcheck/event_loop.hpp"
#include "coatcheck/store.hpp"

namespace {

using namespace coatcheck;

constexpr std::size_t sessions = 1000;

const std::vector<std::string>& keys() {
  static const auto all = [] {
    std::vector<std::string> made;
    for (std::size_t i = 0; i < sessions; ++i) {
      auto key = std::to_string(i * 2654435761U) + "-";
      key.resize(43, 'k');
      made.push_back(key);
    }
    return made;
  }();
  return all;
}

// One store, open, with all sessions in it.
struct place {
  event_loop loop;
  std::shared_ptr<store> in;

  explicit place(const std::string& url, bool fill = true) {
    auto opened = open_store(url, {.loop = &loop});
    if (!opened) throw std::runtime_error(opened.error().message);
    in = *opened;
    if (url.starts_with("postgresql:")) (void)loop.wait<count_result>([&](auto done) { in->create_schema(done); });
    if (!fill) return;
    const auto until = system_clock().now() + 3'600'000;
    const std::string payload(300, 'p');
    for (const auto& key : keys()) {
      const auto put = loop.wait<put_result>([&](auto done) { in->put(key, payload, until, {}, {}, done); });
      if (put.status != put_status::stored) throw std::runtime_error("cannot fill the store: " + put.why.message);
    }
  }
  ~place() { in->close(); }
  place(const place&) = delete;
  place& operator=(const place&) = delete;

  get_result get(const std::string& key) {
    return loop.wait<get_result>([&](auto done) { in->get(key, done); });
  }
};

void read_all(benchmark::State& state, place& at) {
  for (std::size_t i = 0; i < sessions; ++i) (void)at.get(keys()[i]);  // the cache is warm
  const bool waits = at.in->capabilities().needs_loop;
  std::size_t i = 0;
  for (auto _ : state) {
    if (waits) {
      auto got = at.get(keys()[i % sessions]);
      if (got.status != get_status::found) state.SkipWithError("not found");
      benchmark::DoNotOptimize(got.value.bytes.data());
    } else {
      auto got = complete<get_result>([&](auto done) { at.in->get(keys()[i % sessions], done); });
      if (got.status != get_status::found) state.SkipWithError("not found");
      benchmark::DoNotOptimize(got.value.bytes.data());
    }
    i += 7919;
  }
}

// Nothing is ever in the cache: a copy's life is over at once.
void read_missing(benchmark::State& state, const std::string& cache, const std::string& origin) {
  place filled(origin);
  place at("cached(ttl=1):" + cache + "|" + origin, false);
  std::size_t i = 0;
  for (auto _ : state) {
    auto got = at.get(keys()[i % sessions]);
    if (got.status != get_status::found) state.SkipWithError("not found");
    i += 7919;
  }
}
void read_both(benchmark::State& state, const std::string& cache, const std::string& origin) {
  place first(cache, false);
  place second(origin);
  std::size_t i = 0;
  for (auto _ : state) {
    (void)first.get(keys()[i % sessions]);
    auto got = second.get(keys()[i % sessions]);
    if (got.status != get_status::found) state.SkipWithError("not found");
    i += 7919;
  }
}

void add(const std::string& name, void (*run)(benchmark::State&, place&), const std::string& url) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    place at(url);
    run(state, at);
  })->UseRealTime();
}
void add(const std::string& name, void (*run)(benchmark::State&, const std::string&, const std::string&),
         const std::string& cache, const std::string& origin) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    run(state, cache, origin);
  })->UseRealTime();
}

std::string from_environment(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? "" : text;
}

void add_all() {
  const std::string life = "cached(ttl=600000):";
  add("cpp/cached/alone@memory", read_all, "memory:alone");
  add("cpp/cached/hit@memory", read_all, life + "memory:cache|memory:origin");
  const std::string redis = from_environment("COATCHECK_BENCH_REDIS");
  const std::string postgres = from_environment("COATCHECK_BENCH_POSTGRES");
  if (redis.empty()) return;
  const std::string as_cache = redis + "?timeout=5000&prefix=cache:";
  const std::string as_origin = redis + "?timeout=5000&prefix=origin:";
  add("cpp/cached/both@memory,redis", read_both, "memory:both", as_origin);
  add("cpp/cached/miss@memory,redis", read_missing, "memory:missing", as_origin);
  add("cpp/cached/alone@redis", read_all, redis + "?timeout=5000&prefix=alone:");
  add("cpp/cached/hit@redis", read_all, "cached(ttl=600000,timeout=5000):" + as_cache + "|memory:behind");
  if (postgres.empty()) return;
  add("cpp/cached/hit@redis,postgres", read_all, "cached(ttl=600000,timeout=5000):" + as_cache + "|" + postgres);
  add("cpp/cached/both@redis,postgres", read_both, as_cache, postgres);
  add("cpp/cached/miss@redis,postgres", read_missing, as_cache, postgres);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  add_all();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
