// Cache-aside against a model: three processes, of which two share a cache, on one origin, under a scheduler that lets
// their calls happen, be answered, fail or come too late in any order, from a seed.
//
// Checked: every operation ends once; a write that was acknowledged is in the origin's history, on top of what it
// expected; no read shows what a write had replaced before the read (or the flight that it joined) began, as long as
// the cache answered; when it did not, no read is older than the ttl, and what a remove was acknowledged for stays
// gone.
#include <cstdlib>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "support/held_tiers.hpp"

namespace coatcheck::held {
namespace {

constexpr duration_ms ttl = 5000;
constexpr duration_ms stale = 2000;

struct model_options {
  bool cache_fails = false;   // answers that are lost, calls that are lost or happen later
  bool origin_fails = false;  // the same
};

// What the origin held of a key, one after the other.
struct version {
  std::string tag;         // empty: nothing
  int begun = 0;           // the step at which it came
  epoch_ms ended_at = -1;  // wall time at which another one took its place; -1: it is there
  int acked = -1;          // the step at which the write that ended it was acknowledged; -1: it was not
  bool by_remove = false;  // that write was a remove
  int acker = -1;          // the process whose write it was
};

class model {
 public:
  model(unsigned seed, model_options with) : random_(seed), with_(with) {
    places_.in_origin->changed = [this](const std::string& key, const held_entry* now) {
      auto& all = history_[key];
      if (all.empty()) all.push_back({});
      all.back().ended_at = places_.time.now();
      all.back().by_remove = now == nullptr;
      all.push_back({now == nullptr ? "" : std::string(now->tag.view()), step_, -1, -1, false, -1});
      last_change_ = {key, all.size() - 2};
    };
    cached_options options;
    options.ttl = ttl;
    options.stale = stale;
    options.absent_ttl = 1000;
    for (int i = 0; i < 3; ++i) {
      if (i == 2) {
        elsewhere_.in_cache = std::make_shared<held_table>(places_.time);
        std::swap(places_.in_cache, elsewhere_.in_cache);
      }
      processes_.push_back(std::make_unique<held_process>(places_, options));
    }
    std::swap(places_.in_cache, elsewhere_.in_cache);
  }

  void run(int steps) {
    for (; step_ < steps && !testing::Test::HasFailure(); ++step_) turn();
    quiet();
  }
  std::map<std::string, int> ended;  // how many operations ended how

 private:
  struct operation {
    std::string what;
    std::string key;
    int process = 0;
    int begun = 0;
    int flight_begun = 0;  // of a read: when the first of those it may have joined began
    epoch_ms flight_time = 0;
    expectation expect;
    pending<get_result> got;
    pending<put_result> put;
    pending<touch_result> touched;
    pending<remove_result> removed;
    pending<count_result> counted;
    std::shared_ptr<held_store::call> call;  // of a remove: the origin's
    [[nodiscard]] int completions() const {
      return got.completions + put.completions + touched.completions + removed.completions + counted.completions;
    }
  };

  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  bool chance(int percent) { return below(100) < percent; }

  void turn() {
    const int dice = below(100);
    if (dice < 25) {
      if (running_.size() < 12) begin();
    } else if (dice < 93) {
      advance_a_call();
    } else if (dice < 95) {
      if (with_.cache_fails) places_.loop.run_out();
    } else {
      pass_time(below(10) == 0 ? below(3000) : below(200));
    }
    judge();
  }

