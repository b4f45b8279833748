// A layer that says of each operation how long it took by the simulation's time.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "store/layers/forwarding.hpp"
#include "store/operation.hpp"

namespace coatcheck::simulation {

using took = std::function<void(duration_ms)>;

class timed_store final : public forwarding_store {
 public:
  timed_store(std::shared_ptr<store> below, const steady_ms& now, took tell)
      : forwarding_store(std::move(below)), state_(std::make_shared<shared>(shared{now, std::move(tell)})) {}

  void get(std::string_view key, completion<get_result> done) override {
    run(done, [&](auto next) { below()->get(key, next); });
  }
  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override {
    run(done, [&](auto next) { below()->put(key, bytes, expires_at, expect, owner, next); });
  }
  void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) override {
    run(done, [&](auto next) { below()->touch(key, expires_at, next); });
  }
  void remove(std::string_view key, completion<remove_result> done) override {
    run(done, [&](auto next) { below()->remove(key, next); });
  }

 private:
  struct shared {
    const steady_ms& now;
    const took tell;
  };
  template <class Result, class Start>
  class timed final : public store_operation<timed<Result, Start>, Result, std::shared_ptr<shared>> {
   public:
    timed(std::shared_ptr<shared> state, Start ask, completion<Result> done)
        : store_operation<timed, Result, std::shared_ptr<shared>>(std::move(state), done),
          ask_(ask),
          began_(this->shared_->now) {}
    void start() { ask_(this->template then<Result, &timed::on_answer>()); }

   private:
    void on_answer(Result&& got) {
      this->shared_->tell(this->shared_->now - began_);
      this->finish(std::move(got));
    }
    Start ask_;
    const steady_ms began_;
  };
  template <class Result, class Start>
  void run(completion<Result> done, Start ask) {
    run_operation<timed<Result, Start>>(state_, ask, done);
  }

  const std::shared_ptr<shared> state_;
};

}  // namespace coatcheck::simulation
