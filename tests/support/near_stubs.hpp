// For tests of a near-cache: a driver whose clock the test moves, a source of changes that tells what the test says,
// and a store whose answers the test gives, in its own order.
#pragma once

#include <deque>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "coatcheck/driver.hpp"
#include "coatcheck/store.hpp"

#include "store/layers/change_source.hpp"
#include "store/layers/forwarding.hpp"

namespace coatcheck_test {

class still_driver final : public coatcheck::driver {
 public:
  coatcheck::steady_ms at = 1'000'000;
  [[nodiscard]] coatcheck::steady_ms now() const noexcept override { return at; }
  void update(coatcheck::pollable&) override {}
  void drop_fd(coatcheck::pollable&, int) override {}
  void flush_soon(coatcheck::pollable&) override {}
  void forget(coatcheck::pollable&) override {}
};

class told_source final : public coatcheck::change_source {
 public:
  void tell(coatcheck::change_listener& to) override { listener = &to; }
  void keep_up() override {}
  [[nodiscard]] coatcheck::steady_ms told_until() const noexcept override { return told; }
  [[nodiscard]] bool listens() const noexcept override { return listening; }
  void ask_anew() override { told = never; }
  [[nodiscard]] bool tells_own_changes() const noexcept override { return echoes; }
  [[nodiscard]] std::string trouble() const override { return listening ? "" : "nobody tells"; }
  void close() override { listener = nullptr; }

  void lose() {
    listening = false;
    told = never;
    if (listener != nullptr) listener->on_gap();
  }
  void come_back(coatcheck::steady_ms now) {
    listening = true;
    if (listener != nullptr) listener->on_gap();
    told = now;
  }

  coatcheck::change_listener* listener = nullptr;
  coatcheck::steady_ms told = never;
  bool listening = false;
  bool echoes = false;
};

// Every operation waits until the test answers it.
class held_store final : public coatcheck::store {
 public:
  template <class R>
  struct held {
    std::string key;
    coatcheck::completion<R> done;
    void answer(R value) { std::exchange(done, coatcheck::completion<R>(nullptr, nullptr))(std::move(value)); }
  };
  std::deque<held<coatcheck::get_result>> gets;
  std::deque<held<coatcheck::put_result>> puts;
  std::deque<held<coatcheck::touch_result>> touches;
  std::deque<held<coatcheck::remove_result>> removes;
  std::deque<held<coatcheck::count_result>> counts;

  [[nodiscard]] coatcheck::store_capabilities capabilities() const noexcept override { return {.needs_loop = true}; }
  void get(std::string_view key, coatcheck::completion<coatcheck::get_result> done) override {
    gets.push_back({std::string(key), done});
  }
  void put(std::string_view key, std::string_view, coatcheck::epoch_ms, coatcheck::expectation, std::string_view,
           coatcheck::completion<coatcheck::put_result> done) override {
    puts.push_back({std::string(key), done});
  }
  void touch(std::string_view key, coatcheck::epoch_ms, coatcheck::completion<coatcheck::touch_result> done) override {
    touches.push_back({std::string(key), done});
  }
  void remove(std::string_view key, coatcheck::completion<coatcheck::remove_result> done) override {
    removes.push_back({std::string(key), done});
  }
  void remove_owner(std::string_view, std::string_view, coatcheck::completion<coatcheck::count_result> done) override {
    counts.push_back({"", done});
  }
  void clear(coatcheck::completion<coatcheck::count_result> done) override { counts.push_back({"", done}); }
  void prune(std::size_t, coatcheck::completion<coatcheck::count_result> done) override { done({}); }
  void stats(coatcheck::completion<coatcheck::stats_result> done) override { done({}); }
  void health(coatcheck::completion<coatcheck::count_result> done) override { done({}); }
  void close() override {}
};

// What stands before a store in the contract suite, where nobody tells of changes but the stores themselves: one for
// each client, each telling all the others at once, as a server without delay would.
class shared_changes {
 public:
  class client final : public coatcheck::change_source {
   public:
    client(std::shared_ptr<shared_changes> of, const coatcheck::driver* loop) : of_(std::move(of)), loop_(loop) {
      of_->clients_.push_back(this);
    }
    ~client() override { close(); }
    void tell(coatcheck::change_listener& to) override { to_ = &to; }
    void keep_up() override {}
    [[nodiscard]] coatcheck::steady_ms told_until() const noexcept override { return loop_->now(); }
    [[nodiscard]] bool listens() const noexcept override { return to_ != nullptr; }
    void ask_anew() override {}
    [[nodiscard]] bool tells_own_changes() const noexcept override { return false; }
    [[nodiscard]] std::string trouble() const override { return {}; }
    void close() override {
      to_ = nullptr;
      std::erase(of_->clients_, this);
    }

   private:
    friend class shared_changes;
    const std::shared_ptr<shared_changes> of_;
    const coatcheck::driver* const loop_;
    coatcheck::change_listener* to_ = nullptr;
  };

  // `but`: who made the change; null: all are told.
  void changed(std::string_view key, const client* but) {
    for (auto* one : clients_) {
      if (one != but && one->to_ != nullptr) one->to_->on_changed(key);
    }
  }
  void all_changed() {
    for (auto* one : clients_) {
      if (one->to_ != nullptr) one->to_->on_gap();
    }
  }

 private:
  std::vector<client*> clients_;
};

}  // namespace coatcheck_test
