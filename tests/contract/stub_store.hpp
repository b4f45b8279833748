// What a new store costs: a map, as a store that answers within the call or later, from a timer of the loop.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "coatcheck/driver.hpp"
#include "coatcheck/store.hpp"

#include "store/envelope.hpp"

namespace coatcheck::contract {

struct stub_entry {
  std::string bytes;
  etag tag;
  epoch_ms expires_at = 0;
  std::string owner;
};
// Which operations complete inside the call. `some`: every second one, as those that a cache answers would.
enum class stub_answers { inside, later, some };
struct stub_table {
  std::mutex lock;  // a store that answers within the call is used from any thread
  std::map<std::string, stub_entry, std::less<>> entries;
};

class stub_store final : public store, private pollable {
 public:
  // `loop`: null for a store that answers within the call. `bare`: one without an owner's index that lists no keys.
  stub_store(std::shared_ptr<stub_table> table, const clock& time, driver* loop,
             stub_answers when = stub_answers::later, bool bare = false)
      : table_(std::move(table)), time_(time), loop_(loop), when_(when), bare_(bare) {}
  ~stub_store() override { close(); }

  [[nodiscard]] store_capabilities capabilities() const noexcept override {
    return {.needs_loop = loop_ != nullptr, .owner_index = !bare_, .scan = !bare_};
  }

