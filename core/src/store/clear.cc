// store::clear for stores that know no quicker way: page after page, some removals at a time.
//
// A store may answer within the call or later; a loop instead of a recursion, so that neither a store that answers at
// once nor one that holds a million keys needs a deep stack.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coatcheck/store.hpp"

namespace coatcheck {
namespace {

constexpr std::size_t page_size = 256;
constexpr std::size_t at_a_time = 32;  // what a remote store's queue always has room for

class clearing {
 public:
  clearing(store& of, completion<count_result> done) noexcept : store_(of), done_(done) {}

  // Goes on as far as it can without waiting. Ends with `delete this`.
  void go_on() {
    if (inside_) return;  // a completion within a call below: the loop sees what it changed
    inside_ = true;
    while (step()) {
    }
    inside_ = false;
    if (under_way_ != 0) return;
    out_.known = !failed_;
    const std::unique_ptr<clearing> self(this);
    done_(std::move(out_));
  }

 private:
  // False when there is nothing to start: something is waited for, or all is done.
  bool step() {
    if (failed_) return false;
    if (next_ < keys_.size()) {
      if (under_way_ == at_a_time) return false;
      ++under_way_;
      store_.remove(keys_[next_++], completion<remove_result>(on_removed, this));
      return true;
    }
    if (under_way_ != 0 || (scanned_ && cursor_.empty())) return false;
    scanned_ = true;
    ++under_way_;
    store_.scan(cursor_, page_size, completion<keys_result>(on_keys, this));
    return true;
  }

  void fail(error&& why) {
    if (!failed_) out_.why = std::move(why);
    failed_ = true;
  }

  static void on_keys(void* context, keys_result&& got) {
    auto& self = *static_cast<clearing*>(context);
    --self.under_way_;
    self.keys_ = std::move(got.keys);
    self.next_ = 0;
    self.cursor_ = std::move(got.cursor);
    if (!got.known) self.fail(std::move(got.why));
    self.go_on();
  }
  static void on_removed(void* context, remove_result&& got) {
    auto& self = *static_cast<clearing*>(context);
    --self.under_way_;
    if (got.status == remove_status::removed) ++self.out_.count;
    if (got.status == remove_status::unknown) self.fail(std::move(got.why));
    self.go_on();
  }

  store& store_;
  completion<count_result> done_;
  count_result out_;
  std::vector<std::string> keys_;  // of a page; those before next_ are under way or done
  std::size_t next_ = 0;
  std::string cursor_;
  std::size_t under_way_ = 0;
  bool scanned_ = false;
  bool failed_ = false;
  bool inside_ = false;
};

}  // namespace

namespace {

template <class R>
void refuse(completion<R> done, const char* what) {
  R out;
  out.why = {errc::store_unsupported, std::string("this store can't ") + what};
  done(std::move(out));
}

}  // namespace

void store::owned_by(std::string_view, completion<keys_result> done) { refuse(done, "list what an owner has"); }
void store::remove_owner(std::string_view, std::string_view, completion<count_result> done) {
  refuse(done, "remove what an owner has");
}
void store::scan(std::string_view, std::size_t, completion<keys_result> done) { refuse(done, "list its keys"); }
void store::create_schema(completion<count_result> done) { refuse(done, "make a schema: it has none, and needs none"); }
void store::clear(completion<count_result> done) { (new clearing(*this, done))->go_on(); }

}  // namespace coatcheck
