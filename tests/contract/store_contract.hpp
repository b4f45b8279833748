// The store contract as tests: every store of coatcheck passes the cases in this directory unchanged.
//
// To add a store, write one .cc file here that registers a factory; nothing else changes:
//
//   class my_place final : public store_place { … };
//   const bool registered = register_store({"mine", [] { return std::make_unique<my_place>(); }});
//
// Every test asks the factory for a place of its own: empty, and not shared with another test.
#pragma once

#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/key_ring.hpp"
#include "coatcheck/store.hpp"

namespace coatcheck::contract {

// Where one test keeps its data.
class store_place {
 public:
  virtual ~store_place() = default;
  // Why the test cannot run here (a server that is not installed); empty: it can. Shown as skipped.
  [[nodiscard]] virtual std::string unavailable() const { return {}; }
  // A new client of this place's data. Every client sees what every other one wrote.
  [[nodiscard]] virtual std::shared_ptr<store> open() = 0;
  // Turns the loop until `done` is true; one without a loop has nothing to turn. Gives up after some seconds.
  virtual void run_until(const bool& done) = 0;
  // The store's time, in ms since the epoch, and a way to let it pass: and as much more as its entries may live longer
  // (expiry_resolution). A store that follows the real clock really waits: tests keep to some ten milliseconds.
  [[nodiscard]] virtual epoch_ms now() const = 0;
  virtual void pass_time(duration_ms by) = 0;
};

struct store_factory {
  std::string name;  // letters and digits, for the test's name
  std::function<std::unique_ptr<store_place>()> make;
};

[[nodiscard]] std::vector<store_factory>& store_factories();
bool register_store(store_factory factory);

// The keys of stores that encrypt: one that seals, and one from before.
[[nodiscard]] const key_ring& contract_keys();

// Where the result of an operation in flight arrives.
template <class R>
struct pending {
  bool done = false;
  int completions = 0;
  R value;
  [[nodiscard]] completion<R> slot() {
    return completion<R>(
        [](void* context, R&& outcome) {
          auto* self = static_cast<pending*>(context);
          self->value = std::move(outcome);
          ++self->completions;
          self->done = true;
        },
        this);
  }
};

// The operations, each run to its end.
class client {
 public:
  client(store_place& place, std::shared_ptr<store> s) : place_(&place), store_(std::move(s)) {}

  template <class R, class Start>
  [[nodiscard]] R run(Start&& start) {
    pending<R> p;
    start(p.slot());
    if (!p.done) place_->run_until(p.done);
    EXPECT_TRUE(p.done) << "the operation did not complete";
    EXPECT_EQ(p.completions, 1);
    return std::move(p.value);
  }

  [[nodiscard]] get_result get(std::string_view key);
  [[nodiscard]] put_result put(std::string_view key, std::string_view bytes, epoch_ms expires_at,
                               expectation expect = expectation::anything(), std::string_view owner = {});
  [[nodiscard]] touch_result touch(std::string_view key, epoch_ms expires_at);
  [[nodiscard]] remove_result remove(std::string_view key);
  [[nodiscard]] keys_result owned_by(std::string_view owner);
  [[nodiscard]] count_result remove_owner(std::string_view owner, std::string_view except = {});
  [[nodiscard]] count_result clear();
  [[nodiscard]] keys_result scan(std::string_view cursor, std::size_t limit);
  [[nodiscard]] count_result prune(std::size_t limit);
  [[nodiscard]] stats_result stats();
  [[nodiscard]] count_result health();
  void close() { store_->close(); }

  // Every key that a whole scan gives, sorted, without doubles. Fails the test when the scan does not end.
  [[nodiscard]] std::vector<std::string> scan_all(std::size_t limit);

  [[nodiscard]] store& raw() noexcept { return *store_; }

 private:
  store_place* place_;
  std::shared_ptr<store> store_;
};

// Each test: `place`, and `c`, a client of it.
class StoreContract : public testing::TestWithParam<store_factory> {
 protected:
  void SetUp() override;
  // A further client of the same place.
  [[nodiscard]] client open_client();
  // A deadline far enough away for any test.
  [[nodiscard]] epoch_ms later() const { return place->now() + 60'000; }
  // Whether a deadline that was read is the one that was put: to the millisecond, or as well as the store keeps it.
  [[nodiscard]] testing::AssertionResult is_deadline(epoch_ms read, epoch_ms put) const;

  std::unique_ptr<store_place> place;
  std::unique_ptr<client> c;
};

// For stores that have an owner's index; for those that list their keys. The others show these tests as skipped, and
// have to say so when they are asked (WhatAStoreCannotDoItSays).
class StoreOwnerIndex : public StoreContract {
 protected:
  void SetUp() override;
};
class StoreScan : public StoreContract {
 protected:
  void SetUp() override;
};
// For stores of coatcheck's own records, whose engine has tokens, marks and deadlines of its own.
class StoreOfOurs : public StoreContract {
 protected:
  void SetUp() override;
};

}  // namespace coatcheck::contract
