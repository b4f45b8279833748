// Where operations go, and the map: see cluster.hpp.
#include "net/redis/cluster.hpp"

#include <algorithm>
#include <utility>

#include "crypto/hmac.hpp"
#include "crypto/random.hpp"

namespace coatcheck::net {
namespace {

constexpr duration_ms map_interval = 100;  // between two questions for the map
constexpr duration_ms moving_pause = 10;   // while a slot's keys are on their way (TRYAGAIN)
constexpr duration_ms down_pause = 50;     // while a slot has no master
constexpr std::uint8_t most_hops = 5;
constexpr unsigned patient_misses = 5;   // then operations fail at once between questions
constexpr std::size_t spare_nodes = 16;  // kept though the map has them no more

constexpr redis_refusal unserved{{}, "no node of the Redis cluster serves the key's slot"};
constexpr failure in_circles{errc::store_refused,
                             "the nodes of the Redis cluster sent an operation from one to another without an end"};
constexpr failure overloaded{errc::store_overloaded, "too many operations wait for the Redis cluster (see ?queue=)"};

// Of one server's keys, which nobody else can list.
bool is_scan(std::string_view command) { return command.substr(command.find('\n') + 1).starts_with("$4\r\nSCAN\r\n"); }

void tell(const redis_operation& what, const failure& why) {
  reply_handler done = what.done;
  done(answer::none(why));
}

}  // namespace

std::shared_ptr<redis_cluster> redis_cluster::create(cluster_target target, const link_options& chosen, driver& loop) {
  return std::shared_ptr<redis_cluster>(new redis_cluster(std::move(target), chosen, loop));
}

redis_cluster::redis_cluster(cluster_target target, const link_options& chosen, driver& loop)
    : loop_(loop),
      options_(chosen),
      as_(std::move(target.as)),
      seeds_(std::move(target.nodes)),
      generation_(crypto::fork_generation()),
      parked_(chosen.queue) {
  for (const endpoint& seed : seeds_) (void)node_at(seed);
  if (target.read_replicas) replicas_ = std::make_unique<redis_replicas>(as_, chosen, loop, true);
  link_options quiet = chosen;
  quiet.background = true;
  mapper_ = std::make_unique<redis_inquiry>(
      as_, quiet, loop, seeds_, "*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n",
      redis_inquiry::callbacks{[this](reply_view root, const endpoint& by) { return mapped(root, by); },
                               [this](const failure& last) { unmapped(last); },
                               "it sent no map of slots that can be used"});
}

void redis_cluster::close() {
  if (std::exchange(closed_, true)) return;
  const std::shared_ptr<redis_cluster> self = weak_from_this().lock();  // null in a destructor
  loop_.forget(*this);
  mapper_->close();
  for (std::size_t i = 0; i < nodes_.size(); ++i) nodes_[i]->link->close();
  if (replicas_) replicas_->close();  // what was under way there asks a master, and hears that this is closed
  const failure closed{errc::store_closed, "the store is closed"};
  parked_.end(closed);
  for (scan_start& one : std::exchange(scans_, {})) one.done(answer::none(closed));
  crypto::wipe(as_.password.data(), as_.password.size());
}

redis_cluster::node& redis_cluster::node_at(const endpoint& where, const std::string& id) {
  const auto same = std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& one) { return one->at == where; });
  if (same != nodes_.end()) {
    if (!id.empty()) (*same)->id = id;
    return **same;
  }
  node& made = *nodes_.emplace_back(std::make_unique<node>());
  made.at = where;
  made.id = id;
  redis_target target = as_;
  target.where = [this, &made] {
    // Not for the first time: the last connection is lost, or could not be made.
    if (std::exchange(made.tried, true)) {
      want_map();
      if ((!made.serves || made.keyless) && !std::exchange(rescue_, true)) loop_.flush_soon(*this);
    }
    return made.at;
  };
  target.on_refusal = [this, &made](const redis_refusal& why, std::string_view text, const redis_operation& what) {
    return refused(made, why, text, what);
  };
  made.link = redis_link::create(std::move(target), options_, loop_);
  return made;
}

