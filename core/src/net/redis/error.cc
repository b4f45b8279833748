// The code words of Redis' error replies, each with what an operator should do about it.
#include "net/redis/error.hpp"

#include <algorithm>

namespace coatcheck::net {
namespace {

struct row {
  std::string_view word;
  std::string_view message;
};

// Errors whose code word is ERR, told apart by how their text begins (Redis 5 to 8).
constexpr row known_texts[] = {
    {"ERR DB index is out of range",
     "the database number in the store's URL is out of range: see `databases` in redis.conf"},
    {"ERR invalid DB index", "the database number in the store's URL is out of range: see `databases` in redis.conf"},
    {"ERR SELECT is not allowed",
     "this Redis has database 0 alone (a cluster, or a proxy): leave the number out of the URL"},
    {"ERR AUTH", "this Redis has no password for the default user: take it out of the store's URL, or name a user"},
    {"ERR Client sent AUTH", "this Redis has no password: take it out of the store's URL"},
    {"ERR This instance has cluster support disabled",
     "this Redis is not a cluster: write redis:// in place of redis+cluster:// in the store's URL"},
    {"ERR max number of clients reached", "Redis has as many clients as it takes: raise maxclients"},
    {"ERR unknown command", "this Redis does not know a command that is needed (renamed, or older than Redis 5)"},
};

constexpr row known[] = {
    {"NOAUTH", "Redis wants a password (NOAUTH): put user:password@ into the store's URL"},
    {"WRONGPASS", "Redis refused the user or password (WRONGPASS): check the store's URL"},
    {"NOPERM", "Redis' ACL does not allow this user the command or key (NOPERM)"},
    {"READONLY",
     "this Redis server is a read-only replica (READONLY): name the primary, or its sentinels, in the store's URL"},
    {"OOM", "Redis has no memory left (OOM): raise maxmemory or let it evict"},
    {"MISCONF", "Redis cannot save its data and refuses writes (MISCONF): see the server's log"},
    {"LOADING", "Redis is still loading its data (LOADING)"},
    {"BUSY", "Redis is busy with another script (BUSY)"},
    {"MASTERDOWN", "this Redis replica has lost its primary (MASTERDOWN)"},
    {"NOREPLICAS", "Redis has too few replicas to accept a write (NOREPLICAS)"},
    {"CLUSTERDOWN", "the Redis cluster is down (CLUSTERDOWN)"},
    {"MOVED", "this Redis server is part of a cluster (MOVED): write redis+cluster:// in the store's URL"},
    {"ASK", "this Redis server is part of a cluster (ASK): write redis+cluster:// in the store's URL"},
    {"CROSSSLOT", "a command's keys are in different slots of the Redis cluster (CROSSSLOT)"},
    {"TRYAGAIN", "the Redis cluster is moving this key (TRYAGAIN)"},
    {"WRONGTYPE", "a key of this store holds another Redis type (WRONGTYPE): something else uses the prefix"},
    {"NOSCRIPT", "Redis does not know the script (NOSCRIPT)"},
    {"EXECABORT", "Redis dropped the transaction (EXECABORT)"},
    {"NOPROTO", "Redis refused the protocol version (NOPROTO)"},
};

}  // namespace

redis_refusal classify_redis_error(std::string_view text) noexcept {
  for (const row& one : known_texts) {
    if (text.starts_with(one.word)) {
      return {one.word, one.message};
    }
  }
  const std::string_view word = text.substr(0, text.find(' '));
  const auto* const found =
      std::find_if(std::begin(known), std::end(known), [&](const row& candidate) { return candidate.word == word; });
  if (found != std::end(known)) {
    return {found->word, found->message};
  }
  return {{}, "Redis refused the operation with an error of its own: see the server's log and ACL"};
}

}  // namespace coatcheck::net
