// What happens in a world, and what must hold in it.
#include "simulation/world.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "coatcheck/cached.hpp"

#include "net/redis/link.hpp"
#include "simulation/timed_store.hpp"
#include "store/redis/names.hpp"

namespace coatcheck::simulation {
namespace {

constexpr std::size_t host_count = 4;
constexpr std::size_t session_count = 6;
constexpr std::size_t most_requests = 40;
constexpr std::size_t most_tokens = 40;  // of one session: then it is time for another one

std::uint32_t no_random() noexcept { return 0; }  // of pauses: the scheduler is random enough, and repeats itself

}  // namespace

struct world::host {
  manual_clock clock;
  stepped_driver driver;
  std::shared_ptr<store> entries;
  std::shared_ptr<engine> on;

  explicit host(world& in) : driver(in.now_) {
    auto bare = server_store(in.network_);
    duration_ms longest = timeout + longest_step;
    if (in.tiers_) {
      cached_options how;
      how.ttl = ttl;
      how.absent_ttl = 100;
      how.cache_timeout = cache_timeout;
      how.time = &clock;
      how.loop = &driver;
      bare = *cached(server_store(in.cache_network_), std::move(bare), how);
      longest += most_cache_calls * (cache_timeout + longest_step);
    }
    entries = std::make_shared<timed_store>(std::move(bare), in.now_, [&in, longest](duration_ms time) {
      in.require(time <= longest,
                 "an operation of the store took " + std::to_string(time) + " ms of " + std::to_string(longest));
    });
    const std::string secret = "the secret of a simulation, long enough";
    auto keys = key_ring::from_secrets(std::span(&secret, 1));
    session_policy policy;
    policy.idle_timeout = 24LL * 3600 * 1000;
    auto made = engine::create({.keys = *keys, .where = entries, .cookie = {}, .policy = policy, .time = &clock});
    on = *made;
  }
  ~host() { entries->close(); }

 private:
  // A look, three tries to put, a mark, and a slot that is emptied.
  static constexpr duration_ms most_cache_calls = 6;
  std::shared_ptr<store> server_store(network& at) {
    net::link_options chosen;
    chosen.timeout = timeout;
    chosen.queue = 64;
    chosen.make_transport = [&at] { return std::make_unique<wire_transport>(at); };
    chosen.random = no_random;
    net::redis_target target;
    target.where = [] { return net::endpoint{"127.0.0.1", 6379, {}}; };
    auto link = net::redis_link::create(std::move(target), chosen, driver);
    return make_redis_store(std::move(link), redis_names("cc:"), clock);
  }
};

// What the world knows of a session: at least this must be so.
struct world::session {
  std::size_t number = 0;
  std::string cookie;  // empty: nobody has it yet
  // Updates that were acknowledged, with who has to see them when.
  struct promise {
    const host* by = nullptr;
    steady_ms at = 0;
  };
  std::map<std::string, promise> promised;
  bool creating = false;
  bool may_be_gone = false;  // somebody has begun to end it
  bool is_gone = false;      // and was told that it is
  bool lost = false;         // a failover: nothing is promised any more
};

class world::request {
 public:
  request(world& in, host& on, std::shared_ptr<session> of) : in_(in), on_(on), of_(std::move(of)) {
    in_.under_way_.insert(this);
    ++in_.seen_.requests;
  }
  void lose() const noexcept { of_->lost = true; }
  void start() {
    for (const auto& [token, made] : of_->promised) {
      const bool seen_here = !in_.tiers_ || (made.by == &on_ && in_.now_ >= in_.doubtful_until_);
      if (seen_here || in_.now_ - made.at > longest_behind) promised_.insert(token);
    }
    was_gone_ = of_->is_gone && in_.now_ >= in_.doubtful_until_;
    creates_ = of_->cookie.empty();
    on_.on->open({.cookie_header = of_->cookie}, then<opened, &request::on_opened>());
  }

 private:
  template <class R, void (request::*Member)(R&&)>
  completion<R> then() noexcept {
    return completion<R>([](void* context, R&& value) { (static_cast<request*>(context)->*Member)(std::move(value)); },
                         this);
  }
  void finish() {
    in_.under_way_.erase(this);
    delete this;
  }
  void require(bool holds, const char* what) { in_.require(holds || of_->lost, what); }

