// From the names that changed to keys: see redis/changes.hpp.
#include "store/redis/changes.hpp"

#include <string>
#include <utility>

#include "net/redis/tracking_link.hpp"

namespace coatcheck {
namespace {

class redis_changes final : public change_source, private net::tracking_listener {
 public:
  redis_changes(net::redis_target target, redis_names names, duration_ms max_stale, const net::link_options& options,
                driver& loop)
      : names_(std::move(names)),
        link_(net::tracking_link::create(std::move(target), std::string(names_.values()), max_stale, options, loop,
                                         *this)) {}
  ~redis_changes() override { link_->close(); }

  void tell(change_listener& to) override { to_ = &to; }
  void keep_up() override { link_->keep_up(); }
  [[nodiscard]] steady_ms told_until() const noexcept override { return link_->told_until(); }
  [[nodiscard]] bool listens() const noexcept override { return link_->listens(); }
  void ask_anew() override { link_->ask_anew(); }
  // It can't tell whose change it was: BCAST with NOLOOP knows its own connection's alone, which writes nothing.
  [[nodiscard]] bool tells_own_changes() const noexcept override { return true; }
  [[nodiscard]] std::string trouble() const override { return link_->trouble(); }
  void close() override {
    to_ = nullptr;
    link_->close();
  }

 private:
  void on_key_changed(std::string_view name) noexcept override {
    if (const auto key = names_.key_of(name); to_ != nullptr && !key.empty()) to_->on_changed(key);
  }
  void on_all_changed() noexcept override {
    if (to_ != nullptr) to_->on_gap();
  }

  const redis_names names_;
  change_listener* to_ = nullptr;
  const std::shared_ptr<net::tracking_link> link_;
};

}  // namespace

std::shared_ptr<change_source> make_redis_changes(net::redis_target target, redis_names names, duration_ms max_stale,
                                                  const net::link_options& options, driver& loop) {
  return std::make_shared<redis_changes>(std::move(target), std::move(names), max_stale, options, loop);
}

}  // namespace coatcheck
