// A queue that reuses its memory: first in, first out, doubling, never shrinking below what it once held.
// std::deque would free and allocate a block every few operations.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace coatcheck::net {

template <class T>
class ring {
 public:
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // 0 is the oldest. REQUIRES: index < size().
  [[nodiscard]] T& operator[](std::size_t index) noexcept { return slots_[(head_ + index) & (slots_.size() - 1)]; }
  [[nodiscard]] T& front() noexcept { return (*this)[0]; }

  void push_back(const T& value) {
    if (size_ == slots_.size()) {
      grow();
    }
    ++size_;
    (*this)[size_ - 1] = value;
  }
  // REQUIRES: !empty().
  T pop_front() {
    T value = std::exchange(slots_[head_], T{});
    head_ = (head_ + 1) & (slots_.size() - 1);
    --size_;
    return value;
  }
  // Keeps the first `count` entries.
  void truncate(std::size_t count) {
    while (size_ > count) {
      (*this)[size_ - 1] = T{};
      --size_;
    }
  }

 private:
  void grow() {
    std::vector<T> larger(slots_.empty() ? 16 : slots_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) {
      larger[i] = (*this)[i];
    }
    slots_.swap(larger);
    head_ = 0;
  }

  std::vector<T> slots_;  // the size is a power of two, or 0
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace coatcheck::net
