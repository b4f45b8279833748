// Finding the master, and following it: see sentinel.hpp.
#include "net/redis/sentinel.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "crypto/hmac.hpp"
#include "crypto/random.hpp"
#include "net/redis/resp_format.hpp"

namespace coatcheck::net {
namespace {

constexpr duration_ms sign_interval = 1000;  // between two signs of life of the sentinel that is listened to
constexpr duration_ms sign_retry = 200;
constexpr duration_ms demoted_pause = 10;
constexpr duration_ms loading_pause = 20;
constexpr std::uint8_t most_resends = 5;
constexpr std::size_t most_sentinels = 64;
constexpr std::size_t most_replicas = 64;
constexpr duration_ms count_interval = 10'000;  // between two questions for the replicas

std::string sentinel_command(std::string_view what, const std::string& master) {
  std::string command;
  append_command(command, {"SENTINEL", what, master});
  return command;
}

std::optional<endpoint> make_address(std::string_view host, std::string_view port) {
  unsigned number = 0;
  const auto [end, failed] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (host.empty() || host.size() > 255 || failed != std::errc() || end != port.data() + port.size() || number == 0 ||
      number > 65535)
    return std::nullopt;
  return endpoint{std::string(host), static_cast<std::uint16_t>(number), {}};
}

// Adds those that are not there yet, up to `most` in all. Each is a list of names and values, of which "ip" and "port"
// matter.
void add_addresses(reply_view servers, std::size_t most, std::vector<endpoint>& all) {
  if (servers.type() != reply_type::array) return;
  reply_view one = servers;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    one = i == 0 ? servers.first() : one.next();
    if (!one.all_text() || one.size() % 2 != 0) continue;
    std::string_view host;
    std::string_view port;
    reply_view field = one;
    for (std::size_t j = 0; j < one.size(); j += 2) {
      field = j == 0 ? one.first() : field.next();
      const std::string_view name = field.text();
      field = field.next();
      if (name == "ip") host = field.text();
      if (name == "port") port = field.text();
    }
    const auto found = make_address(host, port);
    if (found && all.size() < most && std::find(all.begin(), all.end(), *found) == all.end()) all.push_back(*found);
  }
}

}  // namespace

std::shared_ptr<redis_sentinel> redis_sentinel::create(sentinel_target target, const link_options& chosen,
                                                       driver& loop) {
  return std::shared_ptr<redis_sentinel>(new redis_sentinel(std::move(target), chosen, loop));
}

redis_sentinel::redis_sentinel(sentinel_target target, const link_options& chosen, driver& loop)
    : loop_(loop),
      options_(chosen),
      name_(target.master),
      generation_(crypto::fork_generation()),
      parked_(chosen.queue) {
  redis_target as;
  as.called = "the Redis sentinel";
  as.null_arrays = true;
  as.user = target.sentinel_user;
  as.password = target.sentinel_password;

  redis_target of_replicas = target.data;
  target.data.where = [this] { return where(); };
  target.data.master_only = true;
  target.data.on_refusal = [this](const redis_refusal& why, std::string_view, const redis_operation& what) {
    return refused(why, what);
  };
  data_ = redis_link::create(std::move(target.data), chosen, loop);

  link_options quiet = chosen;
  quiet.background = true;
  quiet.fail_fast = true;
  quiet.make_transport = target.sentinel_transport;
  finder_ = std::make_unique<redis_inquiry>(
      as, quiet, loop, target.sentinels, sentinel_command("GET-MASTER-ADDR-BY-NAME", name_),
      redis_inquiry::callbacks{[this](reply_view root, const endpoint&) { return named(root); },
                               [this](const failure& last) { not_named(last); },
                               "it knows no master of the name in the store's URL", errc::store_unavailable});
  learner_ = std::make_unique<redis_inquiry>(as, quiet, loop, target.sentinels, sentinel_command("SENTINELS", name_),
                                             redis_inquiry::callbacks{[this](reply_view root, const endpoint&) {
                                                                        learn(root);
                                                                        return true;
                                                                      },
                                                                      [](const failure&) {},
                                                                      {}});
  if (target.read_replicas) {
    replicas_ = std::make_unique<redis_replicas>(std::move(of_replicas), chosen, loop, false);
    const auto heard = [this](reply_view root, const endpoint&) {
      std::vector<endpoint> all;
      add_addresses(root, most_replicas, all);
      replicas_->set({std::move(all)});
      return true;
    };
    counter_ = std::make_unique<redis_inquiry>(as, quiet, loop, target.sentinels, sentinel_command("REPLICAS", name_),
                                               redis_inquiry::callbacks{heard, [](const failure&) {}, {}});
  } else {
    crypto::wipe(of_replicas.password.data(), of_replicas.password.size());
  }
  as.where = [this] { return finder_->servers()[listen_at_ % finder_->servers().size()]; };
  as.channel = "+switch-master";
  as.on_message = [this](reply_view message) { hear(message); };
  listener_ = redis_link::create(std::move(as), quiet, loop);
  crypto::wipe(target.sentinel_password.data(), target.sentinel_password.size());
}

void redis_sentinel::close() {
  if (std::exchange(closed_, true)) return;
  const std::shared_ptr<redis_sentinel> self = weak_from_this().lock();  // null in a destructor
  loop_.forget(*this);
  listener_->close();
  learner_->close();
  finder_->close();
  data_->close();
  if (replicas_) {
    counter_->close();
    replicas_->close();  // last: what was under way there asks the master, and hears that this is closed
  }
  parked_.end({errc::store_closed, "the store is closed"});
}

