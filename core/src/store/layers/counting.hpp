// A layer that counts how the operations on sessions ended: found or not, written or in conflict, or not known.
//
// Thread safety: that of the store below; the counts may be read from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "store/layers/forwarding.hpp"
#include "store/layers/kind.hpp"
#include "store/operation.hpp"

namespace coatcheck {

struct operation_counts {
  std::atomic<std::uint64_t> found{0}, absent{0};               // reads
  std::atomic<std::uint64_t> stored{0}, conflicts{0}, gone{0};  // writes
  std::atomic<std::uint64_t> touched{0}, removed{0};
  std::atomic<std::uint64_t> unknown{0};  // of all of them
};

class counting_store final : public forwarding_store {
 public:
  explicit counting_store(std::shared_ptr<store> below)
      : forwarding_store(std::move(below)), shared_(std::make_shared<shared>(forwarding_store::below())) {}

  [[nodiscard]] const operation_counts& counts() const noexcept { return shared_->counts; }

  void get(std::string_view key, completion<get_result> done) override {
    run(done, [&](store& s, auto next) { s.get(key, next); });
  }
  void get_recent(std::string_view key, completion<get_result> done) override {
    run(done, [&](store& s, auto next) { s.get_recent(key, next); });
  }
  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override {
    run(done, [&](store& s, auto next) { s.put(key, bytes, expires_at, expect, owner, next); });
  }
  void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) override {
    run(done, [&](store& s, auto next) { s.touch(key, expires_at, next); });
  }
  void remove(std::string_view key, completion<remove_result> done) override {
    run(done, [&](store& s, auto next) { s.remove(key, next); });
  }

 private:
  // What outlives the layer while operations are under way.
  struct shared {
    explicit shared(std::shared_ptr<store> one) noexcept : below(std::move(one)) {}
    const std::shared_ptr<store> below;
    operation_counts counts;
    [[nodiscard]] store& where() const noexcept { return *below; }
  };

  template <class Result, class Start>
  class counted final : public store_operation<counted<Result, Start>, Result, std::shared_ptr<shared>> {
   public:
    counted(std::shared_ptr<shared> state, Start ask, completion<Result> done)
        : store_operation<counted, Result, std::shared_ptr<shared>>(std::move(state), done), ask_(ask) {}
    // The call below has copied what it needs when it returns.
    void start() { ask_(*this->shared_->below, this->template then<Result, &counted::on_answer>()); }

   private:
    void on_answer(Result&& got) {
      ++which(this->shared_->counts, got);
      this->finish(std::move(got));
    }
    Start ask_;
  };

  template <class Result, class Start>
  void run(completion<Result> done, Start ask) {
    run_operation<counted<Result, Start>>(shared_, ask, done);
  }

  static std::atomic<std::uint64_t>& which(operation_counts& counts, const get_result& got) {
    return got.status == get_status::found    ? counts.found
           : got.status == get_status::absent ? counts.absent
                                              : counts.unknown;
  }
  static std::atomic<std::uint64_t>& which(operation_counts& counts, const put_result& got) {
    return got.status == put_status::stored     ? counts.stored
           : got.status == put_status::conflict ? counts.conflicts
           : got.status == put_status::gone     ? counts.gone
                                                : counts.unknown;
  }
  static std::atomic<std::uint64_t>& which(operation_counts& counts, const touch_result& got) {
    return got.status == touch_status::touched ? counts.touched
           : got.status == touch_status::gone  ? counts.gone
                                               : counts.unknown;
  }
  static std::atomic<std::uint64_t>& which(operation_counts& counts, const remove_result& got) {
    return got.status == remove_status::removed  ? counts.removed
           : got.status == remove_status::absent ? counts.absent
                                                 : counts.unknown;
  }

  const std::shared_ptr<shared> shared_;
};

inline result<std::shared_ptr<store>> open_counting_store(std::shared_ptr<store> below, const store_options&) {
  return std::shared_ptr<store>(std::make_shared<counting_store>(std::move(below)));
}
inline constexpr layer_kind counting_layer{"counted", open_counting_store};

}  // namespace coatcheck
