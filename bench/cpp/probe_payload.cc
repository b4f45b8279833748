// What a payload of 1 MiB costs the core in its worst shapes: checked, compared, merged. The aim is 25 ms each.
// Limits on members are raised so that all of it is read, except in the rows named "limited". Not a test: a busy
// machine would fail it.
#include <benchmark/benchmark.h>

#include "coatcheck/engine.hpp"

namespace {

using namespace coatcheck;

constexpr std::size_t size = 1024 * 1024;
constexpr std::size_t unlimited = SIZE_MAX;

struct shape {
  const char* name;
  std::string base;
  std::string mine;
  std::string theirs;
};

// `part(i)`, joined by commas, as often as fits below the size.
template <class Part>
std::string filled(const char* open, const char* close, Part part, std::size_t most = SIZE_MAX) {
  std::string out = open;
  for (std::size_t i = 0; i < most; ++i) {
    auto next = part(i);
    if (out.size() + next.size() + 64 > size) break;
    out += (i > 0 ? "," : "") + std::move(next);
  }
  return out + close;
}

shape make(const char* name, const std::string& body_of_base, const std::string& close) {
  return {name, body_of_base + close, body_of_base + R"(,"mine":9007199254740991)" + close,
          body_of_base + R"(,"theirs":"\u20ac")" + close};
}

std::vector<shape> shapes(bool limited) {
  const std::size_t most = limited ? 19'990 : SIZE_MAX;
  const auto key = [](std::size_t i) { return "\"k" + std::to_string(i) + "\":" + std::to_string(i); };
  std::vector<shape> all;
  all.push_back(make("short_keys", filled("{", "", key, most), "}"));
  all.push_back(
      make("long_common_prefix",
           filled(
               "{", "", [](std::size_t i) { return "\"" + std::string(100, 'p') + std::to_string(i) + "\":1"; }, most),
           "}"));
  const auto list = [&](const char* more) {
    return filled(
               "{\"l\":[", "", [](std::size_t i) { return std::to_string(i % 10); }, most) +
           more + "]}";
  };
  all.push_back({"small_numbers", list(""), list(",1"), list(",2")});
  const auto shuffled = [&](std::size_t step) {
    return filled(
        "{\"l\":[", "]}", [&](std::size_t i) { return std::to_string(i * step % 99'991); }, most);
  };
  all.push_back({"three_orders", shuffled(1), shuffled(7919), shuffled(104'729)});
  const auto objects = [&](const char* value) {
    return filled(
        "{\"l\":[", "]}", [&](std::size_t i) { return R"({"id":)" + std::to_string(i) + R"(,"n":)" + value + "}"; },
        most / 3);
  };
  all.push_back({"every_element_changed_by_both", objects("1"), objects("2"), objects("3")});
  all.push_back(make("one_long_text", "{\"t\":\"" + std::string(size - 100, 'x') + "\"", "}"));
  std::string escapes = "{\"t\":\"";
  while (escapes.size() < size - 100) escapes += "\\u20ac";
  all.push_back(make("escapes", escapes + "\"", "}"));
  all.push_back({"arrays_of_one",
                 filled(
                     "{\"l\":[", "]}", [](std::size_t) { return std::string("[0]"); }, most / 2),
                 filled(
                     "{\"l\":[", ",7]}", [](std::size_t) { return std::string("[0]"); }, most / 2),
                 filled(
                     "{\"l\":[8,", "]}", [](std::size_t) { return std::string("[0]"); }, most / 2)});
  return all;
}

void add(const shape& one, const std::string& prefix) {
  const auto run = [&](const char* what, auto work) {
    benchmark::RegisterBenchmark((prefix + what + "/" + one.name).c_str(), [one, work](benchmark::State& state) {
      for (auto _ : state) work(one);
    })->Unit(benchmark::kMillisecond);
  };
  run("check", [](const shape& s) { benchmark::DoNotOptimize(check_payload(s.mine, 2 * size, unlimited)); });
  run("compare", [](const shape& s) { benchmark::DoNotOptimize(same_json(s.mine, s.theirs)); });
  run("merge",
      [](const shape& s) { benchmark::DoNotOptimize(merge_payloads(s.base, s.mine, s.theirs, merge_policy::mine)); });
}

}  // namespace

int main(int argc, char** argv) {
  for (const auto& one : shapes(true)) add(one, "limited/");
  for (const auto& one : shapes(false)) add(one, "all/");
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
