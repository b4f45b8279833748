// What a near-cache hears of several Redis servers: a tracking_link to each of those that a route may send an operation
// to. See redis/changes.hpp.
//
// Nothing may be read from a server that nobody listens to and be kept. So the route tells before it sends to a server
// that is new, or for a key to another server than before: then everything that is kept and under way is void, and
// nothing is kept until each of the servers is listened to.
//
// Thread safety: the thread of the driver.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "crypto/hmac.hpp"
#include "net/redis/tracking_link.hpp"
#include "store/redis/changes.hpp"

namespace coatcheck {
namespace {

// While it is in use the map of a cluster is looked at again, each time through another node: a master that was cut off
// from the others may go on answering whoever still reaches it.
constexpr duration_ms look_interval = 1000;

class redis_fleet_changes final : public change_source, private net::tracking_listener, private net::route_watcher {
 public:
  redis_fleet_changes(std::shared_ptr<net::redis_route> route, net::redis_target as, redis_names names,
                      duration_ms max_stale, const net::link_options& options, driver& loop)
      : route_(std::move(route)),
        as_(std::move(as)),
        names_(std::move(names)),
        max_stale_(max_stale),
        options_(options),
        loop_(loop) {
    route_->watch(this);
    gather();
  }
  ~redis_fleet_changes() override {
    close();
    crypto::wipe(as_.password.data(), as_.password.size());
  }

  void tell(change_listener& to) override { to_ = &to; }
  void keep_up() override {
    if (closed_) return;
    for (const auto& one : servers_) one.link->keep_up();
    if (loop_.now() < look_at_) return;
    look_at_ = loop_.now() + look_interval;
    if (!servers_.empty()) route_->look_again();
  }
  [[nodiscard]] steady_ms told_until() const noexcept override {
    steady_ms out = servers_.empty() ? never : no_deadline;
    for (const auto& one : servers_) out = std::min(out, one.link->told_until());
    return out;
  }
  [[nodiscard]] bool listens() const noexcept override {
    return !servers_.empty() &&
           std::all_of(servers_.begin(), servers_.end(), [](const server& one) { return one.link->listens(); });
  }
  void ask_anew() override {
    for (const auto& one : servers_) one.link->ask_anew();
  }
  [[nodiscard]] bool tells_own_changes() const noexcept override { return true; }
  [[nodiscard]] std::string trouble() const override {
    for (const auto& one : servers_) {
      if (!one.link->trouble().empty()) return one.link->trouble();
    }
    return {};
  }
  void close() override {
    if (std::exchange(closed_, true)) return;
    to_ = nullptr;
    route_->watch(nullptr);
    for (const auto& one : servers_) one.link->close();
  }

 private:
  struct server {
    net::endpoint at;
    std::shared_ptr<net::tracking_link> link;
  };

  void gather() {
    const auto now = route_->servers();
    std::vector<server> kept;
    for (const net::endpoint& at : now) {
      const auto same = std::find_if(servers_.begin(), servers_.end(), [&](const server& one) { return one.at == at; });
      if (same != servers_.end()) {
        kept.push_back(*same);
        continue;
      }
      net::redis_target target = as_;
      target.where = [at] { return at; };
      kept.push_back({at, net::tracking_link::create(std::move(target), std::string(names_.values()), max_stale_,
                                                     options_, loop_, *this)});
    }
    for (const server& one : std::exchange(servers_, std::move(kept))) {
      if (std::find(now.begin(), now.end(), one.at) == now.end()) one.link->close();
    }
  }

  void on_servers_changed() noexcept override {
    if (closed_) return;
    gather();
    on_all_changed();
  }
  void on_key_changed(std::string_view name) noexcept override {
    if (const auto key = names_.key_of(name); to_ != nullptr && !key.empty()) to_->on_changed(key);
  }
  void on_all_changed() noexcept override {
    if (to_ != nullptr) to_->on_gap();
  }

  const std::shared_ptr<net::redis_route> route_;
  net::redis_target as_;
  const redis_names names_;
  const duration_ms max_stale_;
  const net::link_options options_;
  driver& loop_;
  change_listener* to_ = nullptr;
  bool closed_ = false;
  steady_ms look_at_ = 0;
  std::vector<server> servers_;
};

}  // namespace

std::shared_ptr<change_source> make_redis_fleet_changes(std::shared_ptr<net::redis_route> route, net::redis_target as,
                                                        redis_names names, duration_ms max_stale,
                                                        const net::link_options& options, driver& loop) {
  return std::make_shared<redis_fleet_changes>(std::move(route), std::move(as), std::move(names), max_stale, options,
                                               loop);
}

}  // namespace coatcheck