redis_cluster::node* redis_cluster::next_master() noexcept {
  for (std::size_t i = 0; i < masters_.size(); ++i) {
    node* const one = masters_[next_master_++ % masters_.size()];
    if (!one->link->troubled()) return one;
  }
  return masters_.empty() ? nullptr : masters_[next_master_++ % masters_.size()];
}

void redis_cluster::submit(const redis_operation& what) {
  if (closed_) return tell(what, {errc::store_closed, "the store is closed"});
  after_fork();
  const auto key_slot = slot_of_command(what.command, what.rest);
  node* const to = key_slot ? slots_[*key_slot] : next_master();
  if (to == nullptr) {
    want_map();
    if (!known_ && misses_ >= patient_misses && !parked_.empty())
      return answer_later(what.done, {errc::store_unavailable, "the Redis cluster has been unreachable for a while"});
    return known_ ? wait(what, down_pause, unserved) : wait(what, what.deadline - loop_.now(), {});
  }
  if (to->link->troubled()) want_map();
  if (!key_slot) to->keyless = true;
  to->link->submit(what, false);
}

bool redis_cluster::submit_to_replica(const redis_operation& what) {
  if (!replicas_ || closed_) return false;
  after_fork();
  const auto key_slot = slot_of_command(what.command, what.rest);
  const node* const master = key_slot ? slots_[*key_slot] : nullptr;
  return master != nullptr && master->serves && replicas_->submit(master->number, what);
}

std::vector<endpoint> redis_cluster::servers() const {
  std::vector<endpoint> out;
  for (const auto& one : nodes_) {
    if (known_ && (one->serves || one->asked)) out.push_back(one->at);
  }
  return out;
}

void redis_cluster::answer_later(reply_handler done, const failure& given) {
  nodes_.front()->link->answer_later(done, given);
}

void redis_cluster::wait(const redis_operation& what, duration_ms pause, const redis_refusal& why) {
  if (!parked_.park(what, loop_.now() + pause, why)) return answer_later(what.done, overloaded);
  loop_.update(*this);
}

bool redis_cluster::refused(node& by, const redis_refusal& why, std::string_view text, const redis_operation& what) {
  const auto self = weak_from_this().lock();
  if (!self || closed_) return false;
  if (is_scan(what.command)) return false;  // of this server and no other
  if (why.word == "MOVED" || why.word == "ASK") return redirected(by, why.word == "MOVED", text, what);
  if (why.word == "TRYAGAIN") {
    wait(what, moving_pause, why);
    return true;
  }
  if (why.word == "CLUSTERDOWN" || why.word == "LOADING" || why.word == "MASTERDOWN" || why.word == "READONLY") {
    want_map();
    wait(what, down_pause, why);
    return true;
  }
  return false;
}

bool redis_cluster::redirected(node& by, bool for_good, std::string_view text, const redis_operation& what) {
  const auto key_slot = slot_of_command(what.command, what.rest);
  const auto told = parse_redirection(text, by.at);
  if (!told || !key_slot || told->slot != *key_slot) {
    by.link->distrust();
    tell(what, {errc::store_protocol, "a node of the Redis cluster sent a redirection that does not fit the command"});
    return true;
  }
  if (what.hops >= most_hops) {
    want_map();
    tell(what, in_circles);
    return true;
  }
  node& to = node_at(told->to);
  if (for_good) {
    to.serves = true;
    if (std::exchange(slots_[*key_slot], &to) != &to) tell_watcher();
    want_map();
  } else if (!std::exchange(to.asked, true) && !to.serves) {
    tell_watcher();
  }
  redis_operation on = what;
  ++on.hops;
  to.link->submit(on, !for_good);
  return true;
}

// --- the map

void redis_cluster::want_map() {
  if (closed_) return;
  const steady_ms at = std::max(loop_.now(), mapped_at_ + map_interval);
  if (at < map_at_) {
    map_at_ = at;
    loop_.update(*this);
  }
}

bool redis_cluster::mapped(reply_view root, const endpoint& by) {
  const auto self = weak_from_this().lock();
  if (!self || closed_) return true;
  cluster_map map;
  if (!parse_cluster_slots(root, by, map)) return false;
  adopt(map);
  return true;
}

