// From a URL of several servers to a way to Redis.
#include "store/redis/topology.hpp"

#include <algorithm>
#include <utility>

#include "net/redis/cluster.hpp"
#include "net/redis/sentinel.hpp"

namespace coatcheck {
namespace {

constexpr std::uint16_t default_node_port = 6379;
constexpr std::uint16_t default_sentinel_port = 26379;
constexpr std::size_t max_master_name = 256;

error bad_topology(std::string message) { return {errc::invalid_url, "store URL: " + std::move(message)}; }

std::vector<net::endpoint> endpoints(const parsed_url& url, std::uint16_t usual_port) {
  std::vector<net::endpoint> out;
  for (const host_and_port& one : url.hosts) {
    const net::endpoint at{one.host, one.port == 0 ? usual_port : one.port, {}};
    if (!one.host.empty() && std::find(out.begin(), out.end(), at) == out.end()) out.push_back(at);
  }
  return out;
}

result<bool> reads_replicas(const parsed_url& url) {
  const auto given = url.parameter("read_from").value_or("master");
  if (given != "master" && given != "replica") return bad_topology("read_from must be master or replica");
  if (given == "replica" && url.parameter("layout"))
    return bad_topology("read_from=replica is not for records of another package (layout=)");
  return given == "replica";
}

}  // namespace

result<std::shared_ptr<net::redis_route>> open_redis_sentinel(const parsed_url& url, net::redis_target as,
                                                              const net::link_options& chosen, driver& loop) {
  net::sentinel_target target;
  target.sentinels = endpoints(url, default_sentinel_port);
  if (target.sentinels.empty())
    return bad_topology(url.scheme + ": needs a sentinel, as in " + url.scheme + "://10.0.0.1:26379/mymaster");
  const std::string_view name = std::string_view(url.path).substr(url.path.empty() ? 0 : 1);
  if (name.empty() || name.size() > max_master_name ||
      std::any_of(name.begin(), name.end(), [](char c) { return c <= ' ' || c > '~' || c == '/'; }))
    return bad_topology(url.scheme + ": needs the master's name as its path, as in " + url.scheme +
                        "://10.0.0.1:26379/mymaster (the database is ?db=N)");
  target.master = name;
  target.sentinel_user = url.parameter("sentinel_user").value_or("");
  target.sentinel_password = url.parameter("sentinel_password").value_or("");
  if (url.parameter("sentinel_password") ? target.sentinel_password.empty() : !target.sentinel_user.empty())
    return bad_topology("sentinel_user needs a sentinel_password");
  // Sentinels are spoken to as their master is, unless the URL says that they listen without TLS.
  const auto tls = url.flag("sentinel_tls", true);
  if (!tls) return tls.error();
  target.sentinel_transport = *tls ? chosen.make_transport : net::make_socket_transport;
  const auto replicas = reads_replicas(url);
  if (!replicas) return replicas.error();
  target.read_replicas = *replicas;
  target.data = std::move(as);
  return std::shared_ptr<net::redis_route>(net::redis_sentinel::create(std::move(target), chosen, loop));
}

result<std::shared_ptr<net::redis_route>> open_redis_cluster(const parsed_url& url, net::redis_target as,
                                                             const net::link_options& chosen, driver& loop) {
  net::cluster_target target;
  target.nodes = endpoints(url, default_node_port);
  if (target.nodes.empty())
    return bad_topology(url.scheme + ": needs a node, as in " + url.scheme + "://10.0.0.1:6379,10.0.0.2:6379");
  if (as.database != 0) return bad_topology("a Redis cluster has database 0 alone");
  const auto replicas = reads_replicas(url);
  if (!replicas) return replicas.error();
  target.read_replicas = *replicas;
  target.as = std::move(as);
  return std::shared_ptr<net::redis_route>(net::redis_cluster::create(std::move(target), chosen, loop));
}

result<void> check_cluster_prefix(std::string_view prefix) {
  const auto open = prefix.find('{');
  if (open == std::string_view::npos) return {};
  const auto close = prefix.find('}', open);
  if (close == std::string_view::npos || close == open + 1)
    return bad_topology("on a Redis cluster a '{' in the prefix must begin a hash tag, as in {sessions}:");
  return {};
}

}  // namespace coatcheck
