// The Redis store for the contract suite, against real servers: over TCP by the real clock, over TLS, and behind a
// near-cache; over a Unix socket with a clock that the test moves, and the same against a cluster of one, which refuses
// what touches two slots or a key that it was not told; on a cluster of three masters, and on a master that sentinels
// name.
#include <chrono>
#include <thread>
#include <utility>

#include "contract/remote_place.hpp"
#include "store/layers/near_cache.hpp"
#include "store/redis/changes.hpp"
#include "support/certificates.hpp"
#include "support/redis_server.hpp"
#include "support/redis_topology.hpp"

namespace coatcheck::contract {
namespace {

// One server for all tests of a process: each place has a prefix of its own.
coatcheck_test::redis_server& shared_server() {
  static coatcheck_test::redis_server server;
  return server;
}

struct tls_server {
  coatcheck_test::certificates papers;
  coatcheck_test::certificate_files own = papers.issue("server", {});
  coatcheck_test::redis_server server{{}, {{.cert = own.cert, .key = own.key, .ca = papers.authority()}}};
};
tls_server& shared_tls() {
  static tls_server made;
  return made;
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

class redis_place : public remote_place {
 public:
  std::string unavailable() const override {
    return coatcheck_test::redis_server::program().empty() ? "redis-server is not installed" : "";
  }

 protected:
  [[nodiscard]] std::string prefix() const { return own_name() + ":"; }
  [[nodiscard]] std::string parameters() const { return std::string("?") + patience + "&prefix=" + prefix(); }
};

class tcp_place final : public in_real_time<redis_place> {
 protected:
  std::string url() const override { return shared_server().url() + "/1" + parameters(); }
};

// As redis://…?near_cache= opens it. The suite asks that a client sees at once what another one wrote, which a
// near-cache does not promise: after each operation the place waits until every client was told of it.
class near_place final : public in_real_time<redis_place> {
 public:
  void run_until(const bool& done) override {
    redis_place::run_until(done);
    for (const auto& one : sources_) {
      one->ask_anew();
      while (one->listens() && one->told_until() == change_source::never) loop().run_once();
    }
    for (const auto& one : caches_) one->distrust_own();
  }

 protected:
  std::string url() const override { return shared_server().url() + "/1" + parameters(); }
  std::shared_ptr<store> behind(std::shared_ptr<store> made) override {
    net::redis_target target;
    target.where = [] { return net::endpoint{"127.0.0.1", static_cast<std::uint16_t>(shared_server().port()), {}}; };
    sources_.push_back(
        make_redis_changes(std::move(target), redis_names(prefix()), 60'000, {.timeout = 20'000}, loop()));
    caches_.push_back(std::make_shared<near_cache>(
        std::move(made), sources_.back(), near_cache_options{std::size_t{1} << 24, 60'000}, loop(), system_clock()));
    return caches_.back();
  }

 private:
  std::vector<std::shared_ptr<change_source>> sources_;
  std::vector<std::shared_ptr<near_cache>> caches_;
};

// In the layout of another package, whose deadlines are the server's own: by the real clock, to the second.
class layout_place final : public in_real_time<redis_place> {
 public:
  explicit layout_place(std::string layout) : layout_(std::move(layout)) {}
  void pass_time(duration_ms by) override { in_real_time::pass_time(by + 1000); }

 protected:
  std::string url() const override { return shared_server().url() + "/2" + parameters() + "&layout=" + layout_; }

 private:
  const std::string layout_;
};

class tls_place final : public in_own_time<redis_place> {
 protected:
  std::string url() const override {
    return shared_tls().server.url("localhost") + parameters() + "&ca=" + shared_tls().papers.authority();
  }
};

// `server`: which one, started when a test first needs it.
class unix_place final : public in_own_time<redis_place> {
 public:
  explicit unix_place(coatcheck_test::redis_server& (*server)(), std::string layers = {})
      : server_(server), layers_(std::move(layers)) {}

 protected:
  std::string url() const override { return layers_ + server_().unix_url() + parameters(); }

 private:
  coatcheck_test::redis_server& (*server_)();
  const std::string layers_;
};

// Several servers; `url`: of them, started when a test first needs them.
class topology_place final : public in_own_time<redis_place> {
 public:
  explicit topology_place(std::string (*of)()) : url_(of) {}

 protected:
  std::string url() const override { return url_() + parameters(); }

 private:
  std::string (*url_)();
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
const bool tls_registered = register_store({"redisTls", [] { return std::make_unique<tls_place>(); }});
const bool unix_registered = register_store({"redisUnix", [] { return std::make_unique<unix_place>(shared_server); }});
const bool encrypted_registered =
    register_store({"encryptedRedis", [] { return std::make_unique<unix_place>(shared_server, "encrypted:"); }});
const bool near_registered = register_store({"redisNear", [] { return std::make_unique<near_place>(); }});
const bool connect_registered =
    register_store({"redisConnect", [] { return std::make_unique<layout_place>("connect-redis"); }});
const bool flask_registered =
    register_store({"redisFlask", [] { return std::make_unique<layout_place>("flask-session"); }});
const bool cluster_registered =
    register_store({"redisCluster", [] { return std::make_unique<unix_place>(shared_cluster); }});

}  // namespace
}  // namespace coatcheck::contract