void redis_cluster::unmapped(const failure& last) {
  if (closed_) return;
  no_map_code_ = last.code;
  no_map_ =
      "no node of the Redis cluster says where the slots are; the last one that was asked: " + std::string(last.why);
  ++misses_;
  if (!known_ && busy()) want_map();
}

void redis_cluster::adopt(const cluster_map& map) {
  const auto before = slots_;
  std::fill(slots_.begin(), slots_.end(), nullptr);
  bool asked = false;
  for (const auto& one : nodes_) {
    asked = asked || (one->asked && !one->serves);
    one->asked = false;
    one->serves = false;
    one->number = no_number;
    one->lowest = slot_count;
  }
  masters_.clear();
  std::vector<endpoint> all;
  std::vector<std::vector<endpoint>> groups;
  for (const cluster_map::node& one : map.masters) {
    node& mine = node_at(one.at, one.id);
    mine.serves = true;
    mine.number = groups.size();
    groups.push_back(one.replicas);
    masters_.push_back(&mine);
    all.push_back(one.at);
  }
  for (const cluster_map::range& range : map.ranges) {
    node* const mine = masters_[range.master];
    mine->lowest = std::min(mine->lowest, range.first);
    std::fill(slots_.begin() + range.first, slots_.begin() + range.last + 1, mine);
  }
  std::sort(masters_.begin(), masters_.end(), [](const node* a, const node* b) { return a->lowest < b->lowest; });
  for (const auto* more : {&map.replicas, &seeds_}) {
    for (const endpoint& one : *more)
      if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(one);
  }
  mapper_->set_servers(std::move(all));
  known_ = true;
  misses_ = 0;
  if (asked || slots_ != before) tell_watcher();
  forget_idle();
  if (replicas_) replicas_->set(groups);
  rescue();
  parked_.release(loop_.now(), true, no_map(), [this](const redis_operation& what) { submit(what); });
  release_scans(loop_.now());
  if (!closed_) loop_.update(*this);
}

// What waits for a server that can't be reached goes to who has its slots now; what any master can answer, to another.
void redis_cluster::rescue() {
  rescue_ = false;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    node& one = *nodes_[i];
    if (one.link->troubled() && (!one.serves || one.keyless)) rescue_from(one);
  }
}

void redis_cluster::rescue_from(node& one) {
  one.keyless = false;
  one.link->take_waiting([&](const redis_operation& what) {
    if (is_scan(what.command)) {
      if (one.serves) return one.link->submit(what, false);
      return tell(what, {errc::store_unavailable, "the node of the Redis cluster that was being walked is gone"});
    }
    submit(what);
  });
}

void redis_cluster::forget_idle() {
  const std::size_t most = masters_.size() + seeds_.size() + spare_nodes;
  for (std::size_t i = nodes_.size(); i-- > seeds_.size() && nodes_.size() > most;) {
    if (nodes_[i]->serves || !nodes_[i]->link->idle()) continue;
    nodes_[i]->link->close();
    nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void redis_cluster::after_fork() {
  if (generation_ == crypto::fork_generation()) return;
  generation_ = crypto::fork_generation();
  const failure forked{errc::store_unavailable, "the process was forked while the operation was under way"};
  mapper_->forget();
  parked_.end(forked);
  for (scan_start& one : std::exchange(scans_, {})) one.done(answer::none(forked));
}

steady_ms redis_cluster::deadline() const noexcept {
  if (closed_) return no_deadline;
  steady_ms next = std::min(map_at_, parked_.next());
  for (const scan_start& one : scans_) next = std::min(next, one.deadline);
  return next;
}

void redis_cluster::on_deadline(steady_ms now) {
  const auto self = shared_from_this();
  after_fork();
  if (now >= map_at_) {
    map_at_ = no_deadline;
    mapped_at_ = now;
    if (known_) mapper_->turn();  // the one that was asked last may be the one that is out of date
    mapper_->ask();
  }
  parked_.release(now, false, no_map(), [this](const redis_operation& what) { submit(what); });
  release_scans(now);
  if (!closed_) loop_.update(*this);
}

void redis_cluster::flush() {
  const auto self = shared_from_this();
  if (!closed_ && rescue_) rescue();
}

}  // namespace coatcheck::net
