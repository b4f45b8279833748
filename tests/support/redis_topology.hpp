// Real Redis topologies of a test's own, on free loopback ports: a master with replicas and sentinels, and a cluster.
// They die with the test.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/redis_server.hpp"

namespace coatcheck_test {

// Polls: the servers settle such things among themselves and tell nobody.
inline void await(const char* what, const std::function<bool()>& settled, int most_ms = 60'000) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(most_ms);
  while (!settled()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error(std::string("never came: ") + what);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

inline std::string port_of(const redis_server& server) { return std::to_string(server.port()); }

// One master, some replicas and three sentinels that call it "house".
class sentinel_setup {
 public:
  // `tls`: all of them speak it, also among themselves.
  explicit sentinel_setup(int replicas = 2, std::vector<std::string> more = {},
                          const std::optional<redis_server::tls_port>& tls = std::nullopt) {
    if (tls) more.insert(more.end(), {"--tls-replication", "yes"});
    servers.push_back(std::make_unique<redis_server>(more, tls));
    for (int i = 0; i < replicas; ++i) {
      auto words = more;
      words.insert(words.end(),
                   {"--replicaof", "127.0.0.1 " + port_of(*servers[0]), "--repl-diskless-sync-delay", "0"});
      servers.push_back(std::make_unique<redis_server>(words, tls));
    }
    servers[0]->command({"CONFIG", "SET", "repl-diskless-sync-delay", "0"});
    for (int i = 0; i < 3; ++i) {
      sentinels.push_back(std::make_unique<redis_server>(
          redis_server::sentinel{"sentinel monitor house 127.0.0.1 " + port_of(*servers[0]) +
                                     " 2\nsentinel down-after-milliseconds house 400\n"
                                     "sentinel failover-timeout house 3000\nsentinel parallel-syncs house 2\n",
                                 tls}));
    }
    await("replicas in step", [&] {
      return servers[0]->command({"INFO", "replication"}).find("connected_slaves:" + std::to_string(replicas)) !=
             std::string::npos;
    });
    for (std::size_t i = 1; i < servers.size(); ++i) {
      await("a replica's link", [&] {
        return servers[i]->command({"INFO", "replication"}).find("master_link_status:up") != std::string::npos;
      });
    }
    for (const auto& one : sentinels) {
      await("sentinels that know each other", [&] {
        const std::string info = one->command({"INFO", "sentinel"});
        return info.find("slaves=" + std::to_string(replicas) + ",sentinels=3") != std::string::npos &&
               info.find("status=ok") != std::string::npos;
      });
    }
  }

  // Of the sentinels with these indexes.
  [[nodiscard]] std::string url(const std::vector<std::size_t>& named = {0, 1, 2}, const std::string& scheme = "redis",
                                const std::string& host = "127.0.0.1") const {
    std::string hosts;
    for (const std::size_t i : named) hosts += (hosts.empty() ? "" : ",") + host + ":" + port_of(*sentinels[i]);
    return scheme + "+sentinel://" + hosts + "/house";
  }
  // The server that a sentinel calls the master now.
  [[nodiscard]] redis_server& master(std::size_t by = 0) const {
    const std::string said = sentinels[by]->command({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", "house"});
    for (const auto& one : servers) {
      if (said == "127.0.0.1\n" + port_of(*one) + "\n") return *one;
    }
    throw std::runtime_error("the sentinel names a stranger");
  }

  std::vector<std::unique_ptr<redis_server>> servers;  // the first one is the master at the beginning
  std::vector<std::unique_ptr<redis_server>> sentinels;
};

// Three masters, with a replica each where asked for.
class cluster_setup {
 public:
  explicit cluster_setup(bool replicas = true, std::vector<std::string> more = {},
                         const std::optional<redis_server::tls_port>& tls = std::nullopt) {
    if (tls) more.insert(more.end(), {"--tls-replication", "yes", "--tls-cluster", "yes"});
    const std::size_t count = replicas ? 6 : 3;
    for (std::size_t i = 0; i < count; ++i) {
      // Another process may have the port of the bus: then another server is tried.
      std::vector<std::string> words = {"--cluster-enabled",
                                        "yes",
                                        "--cluster-node-timeout",
                                        "1000",
                                        "--cluster-port",
                                        std::to_string(free_port()),
                                        "--repl-ping-replica-period",
                                        "1",
                                        "--repl-diskless-sync-delay",
                                        "0"};
      words.insert(words.end(), more.begin(), more.end());
      buses.push_back(words[5]);
      nodes.push_back(std::make_unique<redis_server>(words, tls));
    }
    const int bounds[] = {0, 5461, 10923, 16384};
    for (std::size_t i = 0; i < 3; ++i) {
      nodes[i]->command({"CLUSTER", "ADDSLOTSRANGE", std::to_string(bounds[i]), std::to_string(bounds[i + 1] - 1)});
      nodes[i]->command({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
    }
    for (std::size_t i = 1; i < count; ++i) {
      nodes[0]->command({"CLUSTER", "MEET", "127.0.0.1", port_of(*nodes[i]), buses[i]});
    }
    for (std::size_t i = 0; i < count; ++i) {
      await("nodes that know each other", [&] {
        const std::string known = nodes[i]->command({"CLUSTER", "NODES"});
        return static_cast<std::size_t>(std::count(known.begin(), known.end(), '\n')) == count &&
               known.find("handshake") == std::string::npos;
      });
    }
    for (std::size_t i = 3; i < count; ++i) {
      await("a replica", [&] { return nodes[i]->command({"CLUSTER", "REPLICATE", id(i - 3)}) == "OK"; });
    }
    for (std::size_t i = 0; i < count; ++i) {
      await("a cluster that is up", [&] {
        return nodes[i]->command({"CLUSTER", "INFO"}).find("cluster_state:ok") != std::string::npos;
      });
    }
    for (std::size_t i = 3; i < count; ++i) {
      await("a replica's link", [&] {
        return nodes[i]->command({"INFO", "replication"}).find("master_link_status:up") != std::string::npos;
      });
    }
    for (std::size_t i = 0; i < (replicas ? 3U : 0U); ++i) {
      await("replicas in the map", [&] {
        return nodes[0]->command({"CLUSTER", "SLOTS"}).find(id(i + 3)) != std::string::npos;
      });
    }
  }

  [[nodiscard]] std::string id(std::size_t index) const { return nodes[index]->command({"CLUSTER", "MYID"}); }
  [[nodiscard]] std::string url(const std::vector<std::size_t>& named = {0, 1}, const std::string& scheme = "redis",
                                const std::string& host = "127.0.0.1") const {
    std::string hosts;
    for (const std::size_t i : named) hosts += (hosts.empty() ? "" : ",") + host + ":" + port_of(*nodes[i]);
    return scheme + "+cluster://" + hosts;
  }

  std::vector<std::unique_ptr<redis_server>> nodes;  // masters, then their replicas in the same order
  std::vector<std::string> buses;
};

}  // namespace coatcheck_test
