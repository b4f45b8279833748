// Which replica is in step, and reads to it: see replicas.hpp.
#include "net/redis/replicas.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "crypto/hmac.hpp"

namespace coatcheck::net {
namespace {

// The value of "name:value" on a line of its own.
std::optional<std::string_view> line_of(std::string_view info, std::string_view name) noexcept {
  while (!info.empty()) {
    const auto end = info.find("\r\n");
    const std::string_view line = info.substr(0, end);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':')
      return line.substr(name.size() + 1);
    info = end == std::string_view::npos ? std::string_view() : info.substr(end + 2);
  }
  return std::nullopt;
}

}  // namespace

bool replica_in_step(std::string_view info) noexcept {
  if (line_of(info, "role") != "slave" || line_of(info, "master_link_status") != "up") return false;
  const auto silence = line_of(info, "master_last_io_seconds_ago");
  unsigned seconds = 0;
  if (!silence) return false;
  const auto [end, failed] = std::from_chars(silence->data(), silence->data() + silence->size(), seconds);
  return failed == std::errc() && end == silence->data() + silence->size() && seconds <= redis_replicas::most_silence;
}

redis_replicas::redis_replicas(redis_target as, const link_options& chosen, driver& loop, bool ask_leave)
    : loop_(loop), options_(chosen), as_(std::move(as)) {
  options_.fail_fast = true;
  as_.called = "the Redis replica";
  as_.read_only = ask_leave;
  as_.on_memory = {};
}

void redis_replicas::close() {
  if (std::exchange(closed_, true)) return;
  groups_.clear();
  for (std::size_t i = 0; i < all_.size(); ++i) all_[i]->link->close();
  crypto::wipe(as_.password.data(), as_.password.size());
}

redis_replicas::replica& redis_replicas::replica_at(const endpoint& where) {
  const auto same = std::find_if(all_.begin(), all_.end(), [&](const auto& one) { return one->at == where; });
  if (same != all_.end()) return **same;
  replica& made = *all_.emplace_back(std::make_unique<replica>());
  made.at = where;
  redis_target target = as_;
  target.where = [where] { return where; };
  made.link = redis_link::create(std::move(target), options_, loop_);
  return made;
}

void redis_replicas::set(const std::vector<std::vector<endpoint>>& groups) {
  if (closed_) return;
  std::vector<std::vector<replica*>> now(groups.size());
  std::vector<replica*> kept;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    for (const endpoint& one : groups[i]) now[i].push_back(kept.emplace_back(&replica_at(one)));
  }
  const auto gone = std::stable_partition(all_.begin(), all_.end(), [&](const auto& one) {
    return std::find(kept.begin(), kept.end(), one.get()) != kept.end();
  });
  std::vector<std::unique_ptr<replica>> left(std::make_move_iterator(gone), std::make_move_iterator(all_.end()));
  all_.erase(gone, all_.end());
  groups_ = std::move(now);
  check_at_ = 0;
  // Last: what ends goes to the master, by way of whoever called.
  for (const auto& one : left) one->link->close();
}

bool redis_replicas::submit(std::size_t group, const redis_operation& what) {
  if (closed_ || group >= groups_.size()) return false;
  const steady_ms now = loop_.now();
  if (now >= check_at_) check(now);
  const std::vector<replica*>& them = groups_[group];
  for (std::size_t i = 0; i < them.size(); ++i) {
    replica& one = *them[next_++ % them.size()];
    if (!usable(one, now)) continue;
    redis_operation read = what;
    read.deadline = std::min(what.deadline, now + std::max<duration_ms>(options_.timeout / 2, 1));
    read.then = on_loss::fail;
    one.link->submit(read, false);
    return true;
  }
  return false;
}

void redis_replicas::check(steady_ms now) {
  check_at_ = now + check_interval;
  for (const auto& one : all_) {
    if (std::exchange(one->asking, true)) continue;
    one->link->submit([this, it = one.get()](const answer& given) { checked(*it, given); }, now + options_.timeout,
                      "*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n");
  }
}

void redis_replicas::checked(replica& one, const answer& given) {
  one.asking = false;
  one.in_step = given && given.value->root().type() == reply_type::text && replica_in_step(given.value->root().text());
  one.said_at = loop_.now();
}

}  // namespace coatcheck::net
