// A place on a real server: stores on one loop, opened by URL.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "coatcheck/event_loop.hpp"

#include "contract/store_contract.hpp"

namespace coatcheck::contract {

class remote_place : public store_place {
 public:
  ~remote_place() override {
    for (const auto& one : opened_) one->close();  // before the loop goes
  }
  std::shared_ptr<store> open() override {
    auto made = open_store(url(), {time(), &loop_, &contract_keys()});
    if (!made) throw std::runtime_error(made.error().message);
    opened_.push_back(behind(*std::move(made)));
    return opened_.back();
  }
  void run_until(const bool& done) override { EXPECT_TRUE(loop_.run_until(done)); }

 protected:
  [[nodiscard]] virtual std::string url() const = 0;
  // Null: the system's.
  [[nodiscard]] virtual const clock* time() const = 0;
  // What stands before a store that was opened.
  virtual std::shared_ptr<store> behind(std::shared_ptr<store> made) { return made; }
  [[nodiscard]] event_loop& loop() noexcept { return loop_; }
  // A name that no other place of this process has: the server is shared.
  [[nodiscard]] std::string own_name() const { return "t" + std::to_string(number_); }
  // The suite asks for the outcome, not for speed: the machine may be busy. It submits thousands of operations at once.
  static constexpr const char* patience = "timeout=20000&queue=100000";

 private:
  static int next_number() {
    static int last = 0;
    return ++last;
  }
  const int number_ = next_number();
  event_loop loop_;
  std::vector<std::shared_ptr<store>> opened_;
};

// By the real clock, or by one that the test moves.
template <class Place>
class in_real_time : public Place {
 public:
  using Place::Place;
  epoch_ms now() const override { return system_clock().now(); }
  void pass_time(duration_ms by) override { std::this_thread::sleep_for(std::chrono::milliseconds(by)); }

 protected:
  const clock* time() const override { return nullptr; }
};
template <class Place>
class in_own_time : public Place {
 public:
  using Place::Place;
  epoch_ms now() const override { return clock_.now(); }
  void pass_time(duration_ms by) override { clock_.advance(by); }

 protected:
  const clock* time() const override { return &clock_; }

 private:
  manual_clock clock_;
};

}  // namespace coatcheck::contract