  // No call happens later than a network would have it: slots keep their entries for longer than that.
  void pass_time(duration_ms by) {
    places_.time.advance(by);
    each_store([&](held_store& in, bool) {
      for (auto calls = in.calls; const auto& one : calls) {
        if (places_.time.now() - one->begun < 30'000) continue;
        if (one->answered) {
          in.drop(one);
        } else {
          in.run(one);
        }
      }
    });
  }

  template <class Each>
  void each_store(Each&& each) {
    for (auto& one : processes_) {
      each(*one->cache, true);
      each(*one->origin, false);
    }
  }

  void begin() {
    auto one = std::make_unique<operation>();
    one->process = below(3);
    one->key = "k" + std::to_string(below(2));
    one->begun = step_;
    auto& in = *processes_[static_cast<std::size_t>(one->process)]->tier;
    const auto until = places_.time.now() + 3'600'000;
    const int dice = below(100);
    operation& op = *one;
    running_.push_back(std::move(one));
    if (dice < 50) {
      op.what = "get";
      const bool shares = flight_may_run(op);
      auto& flight = flights_[{op.process, op.key}];
      if (!shares) flight = {step_, places_.time.now()};
      op.flight_begun = flight.first;
      op.flight_time = flight.second;
      in.get(op.key, op.got.slot());
    } else if (dice < 80) {
      op.what = "put";
      const auto& known = known_[{op.process, op.key}];
      op.expect = chance(15)      ? expectation::anything()
                  : known.empty() ? expectation::nothing()
                                  : expectation::version(known);
      in.put(op.key, "v" + std::to_string(step_), until, op.expect, "ann", op.put.slot());
    } else if (dice < 87) {
      op.what = "touch";
      in.touch(op.key, until, op.touched.slot());
    } else if (dice < 98) {
      op.what = "remove";
      in.remove(op.key, op.removed.slot());
      op.call = processes_[static_cast<std::size_t>(op.process)]->origin->calls.back();
    } else {
      op.what = "remove_owner";
      in.remove_owner("ann", "", op.counted.slot());
    }
  }

  // Whether a read of this process and key may still be under way: then the new one may share its answer.
  bool flight_may_run(const operation& of) {
    for (const auto& one : running_) {
      if (one.get() != &of && one->what == "get" && one->process == of.process && one->key == of.key) return true;
    }
    const auto& cache = *processes_[static_cast<std::size_t>(of.process)]->cache;
    for (const auto& one : cache.calls) {
      if (one->key == "ct-" + of.key && !one->answered) return true;
    }
    return false;
  }

  void advance_a_call() {
    std::vector<std::tuple<held_store*, std::shared_ptr<held_store::call>, bool>> all;
    each_store([&](held_store& in, bool is_cache) {
      for (const auto& one : in.calls) all.push_back({&in, one, is_cache});
    });
    if (all.empty()) return;
    const auto [in, one, is_cache] = all[static_cast<std::size_t>(below(static_cast<int>(all.size())))];
    const bool fails = is_cache ? with_.cache_fails : with_.origin_fails;
    if (one->answered) {  // it has not happened yet
      if (chance(50)) {
        apply(*in, one, is_cache);
      } else {
        in->drop(one);
      }
    } else if (fails && chance(8)) {
      in->answer(one, &lost_);  // it may have happened, or may happen later
    } else if (one->applied) {
      in->answer(one);
    } else {
      apply(*in, one, is_cache);
      if (chance(50)) in->answer(one);
    }
  }
  void apply(held_store& in, const std::shared_ptr<held_store::call>& one, bool is_cache) {
    last_change_.second = none;
    in.apply(one);
    if (!is_cache && last_change_.second != none && one->what == "remove") {
      removals_.push_back({last_change_.first, last_change_.second, one, step_});
    }
  }

  // What ended since the last turn.
  void judge() {
    for (std::size_t i = 0; i < running_.size();) {
      operation& one = *running_[i];
      ASSERT_LE(one.completions(), 1);
      if (one.completions() == 0) {
        ++i;
        continue;
      }
      if (one.what == "get") judge_read(one);
      if (one.what == "put") judge_put(one);
      if (one.what == "remove") {
        const bool known = one.removed.value.status != remove_status::unknown;
        ++ended[known ? "removed" : "remove unknown"];
        if (known) acknowledge(one);
      }
      if (one.what == "remove_owner") {
        ++ended[one.counted.value.known ? "owner removed" : "owner unknown"];
      }
      if (one.what == "touch") ++ended[one.touched.value.status == touch_status::unknown ? "touch unknown" : "touched"];
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  void judge_read(const operation& one) {
    const auto& got = one.got.value;
    auto& known = known_[{one.process, one.key}];
    if (got.status == get_status::unknown) {
      ++ended["read unknown"];
      return;
    }
    ++ended[got.status == get_status::found ? "found" : "absent"];
    const std::string tag(got.value.tag.view());
    known = got.value.tag;
    auto& all = history_[one.key];
    if (all.empty()) all.push_back({});
    // The newest version that this can be: nothing was there several times.
    const version* best = nullptr;
    for (const auto& v : all) {
      if (v.tag == tag) best = &v;
    }
    ASSERT_NE(best, nullptr) << "a version that never was";
    bool fine = false;
    std::string why;
    for (const auto& v : all) {
      if (v.tag != tag) continue;
      why = "";
      if (v.ended_at >= 0) {
        const epoch_ms bound = v.tag.empty() ? 1000 : ttl + (with_.origin_fails ? stale : 0);
        if (one.flight_time - v.ended_at > bound) why = "older than the bound";
        // Of a cache that is its own, only its own writes are seen at once.
        // What its own process wrote, whatever became of the cache.
        if (v.acker == one.process && v.acked < one.begun) why = "from before a write of its own process";
        const bool strict = one.process != 2 && (!with_.cache_fails || v.by_remove);
        if (strict && v.acked >= 0 && v.acked < one.flight_begun && v.acker != 2) why = "replaced before the read";
      }
      if (why.empty()) fine = true;
    }
    EXPECT_TRUE(fine) << "step " << step_ << ": " << one.key << " of process " << one.process << " is " << why;
  }

  void judge_put(const operation& one) {
    const auto& put = one.put.value;
    auto& known = known_[{one.process, one.key}];
    if (put.status == put_status::stored) {
      ++ended["stored"];
      known = put.tag;
      auto& all = history_[one.key];
      bool found = false;
      for (std::size_t i = 1; i < all.size(); ++i) {
        if (all[i].tag != put.tag.view()) continue;
        found = true;
        if (one.expect.what == expectation::kind::match) {
          EXPECT_EQ(all[i - 1].tag, one.expect.tag.view()) << "a lost update";
        }
        all[i - 1].acked = step_;
        all[i - 1].acker = one.process;
      }
      EXPECT_TRUE(found) << "acknowledged, and not in the origin";
    } else if (put.status == put_status::conflict) {
      ++ended["conflict"];
      known = put.current.tag;
    } else if (put.status == put_status::gone) {
      ++ended["gone"];
      known = etag();
    } else {
      ++ended["put unknown"];
    }
  }
  // A remove: what it removed itself, and what others had before it began.
  void acknowledge(const operation& one) {
    known_[{one.process, one.key}] = etag();
    for (const auto& made : removals_) {
      if (made.key != one.key || (made.call != one.call && made.step >= one.begun)) continue;
      auto& v = history_[one.key][made.index];
      if (v.acked >= 0 && v.acker != 2) continue;
      v.acked = step_;
      v.acker = one.process;
    }
  }

  // Everything ends; after the ttl all read what the origin has.
  void quiet() {
    for (int i = 0; i < 1000; ++i) {
      each_store([&](held_store& in, bool is_cache) {
        for (auto calls = in.calls; const auto& one : calls) {
          if (!one->applied) apply(in, one, is_cache);
          if (!one->answered) in.answer(one);
        }
      });
    }
    judge();
    EXPECT_TRUE(running_.empty()) << "an operation never ended";
    places_.time.advance(ttl + stale);
    for (int k = 0; k < 2; ++k) {
      const auto key = "k" + std::to_string(k);
      const auto* const there = places_.in_origin->find(key);
      for (auto& process : processes_) {
        const auto got = process->get(key);
        EXPECT_EQ(got.status, there == nullptr ? get_status::absent : get_status::found);
        if (there != nullptr) {
          EXPECT_EQ(got.value.bytes, there->bytes);
        }
      }
    }
    if (processes_[0]->tier->counts().hits != 0) ++ended["runs with hits"];
  }

  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  std::mt19937 random_;
  const model_options with_;
  held_places places_;
  held_places elsewhere_;
  std::vector<std::unique_ptr<operation>> running_;  // before the processes, which end them
  std::vector<std::unique_ptr<held_process>> processes_;
  std::map<std::string, std::vector<version>> history_;
  std::map<std::pair<int, std::string>, etag> known_;
  std::map<std::pair<int, std::string>, std::pair<int, epoch_ms>> flights_;
  std::pair<std::string, std::size_t> last_change_{"", none};
  struct removal {
    std::string key;
    std::size_t index;  // of the version that it ended
    std::shared_ptr<held_store::call> call;
    int step;
  };
  std::vector<removal> removals_;
  int step_ = 0;
  const error lost_{errc::store_timeout, "lost"};
};

// COATCHECK_MODEL_SEEDS: how many; COATCHECK_MODEL_FIRST: the first.
unsigned number_from(const char* name, unsigned fallback) {
  const char* const text = std::getenv(name);
  return text == nullptr ? fallback : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

void run_all(model_options with, const std::set<std::string>& expected) {
  std::map<std::string, int> ended;
  const unsigned first = number_from("COATCHECK_MODEL_FIRST", 1);
  const unsigned last = first + number_from("COATCHECK_MODEL_SEEDS", 300);
  for (unsigned seed = first; seed < last; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    model one(seed, with);
    one.run(600);
    for (const auto& [what, count] : one.ended) ended[what] += count;
    if (testing::Test::HasFailure()) return;
  }
  for (const auto& what : expected)
    EXPECT_GT(ended[what], static_cast<int>((last - first) / 8)) << what << " was hardly tried";
}

const std::set<std::string> outcomes = {"found",   "absent",  "stored",        "conflict",      "gone",
                                        "removed", "touched", "owner removed", "runs with hits"};

TEST(CachedModel, NothingIsLostOrComesBack) { run_all({}, outcomes); }
TEST(CachedModel, NothingIsLostOrComesBackWhileTheCacheFails) {
  auto expected = outcomes;
  expected.insert({"remove unknown"});
  run_all({.cache_fails = true}, expected);
}
TEST(CachedModel, NothingIsLostOrComesBackWhileTheOriginFails) {
  auto expected = outcomes;
  expected.insert({"remove unknown", "put unknown", "read unknown"});
  run_all({.origin_fails = true}, expected);
}
TEST(CachedModel, NothingIsLostOrComesBackWhileBothFail) {
  auto expected = outcomes;
  expected.insert({"remove unknown", "put unknown", "read unknown"});
  run_all({.cache_fails = true, .origin_fails = true}, expected);
}

}  // namespace
}  // namespace coatcheck::held