  void on_opened(opened&& got) {
    if (got.status == open_status::unknown) {
      ++in_.seen_.unknown;
      in_.require(got.why.code != errc::record_mismatch && got.why.code != errc::record_damaged,
                  "a record that can't be read: " + got.why.message);
      if (creates_) of_->creating = false;
      return finish();
    }
    if (!creates_) {
      if (got.status == open_status::found) {
        look_at(got.session.payload);
        require(!was_gone_, "a session is back whose end was acknowledged");
      } else {
        require(of_->may_be_gone, "a session is absent that nobody ended");
        return finish();
      }
    }
    token_ = "w" + std::to_string(in_.next_token_++);
    const std::size_t what = creates_ ? 99 : below(in_.random_, 100);
    if (what < 4) {
      of_->may_be_gone = true;
      return on_.on->destroy(got.session, false, then<destroyed, &request::on_destroyed>());
    }
    commit_request wanted;
    std::string payload = got.session.payload;
    if (what >= 20) {  // else it only looks
      payload.pop_back();
      payload +=
          (payload.size() > 1 ? ",\"" : "\"") + (creates_ ? "n" + std::to_string(of_->number) : token_) + "\":1}";
      wanted.payload = std::move(payload);
      writes_ = true;
    }
    wanted.base = std::move(got.session);
    wanted.save = !writes_ && what < 10;
    was_gone_ = of_->is_gone;  // a write of it is the origin's to decide, whatever the cache says
    on_.on->commit(std::move(wanted), then<committed, &request::on_committed>());
  }

  // The payload is {"n<number>":1,"w1":1,…}.
  void look_at(const std::string& payload) {
    ++in_.seen_.found;
    in_.require(payload.find("\"n" + std::to_string(of_->number) + "\":") != std::string::npos,
                "a request got another session");
    for (const auto& one : promised_) {
      require(payload.find("\"" + one + "\":") != std::string::npos, "an update is missing that was acknowledged");
    }
  }

  void on_committed(committed&& got) {
    const bool stored = got.status == commit_status::stored || got.status == commit_status::merged;
    if (stored) {
      ++(got.status == commit_status::merged ? in_.seen_.merged : in_.seen_.stored);
      require(!was_gone_, "a session took a write whose end was acknowledged");
      if (creates_) of_->cookie = got.set_cookie.substr(0, got.set_cookie.find(';'));
      if (writes_ && !creates_) of_->promised[token_] = {&on_, in_.now_};
    } else if (got.status == commit_status::gone) {
      require(of_->may_be_gone, "a session is gone that nobody ended");
    } else if (got.status == commit_status::unknown) {
      ++in_.seen_.unknown;
    }
    if (creates_) of_->creating = false;
    finish();
  }

  void on_destroyed(destroyed&& got) {
    if (got.status != remove_status::unknown) {
      ++in_.seen_.ended;
      of_->is_gone = true;
    }
    finish();
  }