  void get(std::string_view key, completion<get_result> done) override {
    answer(done, valid_key(key) ? error{} : bad_key_error(), [this, key = std::string(key)](get_result& out) {
      const stub_entry* const at = find(key);
      out.status = at == nullptr ? get_status::absent : get_status::found;
      if (at != nullptr) out.value = {at->bytes, at->tag, at->expires_at};
    });
  }
  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override {
    error wrong = !valid_key(key) ? bad_key_error() : owner.size() > max_owner_size ? bad_owner_error() : error{};
    answer(
        done, std::move(wrong),
        [this, key = std::string(key),
         made = stub_entry{std::string(bytes), make_etag(), expires_at, std::string(owner)}, expect](put_result& out) {
          const stub_entry* const at = find(key);
          if (expect.what == expectation::kind::match && at == nullptr) {
            out.status = put_status::gone;
          } else if (expect.what != expectation::kind::any && at != nullptr && !(at->tag == expect.tag)) {
            out.status = put_status::conflict;
            out.current = {at->bytes, at->tag, at->expires_at};
          } else {
            out.status = put_status::stored;
            out.tag = (table_->entries[key] = made).tag;
          }
        });
  }
  void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) override {
    answer(done, valid_key(key) ? error{} : bad_key_error(), [=, this, key = std::string(key)](touch_result& out) {
      stub_entry* const at = find(key);
      out.status = at == nullptr ? touch_status::gone : touch_status::touched;
      if (at != nullptr) at->expires_at = expires_at;
    });
  }
  void remove(std::string_view key, completion<remove_result> done) override {
    answer(done, valid_key(key) ? error{} : bad_key_error(), [this, key = std::string(key)](remove_result& out) {
      out.status = find(key) == nullptr ? remove_status::absent : remove_status::removed;
      table_->entries.erase(key);
    });
  }
  void owned_by(std::string_view owner, completion<keys_result> done) override {
    if (bare_) return store::owned_by(owner, done);
    error wrong = owner.size() > max_owner_size ? bad_owner_error() : error{};
    answer(done, std::move(wrong), [this, owner = std::string(owner)](keys_result& out) {
      out.known = true;
      for (const auto& key : keys()) {
        if (!owner.empty() && table_->entries.at(key).owner == owner) out.keys.push_back(key);
      }
    });
  }
  void remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) override {
    if (bare_) return store::remove_owner(owner, except, done);
    error wrong = owner.size() > max_owner_size           ? bad_owner_error()
                  : !except.empty() && !valid_key(except) ? bad_key_error()
                                                          : error{};
    answer(done, std::move(wrong), [this, owner = std::string(owner), except = std::string(except)](count_result& out) {
      out.known = true;
      for (const auto& key : keys()) {
        if (owner.empty() || key == except || table_->entries.at(key).owner != owner) continue;
        table_->entries.erase(key);
        ++out.count;
      }
    });
  }
  void scan(std::string_view cursor, std::size_t limit, completion<keys_result> done) override {
    if (bare_) return store::scan(cursor, limit, done);
    error wrong = cursor.empty() || valid_key(cursor) ? error{} : bad_cursor_error();
    answer(done, std::move(wrong), [this, cursor = std::string(cursor), limit](keys_result& out) {
      out.known = true;
      for (const auto& key : keys()) {
        if (key <= cursor) continue;
        if (out.keys.size() == std::max<std::size_t>(limit, 1)) {
          out.cursor = out.keys.back();
          break;
        }
        out.keys.push_back(key);
      }
    });
  }
  void prune(std::size_t limit, completion<count_result> done) override {
    answer(done, {}, [=, this](count_result& out) {
      out.known = true;
      for (auto at = table_->entries.begin(); at != table_->entries.end() && out.count < limit;) {
        const bool over = at->second.expires_at <= time_.now();
        out.count += over ? 1 : 0;
        at = over ? table_->entries.erase(at) : std::next(at);
      }
    });
  }
  void stats(completion<stats_result> done) override {
    answer(done, {}, [this](stats_result& out) {
      out.known = true;
      for (const auto& key : keys()) {
        ++out.stats.entries;
        out.stats.bytes += key.size() + table_->entries.at(key).bytes.size();
      }
    });
  }
  void health(completion<count_result> done) override {
    answer(done, {}, [](count_result& out) { out = {true, 1, {}}; });
  }
  void close() override {
    closed_ = true;
    while (!waiting_.empty()) next();
    if (loop_ != nullptr) loop_->forget(*this);
  }

 private:
  stub_entry* find(std::string_view key) {
    const auto at = table_->entries.find(key);
    return at == table_->entries.end() || at->second.expires_at <= time_.now() ? nullptr : &at->second;
  }
  std::vector<std::string> keys() {
    std::vector<std::string> live;
    for (const auto& [key, entry] : table_->entries) {
      if (find(key) != nullptr) live.push_back(key);
    }
    return live;
  }
  template <class R, class Work>
  void answer(completion<R> done, error wrong, Work work) {
    auto run = [this, done, wrong = std::move(wrong), work = std::move(work)]() mutable {
      R out;
      if (closed_) {
        out.why = closed_error();
      } else if (!wrong.message.empty()) {
        out.why = std::move(wrong);
      } else {
        const std::lock_guard held(table_->lock);
        work(out);
      }
      done(std::move(out));
    };
    if (loop_ == nullptr || closed_ || (when_ == stub_answers::some && (inside_ = !inside_))) return run();
    waiting_.push_back(std::move(run));
    loop_->update(*this);
  }
  void next() {
    auto run = std::move(waiting_.front());
    waiting_.pop_front();
    run();
  }

  [[nodiscard]] int fd() const noexcept override { return -1; }
  [[nodiscard]] bool wants_write() const noexcept override { return false; }
  [[nodiscard]] steady_ms deadline() const noexcept override { return waiting_.empty() ? no_deadline : steady_now(); }
  [[nodiscard]] bool busy() const noexcept override { return !waiting_.empty(); }
  void on_readable() override {}
  void on_writable() override {}
  void on_deadline(steady_ms) override {
    if (!waiting_.empty()) next();
    if (!closed_) loop_->update(*this);
  }
  void flush() override {}

  const std::shared_ptr<stub_table> table_;
  const clock& time_;
  driver* const loop_;
  const stub_answers when_;
  const bool bare_;
  bool inside_ = false;  // the last one was answered inside the call
  std::deque<std::function<void()>> waiting_;
  bool closed_ = false;
};

}  // namespace coatcheck::contract
