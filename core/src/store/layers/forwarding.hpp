// A layer: a store that stands before another one. This one hands everything on as it is; a layer overrides the
// operations that it has something to add to, and goes on to the store below in an operation of its own
// (store/operation.hpp).
//
// Thread safety: that of the store below.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "coatcheck/store.hpp"

namespace coatcheck {

class forwarding_store : public store {
 public:
  explicit forwarding_store(std::shared_ptr<store> below) noexcept : below_(std::move(below)) {}

  [[nodiscard]] store_capabilities capabilities() const noexcept override { return below_->capabilities(); }
  void get(std::string_view key, completion<get_result> done) override { below_->get(key, done); }
  // get_recent() stays get(): a layer that does something at a read says itself what becomes of the other.
  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override {
    below_->put(key, bytes, expires_at, expect, owner, done);
  }
  void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) override {
    below_->touch(key, expires_at, done);
  }
  void remove(std::string_view key, completion<remove_result> done) override { below_->remove(key, done); }
  void owned_by(std::string_view owner, completion<keys_result> done) override { below_->owned_by(owner, done); }
  void remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) override {
    below_->remove_owner(owner, except, done);
  }
  void clear(completion<count_result> done) override { below_->clear(done); }
  void scan(std::string_view cursor, std::size_t limit, completion<keys_result> done) override {
    below_->scan(cursor, limit, done);
  }
  void prune(std::size_t limit, completion<count_result> done) override { below_->prune(limit, done); }
  void stats(completion<stats_result> done) override { below_->stats(done); }
  void health(completion<count_result> done) override { below_->health(done); }
  void create_schema(completion<count_result> done) override { below_->create_schema(done); }
  void close() override { below_->close(); }

 protected:
  [[nodiscard]] const std::shared_ptr<store>& below() const noexcept { return below_; }

 private:
  const std::shared_ptr<store> below_;
};

}  // namespace coatcheck