  world& in_;
  host& on_;
  const std::shared_ptr<session> of_;
  std::set<std::string> promised_;
  std::string token_;
  bool was_gone_ = false;
  bool creates_ = false;
  bool writes_ = false;
};

world::world(std::uint64_t seed, bool tiers)
    : random_(seed),
      server_(now_),
      network_(random_, server_),
      tiers_(tiers),
      cache_(now_),
      cache_network_(random_, cache_, 100'000) {
  for (std::size_t i = 0; i < host_count; ++i) hosts_.push_back(std::make_unique<host>(*this));
}

world::~world() {
  hosts_.clear();  // ends what is under way
}

void world::require(bool holds, const std::string& what) {
  if (!holds && violation_.empty()) violation_ = what + " (step " + std::to_string(seen_.steps) + ")";
}

bool world::run(std::uint64_t steps) {
  for (std::uint64_t i = 0; i < steps && violation_.empty(); ++i) step();
  if (violation_.empty()) settle();
  return violation_.empty();
}

wire* world::any_wire(network& on) {
  return on.wires.empty() ? nullptr : on.wires[below(random_, on.wires.size())].get();
}

void world::begin_request() {
  if (under_way_.size() >= most_requests) return;
  if (sessions_.size() < session_count) {
    auto made = std::make_shared<session>();
    made->number = next_token_++;
    sessions_.push_back(std::move(made));
  }
  const std::size_t at = below(random_, sessions_.size());
  const auto chosen = sessions_[at];
  if (chosen->cookie.empty() && std::exchange(chosen->creating, true)) return;
  // Looked at a little longer after its end, then another one takes its place.
  if ((chosen->may_be_gone || chosen->lost || chosen->promised.size() > most_tokens) && below(random_, 20) == 0) {
    sessions_.erase(sessions_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  (new request(*this, *hosts_[below(random_, hosts_.size())], chosen))->start();
}

void world::turn_all() {
  for (const auto& one : hosts_) one->driver.turn({&network_, &cache_network_});
}

void world::advance(duration_ms by) {
  now_ += by;
  for (const auto& one : hosts_) one->clock.advance(by);
  if (now_ >= thaws_at_) clear_up(network_, server_);
  if (now_ >= cache_thaws_at_) clear_up(cache_network_, cache_);
  turn_all();  // a loop's timers do not wait for the scheduler
}

// A replica takes over that has what the primary had some time ago.
void world::fail_over() {
  ++seen_.failovers;
  server_.stored = replica_;
  server_.forget_scripts();
  network_.reset_all();
  for (const auto& one : sessions_) one->lost = true;
  for (auto* const one : under_way_) one->lose();  // also of sessions that nobody asks for any more
}

void world::deliver(network& on) {
  auto* const at = any_wire(on);
  if (at == nullptr) return;
  if (at->now == wire::state::connecting && below(random_, 3) == 0) at->now = wire::state::open;
  on.deliver_to_server(*at);
  on.deliver_to_client(*at);
}

void world::clear_up(network& on, model_redis& at) { on.frozen = on.refusing = at.read_only = at.loading = false; }

// What a server does that fails, one of ten kinds.
void world::weather(network& on, model_redis& at, steady_ms& thaws_at) {
  const std::size_t what = below(random_, 20);
  const auto for_up_to = [&](std::size_t most) {
    thaws_at = now_ + 10 + static_cast<duration_ms>(below(random_, most));
  };
  if (what < 10) {
    if (auto* const broken = any_wire(on); broken != nullptr) {
      ++seen_.resets;
      on.reset(*broken);
    }
  } else if (what < 13) {
    on.frozen = true;
    for_up_to(600);
  } else if (what < 15) {
    on.refusing = true;
    on.reset_all();
    at.forget_scripts();
    for_up_to(400);
  } else if (what < 17) {
    (below(random_, 2) == 0 ? at.read_only : at.loading) = true;
    for_up_to(200);
  } else {
    at.forget_scripts();
  }
}

void world::step() {
  ++seen_.steps;
  deliver(network_);
  if (tiers_) deliver(cache_network_);
  const std::size_t what = below(random_, 10'000);
  if (what < 1500) {
    begin_request();
  } else if (what < 2500) {
    advance(1 + static_cast<duration_ms>(below(random_, what < 1600 ? longest_step : 2)));
  } else if (what < 2520) {
    const bool of_cache = tiers_ && below(random_, 2) == 0;
    of_cache ? weather(cache_network_, cache_, cache_thaws_at_) : weather(network_, server_, thaws_at_);
  } else if (tiers_ && what < 2522) {  // emptied, or restarted with nothing
    ++seen_.flushes;
    cache_.stored = {};
    if (below(random_, 2) == 0) cache_network_.reset_all();
    doubtful_until_ = now_ + longest_behind;
  } else if (tiers_ && what < 2530) {  // those who share a cache have clocks that agree
  } else if (what < 2530) {
    // A clock that is set: minutes, in a world of day-long sessions.
    hosts_[below(random_, hosts_.size())]->clock.advance(static_cast<duration_ms>(below(random_, 240'000)) - 120'000);
  } else if (what < 2531) {
    below(random_, 2) == 0 ? fail_over() : static_cast<void>(replica_ = server_.stored);
  } else {
    hosts_[below(random_, hosts_.size())]->driver.turn({&network_, &cache_network_});
  }
  if (seen_.steps % 256 == 0) {
    network_.drop_closed();
    cache_network_.drop_closed();
  }
}

// The weather clears: everything that was begun has to end.
void world::settle() {
  clear_up(network_, server_);
  clear_up(cache_network_, cache_);
  for (int i = 0; i < 10'000 && !under_way_.empty(); ++i) {
    for (auto* const on : {&network_, &cache_network_}) {
      for (const auto& one : on->wires) {
        if (one->now == wire::state::connecting) one->now = wire::state::open;
        on->deliver_to_server(*one);
        on->deliver_to_client(*one);
      }
    }
    advance(1);
  }
  require(under_way_.empty(), "requests have not ended: " + std::to_string(under_way_.size()));
}

}  // namespace coatcheck::simulation
