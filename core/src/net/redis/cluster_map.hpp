// What a Redis cluster says of itself: CLUSTER SLOTS, and the redirections MOVED and ASK. Read strictly: a server may
// say anything.
//
// Thread safety: pure functions, plain values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/endpoint.hpp"
#include "net/redis/reply.hpp"

namespace coatcheck::net {

struct cluster_map {
  struct node {
    endpoint at;
    std::string id;                    // of the node, 40 hex digits; empty: the server is older than 4.0
    std::vector<endpoint> replicas{};  // of a master
  };
  struct range {
    unsigned first = 0;  // slots, both included
    unsigned last = 0;
    std::size_t master = 0;  // index in masters
  };
  std::vector<node> masters;
  std::vector<endpoint> replicas;
  std::vector<range> ranges;  // not overlapping; holes are possible
};

// `by`: who said so; a node without a host is where that one is. False: it is no map, or one that contradicts itself.
[[nodiscard]] bool parse_cluster_slots(reply_view root, const endpoint& by, cluster_map& out);

struct redirection {
  unsigned slot = 0;
  endpoint to;
};
// "MOVED 3999 127.0.0.1:6381"; a host may be missing (it is the one that said so) or be an IPv6 address as it is.
[[nodiscard]] std::optional<redirection> parse_redirection(std::string_view text, const endpoint& by);

}  // namespace coatcheck::net
