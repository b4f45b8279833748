// The Memcached store as the contract sees it. What takes more than one command is in steps.cc; opening in open.cc.
#include "store/memcached/store.hpp"

#include <algorithm>
#include <utility>

#include "store/envelope.hpp"
#include "store/memcached/make.hpp"
#include "store/memcached/nodes.hpp"
#include "store/memcached/steps.hpp"

namespace coatcheck {
namespace {

using net::meta_answer;
using net::meta_code;

class memcached_store final : public store {
 public:
  explicit memcached_store(std::unique_ptr<memcached_nodes> nodes) : nodes_(std::move(nodes)) {}
  ~memcached_store() override { nodes_->close(); }

  [[nodiscard]] store_capabilities capabilities() const noexcept override {
    return {.needs_loop = true, .owner_index = false, .scan = false, .expires_itself = true};
  }
  void get(std::string_view key, completion<get_result> done) override;
  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override;
  void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) override;
  void remove(std::string_view key, completion<remove_result> done) override;
  void clear(completion<count_result> done) override;
  void prune(std::size_t limit, completion<count_result> done) override;
  void stats(completion<stats_result> done) override;
  void health(completion<count_result> done) override;
  void close() override { nodes_->close(); }

 private:
  template <class R>
  void refuse(completion<R> done, error (*why)());

  std::unique_ptr<memcached_nodes> nodes_;
  std::string line_;  // the one being encoded; its memory is used again
};

template <class R>
void memcached_store::refuse(completion<R> done, error (*why)()) {
  nodes_->links()[0]->answer_later(
      [done, why](const meta_answer& given) {
        R out;
        out.why = given.code == errc::store_closed ? to_error(given) : why();
        done(std::move(out));
      },
      net::failure{errc::invalid_option, {}});
}

void memcached_store::get(std::string_view key, completion<get_result> done) {
  if (!valid_key(key)) return refuse(done, bad_key_error);
  const std::string name = nodes_->name_of(key);
  const memcached_place at = nodes_->place_of(name);
  nodes_->read_line(line_, name, at);
  const auto handle = [nodes = nodes_.get(), at, done](const meta_answer& given) {
    get_result out;
    const auto item = given ? nodes->item_in(*given.value, at) : std::nullopt;
    if (!given) {
      out.why = to_error(given);
    } else if (!item) {
      out.why = unfit_meta_reply(*at.link);
    } else if (item->what == memcached_item::state::damaged) {
      out.why = damaged_item_error();
    } else if (item->what == memcached_item::state::absent) {
      out.status = get_status::absent;
    } else {
      nodes->remember(item->entry, at, given.value->cas);
      out.status = get_status::found;
      out.value = envelope::to_value(item->entry);
    }
    done(std::move(out));
  };
  at.link->submit(handle, at.link->new_deadline(), line_, {}, net::on_loss::ask_again);
}

void memcached_store::put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
                          std::string_view owner, completion<put_result> done) {
  if (!valid_key(key)) return refuse(done, bad_key_error);
  if (owner.size() > max_owner_size) return refuse(done, bad_owner_error);
  const etag tag = make_etag();
  if (tag.empty()) return refuse(done, no_random_error);
  memcached_put(*nodes_, key, bytes, std::clamp<epoch_ms>(expires_at, 0, envelope::max_expiry), expect, tag, done);
}

void memcached_store::touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) {
  if (!valid_key(key)) return refuse(done, bad_key_error);
  memcached_touch(*nodes_, key, std::clamp<epoch_ms>(expires_at, 0, envelope::max_expiry), done);
}

void memcached_store::remove(std::string_view key, completion<remove_result> done) {
  if (!valid_key(key)) return refuse(done, bad_key_error);
  memcached_remove(*nodes_, key, done);
}

void memcached_store::clear(completion<count_result> done) {
  count_result out;
  out.why = {errc::store_unsupported,
             "Memcached lists no keys, so this store can't tell its own from others': to empty the servers whole, send "
             "them flush_all"};
  done(std::move(out));
}

// One command to every node, and one answer of it all. Made by new; ends itself.
template <class Result>
struct round_of_nodes {
  using take = bool (*)(const net::meta_reply&, Result&);  // false: no reply to this command

  completion<Result> done;
  take each;
  bool one_is_enough;
  Result out{};
  error why{};
  std::size_t answers = 0;
  std::size_t failures = 0;
  std::size_t waiting = 1;  // one is for the loop: a closed link answers inside the call

  void ask(const memcached_nodes& nodes, std::string_view line) {
    for (const auto& link : nodes.links()) {
      ++waiting;
      link->submit_plain([self = this, to = link.get()](const meta_answer& given) { self->hear(*to, given); },
                         link->new_deadline(), line);
    }
    heard();
  }
  void hear(net::memcached_link& link, const meta_answer& given) {
    if (given && each(*given.value, out)) {
      ++answers;
    } else if (++failures == 1) {
      why = given ? unfit_meta_reply(link) : to_error(given);
    }
    heard();
  }
  void heard() {
    if (--waiting != 0) return;
    const std::unique_ptr<round_of_nodes> mine(this);
    out.known = one_is_enough ? answers != 0 : failures == 0;
    if (!out.known) out.why = std::move(why);
    done(std::move(out));
  }
};

bool take_pong(const net::meta_reply& got, count_result&) { return got.code == meta_code::noop; }
bool take_health(const net::meta_reply& got, count_result& out) {
  out.count = 1;
  return take_pong(got, out);
}
bool take_stats(const net::meta_reply& got, stats_result& out) {
  if (got.code != meta_code::stats) return false;
  out.stats.entries += net::stat_number(got.value, "curr_items", 0);
  out.stats.bytes += net::stat_number(got.value, "bytes", 0);
  out.stats.max_bytes += net::stat_number(got.value, "limit_maxbytes", 0);
  return true;
}

// Memcached expires by itself: the answer is 0, if there are servers to say so.
void memcached_store::prune(std::size_t, completion<count_result> done) {
  const bool moves = nodes_->failover() == memcached_failover::move;
  (new round_of_nodes<count_result>{.done = done, .each = take_pong, .one_is_enough = moves})->ask(*nodes_, "mn");
}

// With nodes that stand in for each other, one is enough to serve.
void memcached_store::health(completion<count_result> done) {
  const bool moves = nodes_->failover() == memcached_failover::move;
  (new round_of_nodes<count_result>{.done = done, .each = take_health, .one_is_enough = moves})->ask(*nodes_, "mn");
}

void memcached_store::stats(completion<stats_result> done) {
  (new round_of_nodes<stats_result>{.done = done, .each = take_stats, .one_is_enough = false})->ask(*nodes_, "stats");
}

}  // namespace

std::shared_ptr<store> make_memcached_store(std::unique_ptr<memcached_nodes> nodes) {
  return std::make_shared<memcached_store>(std::move(nodes));
}

}  // namespace coatcheck
