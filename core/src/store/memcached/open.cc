// From a Memcached URL to a store: nodes, weights, names and limits.
#include <algorithm>
#include <charconv>
#include <utility>

#include "store/memcached/make.hpp"
#include "store/memcached/nodes.hpp"
#include "store/memcached/store.hpp"
#include "store/tls_parameters.hpp"

namespace coatcheck {
namespace {

constexpr std::uint16_t memcached_port = 11211;
constexpr std::size_t most_nodes = 256;
constexpr std::uint32_t largest_weight = 1000;
constexpr std::size_t longest_prefix = 64;
constexpr std::size_t longest_login_word = 120;

error bad_url(const char* what) { return {errc::invalid_url, std::string("store URL: ") + what}; }

result<std::vector<ring_node>> nodes_of(const parsed_url& url) {
  if (url.host.empty()) return bad_url("memcached: needs a host, as in memcached://10.0.0.1,10.0.0.2:11212");
  if (url.hosts.size() > most_nodes) return bad_url("more than 256 hosts");
  if (!url.path.empty() && url.path != "/") return bad_url("memcached: takes no path: write ?prefix= for names apart");
  std::vector<ring_node> nodes;
  for (const auto& host : url.hosts) {
    ring_node one{host.host, host.port == 0 ? memcached_port : host.port, 1};
    const auto same = [&](const ring_node& other) { return other.host == one.host && other.port == one.port; };
    if (std::any_of(nodes.begin(), nodes.end(), same)) return bad_url("a host is named twice");
    nodes.push_back(std::move(one));
  }
  return nodes;
}

// Empty: the URL names nobody.
result<std::string> login_of(const parsed_url& url) {
  if (url.user.empty() && !url.has_password) return std::string();
  const auto plain = [](std::string_view text) {
    return !text.empty() && text.size() <= longest_login_word && text.find(' ') == std::string_view::npos;
  };
  if (!plain(url.user) || !plain(url.password)) {  // control characters are in no URL's parts
    return bad_url("memcached: a login is user:password, each of 1 to 120 bytes without a space");
  }
  return net::memcached_login(url.user, url.password);
}

result<void> take_weights(std::string_view text, std::vector<ring_node>& nodes) {
  for (auto& node : nodes) {
    const auto comma = text.find(',');
    const auto one = text.substr(0, comma);
    const auto [end, failed] = std::from_chars(one.data(), one.data() + one.size(), node.weight);
    const bool last = &node == &nodes.back();
    if (failed != std::errc() || end != one.data() + one.size() || node.weight == 0 || node.weight > largest_weight ||
        last != (comma == std::string_view::npos)) {
      return bad_url("weights must be a whole number from 1 to 1000 for each host, with commas between");
    }
    if (!last) text.remove_prefix(comma + 1);
  }
  return {};
}

}  // namespace

result<std::shared_ptr<store>> open_memcached_store(const parsed_url& url, const store_options& options) {
  if (options.loop == nullptr) {
    return {errc::invalid_option, "a Memcached store needs an event loop (store_options::loop)"};
  }
  std::vector<std::string_view> known = {"timeout", "prefix", "queue", "weights", "failover"};
  const bool secure = url.scheme == memcached_tls_scheme;
  if (secure) known.insert(known.end(), std::begin(tls_parameters), std::end(tls_parameters));
  if (auto all_known = url.only(known); !all_known) return all_known.error();
  const auto timeout = url.number("timeout", 250, 1, 60'000);
  if (!timeout) return timeout.error();
  const auto queue = url.number("queue", 16'384, 1, 1'000'000);
  if (!queue) return queue.error();
  const std::string_view prefix = url.parameter("prefix").value_or("cc:");
  if (prefix.size() > longest_prefix ||
      std::any_of(prefix.begin(), prefix.end(), [](char c) { return c <= ' ' || c > '~'; })) {
    return bad_url("prefix must be at most 64 printable ASCII characters without a space");
  }
  const std::string_view failover = url.parameter("failover").value_or("unknown");
  if (failover != "unknown" && failover != "move") return bad_url("failover must be unknown or move");
  auto nodes = nodes_of(url);
  if (!nodes) return nodes.error();
  if (const auto weights = url.parameter("weights")) {
    if (auto taken = take_weights(*weights, *nodes); !taken) return taken.error();
  }
  auto login = login_of(url);
  if (!login) return login.error();
  net::link_options chosen;
  if (secure) {
    auto transports = tls_of(url);
    if (!transports) return transports.error();
    chosen.make_transport = *std::move(transports);
  }
  chosen.timeout = static_cast<duration_ms>(*timeout);
  chosen.queue = static_cast<std::size_t>(*queue);
  return make_memcached_store(std::make_unique<memcached_nodes>(
      *nodes, *login, chosen, failover == "move" ? memcached_failover::move : memcached_failover::unknown, prefix,
      options.time != nullptr ? *options.time : system_clock(), *options.loop));
}

}  // namespace coatcheck
