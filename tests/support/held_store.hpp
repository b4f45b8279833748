// A store whose calls wait until a test lets them happen and lets them be answered, one by one and in any order, or has
// them fail. Several of them may share one table, as the clients of a server do.
#pragma once

#include <algorithm>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coatcheck/driver.hpp"
#include "coatcheck/store.hpp"

#include "store/envelope.hpp"

namespace coatcheck::held {

struct held_entry {
  std::string bytes;
  etag tag;
  epoch_ms expires_at = 0;
  std::string owner;
};

class held_table {
 public:
  explicit held_table(const clock& time) : time_(time) {}
  held_entry* find(const std::string& key) {
    const auto at = entries.find(key);
    return at == entries.end() || at->second.expires_at <= time_.now() ? nullptr : &at->second;
  }
  std::map<std::string, held_entry> entries;
  // Called when the table changes: the key, and what is there now, if anything.
  std::function<void(const std::string&, const held_entry*)> changed;

 private:
  const clock& time_;
};

class held_store final : public store {
 public:
  // One call under way.
  struct call {
    std::string what;  // get, put, touch, remove, …
    std::string key;
    std::function<void()> apply;               // happens in the table; its result is kept
    std::function<void(const error*)> answer;  // with that result, or with an error
    epoch_ms begun = 0;
    bool applied = false;
    bool answered = false;
  };

  held_store(std::shared_ptr<held_table> table, const clock& time, bool holds = true)
      : table_(std::move(table)), time_(time), holds_(holds) {}
  ~held_store() override { close(); }

  // Those that are not answered yet, or could still happen.
  std::list<std::shared_ptr<call>> calls;

  // The oldest call of this kind that has not been answered.
  std::shared_ptr<call> next(const std::string& what) const {
    for (const auto& one : calls) {
      if (one->what == what && !one->answered) return one;
    }
    return nullptr;
  }
  void apply(const std::shared_ptr<call>& one) {
    if (!std::exchange(one->applied, true)) one->apply();
    sweep();
  }
  void answer(const std::shared_ptr<call>& one, const error* why = nullptr) {
    one->answered = true;
    const auto keep = one;
    sweep();
    keep->answer(why);
  }
  void run(const std::shared_ptr<call>& one) {
    apply(one);
    answer(one);
  }
  // An answered call that has not happened never will.
  void drop(const std::shared_ptr<call>& one) {
    one->applied = true;
    sweep();
  }

  [[nodiscard]] store_capabilities capabilities() const noexcept override { return {.needs_loop = holds_}; }
  void get(std::string_view key, completion<get_result> done) override {
    hold("get", key, done, [this, key = std::string(key)](get_result& out) {
      const held_entry* const at = table_->find(key);
      out.status = at == nullptr ? get_status::absent : get_status::found;
      if (at != nullptr) out.value = {at->bytes, at->tag, at->expires_at};
    });
  }
  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override {
    hold("put", key, done,
         [this, key = std::string(key),
          made = held_entry{std::string(bytes), make_etag(), expires_at, std::string(owner)}, expect](put_result& out) {
           const held_entry* const at = table_->find(key);
           if (expect.what == expectation::kind::match && at == nullptr) {
             out.status = put_status::gone;
           } else if (expect.what != expectation::kind::any && at != nullptr && !(at->tag == expect.tag)) {
             out.status = put_status::conflict;
             out.current = {at->bytes, at->tag, at->expires_at};
           } else {
             out.status = put_status::stored;
             out.tag = (table_->entries[key] = made).tag;
             if (table_->changed) table_->changed(key, &table_->entries[key]);
           }
         });
  }
  void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) override {
    hold("touch", key, done, [=, this, key = std::string(key)](touch_result& out) {
      held_entry* const at = table_->find(key);
      out.status = at == nullptr ? touch_status::gone : touch_status::touched;
      if (at != nullptr) at->expires_at = expires_at;
    });
  }
  void remove(std::string_view key, completion<remove_result> done) override {
    hold("remove", key, done, [this, key = std::string(key)](remove_result& out) {
      out.status = table_->find(key) == nullptr ? remove_status::absent : remove_status::removed;
      table_->entries.erase(key);
      if (out.status == remove_status::removed && table_->changed) table_->changed(key, nullptr);
    });
  }
  void owned_by(std::string_view owner, completion<keys_result> done) override {
    hold("owned_by", "", done, [this, owner = std::string(owner)](keys_result& out) {
      out.known = true;
      for (const auto& [key, entry] : table_->entries) {
        if (entry.owner == owner && table_->find(key) != nullptr) out.keys.push_back(key);
      }
    });
  }
  void remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) override {
    hold("remove_owner", "", done, [this, owner = std::string(owner), except = std::string(except)](count_result& out) {
      out.known = true;
      std::vector<std::string> gone;
      for (const auto& [key, entry] : table_->entries) {
        if (entry.owner == owner && key != except && table_->find(key) != nullptr) gone.push_back(key);
      }
      for (const auto& key : gone) {
        table_->entries.erase(key);
        if (table_->changed) table_->changed(key, nullptr);
      }
      out.count = gone.size();
    });
  }
  void prune(std::size_t, completion<count_result> done) override {
    hold("prune", "", done, [](count_result& out) { out.known = true; });
  }
  void stats(completion<stats_result> done) override {
    hold("stats", "", done, [](stats_result& out) { out.known = true; });
  }
  void health(completion<count_result> done) override {
    hold("health", "", done, [](count_result& out) { out = {true, 1, {}}; });
  }
  void close() override {
    closed_ = true;
    const error why = closed_error();
    while (!calls.empty()) {
      const auto one = calls.front();
      one->applied = true;
      if (one->answered) {
        sweep();
      } else {
        answer(one, &why);
      }
    }
  }

 private:
  template <class R, class Work>
  void hold(std::string what, std::string_view key, completion<R> done, Work work) {
    auto out = std::make_shared<R>();
    auto one = std::make_shared<call>();
    one->what = std::move(what);
    one->key = key;
    one->begun = time_.now();
    one->apply = [out, work = std::move(work)]() mutable { work(*out); };
    one->answer = [out, done](const error* why) {
      if (why != nullptr) {
        R failed;
        failed.why = *why;
        return done(std::move(failed));
      }
      done(std::move(*out));
    };
    if (closed_) {
      const error why = closed_error();
      one->answer(&why);
    } else if (!holds_) {
      one->apply();
      one->answer(nullptr);
    } else {
      calls.push_back(std::move(one));
    }
  }
  void sweep() {
    calls.remove_if([](const auto& one) { return one->applied && one->answered; });
  }

  const std::shared_ptr<held_table> table_;
  const clock& time_;
  const bool holds_;
  bool closed_ = false;
};

// A loop that a test turns: it has no sockets, and its deadlines come when the test says so.
class held_driver final : public driver {
 public:
  void update(pollable& what) override {
    if (std::find(watched_.begin(), watched_.end(), &what) == watched_.end()) watched_.push_back(&what);
  }
  void drop_fd(pollable&, int) override {}
  void flush_soon(pollable& what) override { what.flush(); }
  void forget(pollable& what) override { std::erase(watched_, &what); }
  // All deadlines that are set now.
  void run_out() {
    for (auto* const one : std::vector<pollable*>(watched_)) {
      if (const auto until = one->deadline(); until != no_deadline) one->on_deadline(until + 60'000);
    }
  }

 private:
  std::vector<pollable*> watched_;
};

}  // namespace coatcheck::held
