// Runs worlds. COATCHECK_SIMULATION_STEPS: of each; COATCHECK_SIMULATION_SEEDS: how many, from
// COATCHECK_SIMULATION_SEED on.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>

#include "simulation/world.hpp"

namespace coatcheck::simulation {
namespace {

std::uint64_t setting(const char* name, std::uint64_t fallback) {
  const char* const text = std::getenv(name);
  return text == nullptr || *text == '\0' ? fallback : std::strtoull(text, nullptr, 10);
}

void run_worlds(bool tiers, std::uint64_t usual_seeds) {
  const auto first = setting("COATCHECK_SIMULATION_SEED", 1);
  const auto seeds = setting("COATCHECK_SIMULATION_SEEDS", usual_seeds);
  const auto steps = setting("COATCHECK_SIMULATION_STEPS", 20'000);
  const auto began = std::chrono::steady_clock::now();
  figures all;
  for (auto seed = first; seed < first + seeds; ++seed) {
    world one(seed, tiers);
    const bool held = one.run(steps);
    ASSERT_TRUE(held) << one.violation() << "\nagain with: make simulate SEED=" << seed << " SEEDS=1 STEPS=" << steps;
    const auto& seen = one.seen();
    all.steps += seen.steps;
    all.requests += seen.requests;
    all.found += seen.found;
    all.stored += seen.stored;
    all.merged += seen.merged;
    all.unknown += seen.unknown;
    all.ended += seen.ended;
    all.failovers += seen.failovers;
    all.resets += seen.resets;
    all.flushes += seen.flushes;
  }
  // A world in which nothing happens would hold, too.
  EXPECT_GT(all.found, all.requests / 4);
  EXPECT_GT(all.merged, 0U);
  EXPECT_GT(all.unknown, 0U);
  EXPECT_GT(all.ended, 0U);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  std::printf(
      "%llu worlds, %llu steps in %lld ms: %llu requests, %llu found, %llu stored, %llu merged, %llu unknown, %llu "
      "ended, "
      "%llu resets, %llu failovers, %llu flushes\n",
      static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(all.steps),
      static_cast<long long>(took.count()), static_cast<unsigned long long>(all.requests),
      static_cast<unsigned long long>(all.found), static_cast<unsigned long long>(all.stored),
      static_cast<unsigned long long>(all.merged), static_cast<unsigned long long>(all.unknown),
      static_cast<unsigned long long>(all.ended), static_cast<unsigned long long>(all.resets),
      static_cast<unsigned long long>(all.failovers), static_cast<unsigned long long>(all.flushes));
}

TEST(Simulation, NothingIsLostCrossedOrLateWhateverTheNetworkDoes) { run_worlds(false, 20); }
TEST(Simulation, NothingIsLostCrossedOrLateWhereACacheAndItsOriginDisagree) { run_worlds(true, 6); }

// What replays a failure: the same seed is the same world.
TEST(Simulation, ASeedIsAWorld) {
  world one(7);
  world same(7);
  EXPECT_EQ(one.run(5'000), same.run(5'000));
  EXPECT_EQ(one.seen().requests, same.seen().requests);
  EXPECT_EQ(one.seen().found, same.seen().found);
  EXPECT_EQ(one.seen().stored, same.seen().stored);
  EXPECT_EQ(one.seen().merged, same.seen().merged);
  EXPECT_EQ(one.seen().unknown, same.seen().unknown);
}

}  // namespace
}  // namespace coatcheck::simulation
