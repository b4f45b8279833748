// Whether the time of an HS256 verification tells where a wrong MAC differs from the right one, after dudect
// (Reparaz, Balasch, Verbauwhede, 2017): two classes of input in random order, the slowest share of the measurements
// cut off, Welch's t-test. |t| below 4.5 is taken for "no difference found". One line for each pair of classes.
//
// Usage: probe_timing [samples, 1000000 without]
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "coatcheck/jose/jwt.hpp"

#include "jose/key_impl.hpp"
#include "jose/signature.hpp"

namespace {

using namespace coatcheck::jose;

struct moments {
  double count = 0, mean = 0, squares = 0;
  void add(double value) {
    ++count;
    const double delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
  }
  [[nodiscard]] double variance() const { return squares / (count - 1); }
};

struct sample {
  bool second;
  double ns;
};

// The largest |t| of several cuts: rare slow measurements hide a difference, or feign one.
double welch(std::vector<sample> samples) {
  std::sort(samples.begin(), samples.end(), [](const sample& a, const sample& b) { return a.ns < b.ns; });
  double worst = 0;
  for (const double share : {0.5, 0.9, 0.99, 1.0}) {
    std::array<moments, 2> of;
    const auto kept = static_cast<std::size_t>(share * static_cast<double>(samples.size()));
    // A cut at a rank takes different parts of the classes, so it is made at a time that both have.
    const double limit = samples[kept - 1].ns;
    for (const sample& one : samples) {
      if (one.ns <= limit) of[one.second ? 1 : 0].add(one.ns);
    }
    const double t =
        (of[0].mean - of[1].mean) / std::sqrt(of[0].variance() / of[0].count + of[1].variance() / of[1].count);
    if (std::abs(t) > std::abs(worst)) worst = t;
  }
  return worst;
}

// Both classes are copied to one place before the clock starts: the same addresses, the same state of the caches.
template <class Run>
void compare(const char* name, std::size_t count, const std::string& first, const std::string& second, Run&& run) {
  std::mt19937_64 random(std::random_device{}());
  std::string input = first;
  std::vector<sample> samples;
  samples.reserve(count);
  for (std::size_t i = 0; i < count + 10'000; ++i) {
    const bool pick = (random() & 1) != 0;
    std::memcpy(input.data(), (pick ? second : first).data(), input.size());
    const auto start = std::chrono::steady_clock::now();
    run(input);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    if (i >= 10'000) samples.push_back({pick, took.count()});
  }
  const double t = welch(std::move(samples));
  std::printf("%-42s t = %6.2f  %s\n", name, t, std::abs(t) < 4.5 ? "no difference found" : "DIFFERENT");
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  if (count < 1000) {
    std::fprintf(stderr, "usage: probe_timing [samples, 1000 or more]\n");
    return 2;
  }
  const key with = *key::generate(algorithm::HS256);
  const std::string message = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9";
  const std::string_view pieces[] = {message};
  signature_bytes made;
  if (!make_signature(with.impl(), pieces, made)) return 1;
  const std::string right(reinterpret_cast<const char*>(made.data.data()), made.size);
  std::string first = right, last = right;
  first.front() = static_cast<char>(first.front() ^ 1);
  last.back() = static_cast<char>(last.back() ^ 1);
  const auto compare_mac = [&](const std::string& mac) {
    volatile bool held = verify_signature(with.impl(), pieces, mac);
    (void)held;
  };
  compare("signature: right, first byte wrong", count, right, first, compare_mac);
  compare("signature: right, last byte wrong", count, right, last, compare_mac);
  compare("signature: first byte, last byte wrong", count, first, last, compare_mac);

  verifier_options options;
  options.keys = *key_set::from_keys({with});
  options.claims.any_type = true;
  options.claims.audience = audience_rule::any;
  const verifier checks = *verifier::create(options);
  const std::string token = *jws_sign(with, R"({"sub":"alice"})");
  std::string early = token, late = token;
  early[token.rfind('.') + 1] = early[token.rfind('.') + 1] == 'A' ? 'B' : 'A';
  late[token.size() - 2] =
      late[token.size() - 2] == 'A' ? 'B' : 'A';  // the last character holds only 4 bits of the MAC
  compare("token: first byte, last byte wrong", count, early, late, [&](const std::string& text) {
    volatile bool held = static_cast<bool>(checks.verify(text, 0));
    (void)held;
  });
  return 0;
}