std::vector<endpoint> redis_sentinel::servers() const {
  return master_.host.empty() ? std::vector<endpoint>() : std::vector<endpoint>{master_};
}

// Asked by the link before each connection: what a sentinel said is good for one.
endpoint redis_sentinel::where() {
  after_fork();
  if (std::exchange(fresh_, false)) return master_;
  finder_->ask();
  if (!std::exchange(listening_, true)) {
    next_sign_ = loop_.now();
    loop_.update(*this);
  }
  return {};
}

bool redis_sentinel::named(reply_view address) {
  if (address.size() != 2 || !address.all_text()) return false;
  const auto found = make_address(address.first().text(), address.first().next().text());
  if (!found) return false;
  adopt(*found);
  return true;
}

void redis_sentinel::not_named(const failure& last) {
  std::string why = "no Redis sentinel names the master; the last one that was asked: " + std::string(last.why);
  if (last.code == errc::store_refused || last.why.find("(NOAUTH)") != std::string_view::npos)
    why += " (of a sentinel these are sentinel_user= and sentinel_password=)";
  data_->not_located({last.code, why});
}

void redis_sentinel::adopt(const endpoint& master) {
  const auto self = weak_from_this().lock();
  if (!self || closed_) return;
  const bool another = !(master == master_);
  const bool moved = another && !master_.host.empty();
  if (moved) count_at_ = 0;
  master_ = master;
  if (another) tell_watcher();
  if (data_->locating()) {
    fresh_ = true;
    data_->located();
  } else if (moved) {
    fresh_ = true;
    data_->move_on("the sentinels have named another Redis master");
  }
}

void redis_sentinel::learn(reply_view sentinels) {
  std::vector<endpoint> all = finder_->servers();
  add_addresses(sentinels, most_sentinels, all);
  finder_->set_servers(std::move(all));
}

bool redis_sentinel::submit_to_replica(const redis_operation& what) {
  if (!replicas_ || closed_) return false;
  after_fork();
  if (loop_.now() >= count_at_) {
    count_at_ = loop_.now() + count_interval;
    counter_->set_servers(finder_->servers());
    counter_->ask();
  }
  return replicas_->submit(0, what);
}

// "message", the channel, and "<name> <old host> <old port> <new host> <new port>".
void redis_sentinel::hear(reply_view message) {
  if (!message.all_text() || message.size() != 3) return;
  std::string_view text = message.first().next().next().text();
  std::string_view words[5];
  for (auto& word : words) {
    word = text.substr(0, text.find(' '));
    text = word.size() < text.size() ? text.substr(word.size() + 1) : std::string_view();
  }
  if (words[0] != name_ || !text.empty()) return;
  if (const auto found = make_address(words[3], words[4])) adopt(*found);
}

// A link connects when there is something to send: PING is what keeps the subscription there.
void redis_sentinel::keep_listening() {
  next_sign_ = loop_.now() + sign_interval;
  listener_->submit([this](const answer& given) { alive(given); }, loop_.now() + options_.timeout,
                    "*1\r\n$4\r\nPING\r\n");
}

void redis_sentinel::alive(const answer& given) {
  if (closed_) return;
  if (given) {
    deaf_ = 0;
    if (std::exchange(heard_, true)) return;
    // Since it is listened to: what was said before that was missed.
    finder_->ask();
    learner_->ask();
    return;
  }
  heard_ = false;
  ++listen_at_;
  listener_->move_on("another sentinel is listened to");
  if (++deaf_ < finder_->servers().size()) next_sign_ = std::min(next_sign_, loop_.now() + sign_retry);
  loop_.update(*this);
}

bool redis_sentinel::refused(const redis_refusal& why, const redis_operation& what) {
  const auto self = weak_from_this().lock();
  if (!self || closed_) return false;
  if ((why.word == "READONLY" || why.word == "MASTERDOWN") && what.hops < most_resends) {
    data_->move_on("the Redis server is a replica now", demoted_pause);
    redis_operation again = what;
    ++again.hops;
    data_->submit(again);
    return true;
  }
  if (why.word == "LOADING") {
    const bool parked = parked_.park(what, loop_.now() + loading_pause, why);
    loop_.update(*this);
    return parked;
  }
  return false;
}

// What was under way belongs to the parent.
void redis_sentinel::after_fork() {
  if (generation_ == crypto::fork_generation()) return;
  generation_ = crypto::fork_generation();
  fresh_ = false;
  heard_ = false;
  listening_ = false;
  finder_->forget();
  learner_->forget();
  if (counter_) counter_->forget();
  parked_.end({errc::store_unavailable, "the process was forked while the operation was under way"});
}

steady_ms redis_sentinel::deadline() const noexcept {
  return closed_ ? no_deadline : std::min(next_sign_, parked_.next());
}

void redis_sentinel::on_deadline(steady_ms now) {
  const auto self = shared_from_this();
  after_fork();
  parked_.release(now, false, {}, [this](const redis_operation& what) { data_->submit(what); });
  if (closed_) return;
  if (now >= next_sign_) keep_listening();
  loop_.update(*this);
}

}  // namespace coatcheck::net
