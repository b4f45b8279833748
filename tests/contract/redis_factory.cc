// The Redis store for the contract suite, against real servers: over TCP by the real clock; over a Unix socket with a
// clock that the test moves, and the same against a cluster of one, which refuses what touches two slots or a key that
// it was not told; on a cluster of three masters, and on a master that sentinels name.
#include <chrono>
#include <stdexcept>
#include <thread>

#include "coatcheck/event_loop.hpp"

#include "contract/store_contract.hpp"
#include "support/redis_server.hpp"
#include "support/redis_topology.hpp"

namespace coatcheck::contract {
namespace {

// One server for all tests of a process: each place has a prefix of its own.
coatcheck_test::redis_server& shared_server() {
  static coatcheck_test::redis_server server;
  return server;
}

// A server in cluster mode that has all slots.
coatcheck_test::redis_server& shared_cluster() {
  static coatcheck_test::redis_server server({"--cluster-enabled", "yes"});
  static const bool ready = [] {
    std::vector<std::string> words = {"CLUSTER", "ADDSLOTS"};
    for (int slot = 0; slot < 16384; ++slot) words.push_back(std::to_string(slot));
    server.command({words.begin(), words.end()});
    while (server.command({"CLUSTER", "INFO"}).find("cluster_state:ok") == std::string::npos) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }();
  (void)ready;
  return server;
}

class redis_place : public store_place {
 public:
  ~redis_place() override {
    for (const auto& one : opened_) one->close();  // before the loop goes
  }
  std::string unavailable() const override {
    return coatcheck_test::redis_server::program().empty() ? "redis-server is not installed" : "";
  }
  std::shared_ptr<store> open() override {
    auto made = open_store(url(), {time(), &loop_});
    if (!made) throw std::runtime_error(made.error().message);
    opened_.push_back(*made);
    return *std::move(made);
  }
  void run_until(const bool& done) override { EXPECT_TRUE(loop_.run_until(done)); }

 protected:
  [[nodiscard]] virtual std::string url() const = 0;
  [[nodiscard]] virtual const clock* time() const = 0;
  // The suite asks for the outcome, not for speed: the machine may be busy. It submits thousands of operations at once.
  [[nodiscard]] std::string parameters() const {
    return "?timeout=20000&queue=100000&prefix=t" + std::to_string(number_) + ":";
  }

 private:
  static int next_number() {
    static int last = 0;
    return ++last;
  }
  int number_ = next_number();
  event_loop loop_;
  std::vector<std::shared_ptr<store>> opened_;
};

class tcp_place final : public redis_place {
 public:
  epoch_ms now() const override { return system_clock().now(); }
  void pass_time(duration_ms by) override { std::this_thread::sleep_for(std::chrono::milliseconds(by)); }

 protected:
  std::string url() const override { return shared_server().url() + "/1" + parameters(); }
  const clock* time() const override { return nullptr; }
};

// `server`: which one, started when a test first needs it.
class unix_place final : public redis_place {
 public:
  explicit unix_place(coatcheck_test::redis_server& (*server)()) : server_(server) {}
  epoch_ms now() const override { return clock_.now(); }
  void pass_time(duration_ms by) override { clock_.advance(by); }

 protected:
  std::string url() const override { return server_().unix_url() + parameters(); }
  const clock* time() const override { return &clock_; }

 private:
  coatcheck_test::redis_server& (*server_)();
  manual_clock clock_;
};

// Several servers; `url`: of them, started when a test first needs them.
class topology_place final : public redis_place {
 public:
  explicit topology_place(std::string (*of)()) : url_(of) {}
  epoch_ms now() const override { return clock_.now(); }
  void pass_time(duration_ms by) override { clock_.advance(by); }

 protected:
  std::string url() const override { return url_() + parameters(); }
  const clock* time() const override { return &clock_; }

 private:
  std::string (*url_)();
  manual_clock clock_;
};

std::string shared_masters() {
  static const coatcheck_test::cluster_setup cluster(false);
  return cluster.url();
}
std::string shared_sentinels() {
  static const coatcheck_test::sentinel_setup setup(1);
  return setup.url();
}

const bool masters_registered =
    register_store({"redisClusterOfThree", [] { return std::make_unique<topology_place>(shared_masters); }});
const bool sentinels_registered =
    register_store({"redisSentinels", [] { return std::make_unique<topology_place>(shared_sentinels); }});
const bool tcp_registered = register_store({"redis", [] { return std::make_unique<tcp_place>(); }});
const bool unix_registered = register_store({"redisUnix", [] { return std::make_unique<unix_place>(shared_server); }});
const bool cluster_registered =
    register_store({"redisCluster", [] { return std::make_unique<unix_place>(shared_cluster); }});

}  // namespace
}  // namespace coatcheck::contract
