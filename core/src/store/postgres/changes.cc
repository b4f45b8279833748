// Listening, pings and what is in the way: see postgres/changes.hpp.
#include "store/postgres/changes.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "crypto/random.hpp"
#include "net/announcement.hpp"
#include "net/postgres/pool.hpp"
#include "store/envelope.hpp"
#include "store/postgres/call.hpp"
#include "store/postgres/rows.hpp"
#include "store/postgres/statements.hpp"

namespace coatcheck {
namespace {

constexpr duration_ms longest_pause_between_pings = 500;  // while the server is not to be had
constexpr duration_ms pause_of_the_refused = 30'000;

constexpr std::string_view pooled =
    "a pooler stands before PostgreSQL, behind which a connection is not told of changes: name the server itself, or "
    "leave "
    "near_cache out";

net::pg_bounds bounds_of_listening(net::pg_bounds bounds) {
  bounds.connections = 1;
  bounds.statements = 0;
  bounds.idle = 0;
  bounds.background = true;
  return bounds;
}

class postgres_changes final : public change_source, private net::pg_listener, private pollable {
 public:
  postgres_changes(const net::libpq& pq, net::pg_target target, const net::pg_bounds& bounds, std::string_view table,
                   duration_ms max_stale, driver& loop)
      : pool_(net::pg_pool::create(pq, std::move(target), bounds_of_listening(bounds), loop)),
        channel_(change_channel(table)),
        own_channel_("coatcheck_ping_" + std::string(make_etag().view())),
        trigger_(tells_statement(table)),
        every_(max_stale / 4),
        patience_(std::max<duration_ms>(max_stale, 1000)),
        loop_(loop),
        generation_(crypto::fork_generation()) {
    pool_->listen(this);
  }
  ~postgres_changes() override { postgres_changes::close(); }

  void tell(change_listener& to) override { to_ = &to; }
  void keep_up() override {
    if (closed_) return;
    after_fork();
    if (!pinging_ && !listens_ && !refused_) ping();
  }
  [[nodiscard]] steady_ms told_until() const noexcept override { return told_until_; }
  [[nodiscard]] bool listens() const noexcept override { return listens_; }
  void ask_anew() override {
    if (closed_) return;
    told_until_ = never;
    too_early_ = pinging_;
    if (!pinging_ && !refused_) ping();
  }
  // The trigger does not know who wrote.
  [[nodiscard]] bool tells_own_changes() const noexcept override { return true; }
  [[nodiscard]] std::string trouble() const override { return trouble_; }
  void close() override {
    if (std::exchange(closed_, true)) return;
    to_ = nullptr;
    pool_->listen(nullptr);
    pool_->close();
    loop_.forget(*this);
  }

 private:
  [[nodiscard]] int fd() const noexcept override { return -1; }
  [[nodiscard]] bool wants_write() const noexcept override { return false; }
  [[nodiscard]] steady_ms deadline() const noexcept override { return next_; }
  [[nodiscard]] bool busy() const noexcept override { return false; }
  void on_readable() override {}
  void on_writable() override {}
  void flush() override {}
  void on_deadline(steady_ms now) override {
    after_fork();
    if (!closed_ && next_ <= now) {
      if (pinging_ && !std::exchange(late_, true)) {
        next_ = now + patience_;  // the loop may have been busy: it has a look at the connection first
      } else if (pinging_) {
        refuse(pooled);
      } else {
        ping();
      }
    }
    if (!closed_) announced_.tell(*this, loop_, true);
  }

  void on_notified(std::string_view channel, std::string_view payload) noexcept override {
    if (channel == own_channel_) {
      if (pinging_ && payload == std::to_string(number_)) {
        returned_ = true;
        ended();
      }
    } else if (to_ != nullptr && listens_) {
      valid_key(payload) ? to_->on_changed(payload) : to_->on_gap();
    }
  }
  void on_lost() noexcept override { stop_listening(); }

  void stop_listening() noexcept {
    told_until_ = never;
    answered_ = false;
    returned_ = false;
    if (std::exchange(listens_, false) && to_ != nullptr) to_->on_gap();
  }

