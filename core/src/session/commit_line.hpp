// Commits of one session on a remote store wait for each other. Side by side, all but one lose each round of
// compare-and-set, and under steady load one could lose every round. When the store does not answer the first, all
// that wait are told so.
//
// Thread safety: none; an engine on a remote store belongs to one thread or loop.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>

namespace coatcheck::session {

template <class Waiter>
class line {
 public:
  // True: nobody writes under this key, and the caller does now. Otherwise `who` waits; `first`: before the others.
  [[nodiscard]] bool enter(const std::string& key, Waiter& who, bool first) {
    const auto [at, free] = waiting_.try_emplace(key);
    if (free) return true;
    first ? at->second.push_front(&who) : at->second.push_back(&who);
    return false;
  }
  // The caller has written: the next one, which writes now, or null.
  [[nodiscard]] Waiter* leave(const std::string& key) {
    const auto at = waiting_.find(key);
    if (at->second.empty()) {
      waiting_.erase(at);
      return nullptr;
    }
    auto* next = at->second.front();
    at->second.pop_front();
    return next;
  }
  // The caller got no answer: all that wait, and nobody writes.
  [[nodiscard]] std::deque<Waiter*> disband(const std::string& key) {
    return std::move(waiting_.extract(key).mapped());
  }

 private:
  std::unordered_map<std::string, std::deque<Waiter*>> waiting_;  // a key that somebody writes under → who waits
};

}  // namespace coatcheck::session
