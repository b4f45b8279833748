// The code words of Redis' error replies, each with what an operator should do about it.
#include "net/redis_error.hpp"

#include <algorithm>

namespace coatcheck::net {
namespace {

struct row {
  std::string_view word;
  std::string_view message;
};

constexpr row known[] = {
    {"NOAUTH", "Redis wants a password (NOAUTH): put user:password@ into the store's URL"},
    {"WRONGPASS", "Redis refused the user or password (WRONGPASS): check the store's URL"},
    {"NOPERM", "Redis' ACL does not allow this user the command or key (NOPERM)"},
    {"READONLY", "this Redis server is a read-only replica (READONLY): name the primary in the store's URL"},
    {"OOM", "Redis has no memory left (OOM): raise maxmemory or let it evict"},
    {"MISCONF", "Redis cannot save its data and refuses writes (MISCONF): see the server's log"},
    {"LOADING", "Redis is still loading its data (LOADING)"},
    {"BUSY", "Redis is busy with another script (BUSY)"},
    {"MASTERDOWN", "this Redis replica has lost its primary (MASTERDOWN)"},
    {"NOREPLICAS", "Redis has too few replicas to accept a write (NOREPLICAS)"},
    {"CLUSTERDOWN", "the Redis cluster is down (CLUSTERDOWN)"},
    {"MOVED", "this Redis server is part of a cluster (MOVED), which is not supported"},
    {"ASK", "this Redis server is part of a cluster (ASK), which is not supported"},
    {"CROSSSLOT", "this Redis server is part of a cluster (CROSSSLOT), which is not supported"},
    {"TRYAGAIN", "the Redis cluster is moving this key (TRYAGAIN)"},
    {"WRONGTYPE", "a key of this store holds another Redis type (WRONGTYPE): something else uses the prefix"},
    {"NOSCRIPT", "Redis does not know the script (NOSCRIPT)"},
    {"EXECABORT", "Redis dropped the transaction (EXECABORT)"},
    {"NOPROTO", "Redis refused the protocol version (NOPROTO)"},
};

}  // namespace

redis_refusal classify_redis_error(std::string_view text) noexcept {
  const std::string_view word = text.substr(0, text.find(' '));
  const auto* const found =
      std::find_if(std::begin(known), std::end(known), [&](const row& candidate) { return candidate.word == word; });
  if (found != std::end(known)) {
    return {found->word, found->message};
  }
  return {{}, "Redis refused the operation with an error of its own: see the server's log and ACL"};
}

}  // namespace coatcheck::net