  void ping() {
    pinging_ = true;
    late_ = too_early_ = answered_ = returned_ = false;
    ++number_;
    sent_ = loop_.now();
    auto what = make_pg_call(nullptr, steady_now() + patience_,
                             completion<count_result>(
                                 [](void* context, count_result&& got) {
                                   static_cast<postgres_changes*>(context)->on_answered(std::move(got));
                                 },
                                 this),
                             [this](const net::pg_rows& rows, count_result& out) {
                               direct_ = pool_->is_of_process(rows.number(0, 1));
                               return decode_count(rows, out);
                             });
    what->script = {"LISTEN \"" + channel_ + "\"", "LISTEN \"" + own_channel_ + "\"",
                    "SELECT pg_notify('" + own_channel_ + "', '" + std::to_string(number_) + "')", trigger_};
    wait_until(no_deadline);
    pool_->submit(std::move(what));
  }

  void on_answered(count_result&& got) {
    if (closed_) return;
    if (!got.known) {
      pinging_ = false;
      trouble_ = unheard + got.why.message;
      const bool may_heal = got.why.code == errc::store_unavailable || got.why.code == errc::store_timeout ||
                            got.why.code == errc::store_overloaded || got.why.code == errc::store_closed;
      if (!may_heal) return refuse(got.why.message);
      return wait_until(loop_.now() + std::clamp<duration_ms>(every_, 20, longest_pause_between_pings));
    }
    if (!direct_) return refuse(pooled);
    if (got.count == 0) {
      return refuse(
          "the table does not tell of its changes: make its trigger once with createSchema(url) in Node, "
          "create_schema(url) in Python or store::create_schema in C++, with near_cache= or notify=on in the URL");
    }
    answered_ = true;
    if (!returned_) wait_until(sent_ + patience_);
    ended();
  }

  // Once the ping was answered and has come back.
  void ended() {
    if (!answered_ || !returned_) return;
    pinging_ = false;
    refused_ = false;
    trouble_.clear();
    if (!std::exchange(listens_, true)) {
      // What was read before this may have changed unheard. This ping began to listen: what is read from now on is
      // told.
      if (to_ != nullptr) to_->on_gap();
    }
    if (!too_early_) told_until_ = std::max(told_until_, sent_);
    wait_until(too_early_ ? loop_.now() : std::max(loop_.now(), sent_ + every_));
  }

  void refuse(std::string_view why) {
    pinging_ = false;
    refused_ = true;
    stop_listening();
    trouble_ = unheard + std::string(why);
    wait_until(loop_.now() + pause_of_the_refused);
  }

  void wait_until(steady_ms when) {
    next_ = when;
    if (!closed_) announced_.tell(*this, loop_, false);
  }

  void after_fork() {
    if (generation_ == crypto::fork_generation()) return;
    generation_ = crypto::fork_generation();
    announced_.forget();
    stop_listening();
  }

  const std::string unheard = "the near-cache hears of no changes, so each read asks the server: ";

  const std::shared_ptr<net::pg_pool> pool_;
  const std::string channel_;
  const std::string own_channel_;
  const std::string trigger_;
  const duration_ms every_;  // between two pings
  const duration_ms patience_;
  driver& loop_;
  change_listener* to_ = nullptr;
  bool closed_ = false;
  bool listens_ = false;
  bool refused_ = false;  // by the server's last word
  steady_ms told_until_ = never;
  steady_ms next_ = no_deadline;  // the next ping, or the end of patience with this one
  // Of the ping that is under way.
  bool pinging_ = false;
  bool answered_ = false;
  bool returned_ = false;  // its own notice
  bool direct_ = false;    // by the process that let the connection in
  bool late_ = false;
  bool too_early_ = false;  // it left before ask_anew()
  std::uint64_t number_ = 0;
  steady_ms sent_ = 0;
  std::string trouble_;
  unsigned generation_;
  net::announcement announced_;
};

}  // namespace

std::shared_ptr<change_source> make_postgres_changes(const net::libpq& pq, net::pg_target target, net::pg_bounds bounds,
                                                     std::string_view table, duration_ms max_stale, driver& loop) {
  return std::make_shared<postgres_changes>(pq, std::move(target), bounds, table, max_stale, loop);
}

}  // namespace coatcheck
