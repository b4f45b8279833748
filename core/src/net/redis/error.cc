// The code words of Redis' error replies, each with what an operator should do about it.
#include "net/redis/error.hpp"

#include <algorithm>

namespace coatcheck::net {
namespace {

struct row {
  std::string_view word;
  std::string_view message;
};

constexpr std::string_view unknown_command = "ERR unknown command";

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
    {unknown_command, "this Redis does not know a command that is needed (renamed, or older than Redis 5)"},
};

// Commands that a service or an ACL may withhold: which one it is, and what works without it.
struct withheld {
  std::string_view command;  // in lower case
  std::string_view forbidden;
  std::string_view unknown;
};
constexpr withheld known_commands[] = {
    {"evalsha",
     "Redis' ACL does not allow this user EVALSHA (NOPERM): sessions can be read, but neither stored nor removed; give "
     "it +evalsha +eval",
     "this Redis has no EVALSHA (renamed, or withheld by its service): sessions can be read, but neither stored nor "
     "removed"},
    {"eval",
     "Redis' ACL does not allow this user EVAL (NOPERM): sessions can be read, but neither stored nor removed; give it "
     "+evalsha +eval",
     "this Redis has no EVAL (renamed, or withheld by its service): sessions can be read, but neither stored nor "
     "removed"},
    {"get", "Redis' ACL does not allow this user GET (NOPERM): no session can be read; give it +get",
     "this Redis has no GET (renamed): no session can be read"},
    {"scan",
     "Redis' ACL does not allow this user SCAN (NOPERM): sessions cannot be listed or counted, all else works; give it "
     "+scan",
     "this Redis has no SCAN (renamed, or withheld by its service): sessions cannot be listed or counted, all else "
     "works"},
    {"zrange",
     "Redis' ACL does not allow this user ZRANGE (NOPERM): the sessions of an owner cannot be found, all else works; "
     "give it +zrange +zrem",
     "this Redis has no ZRANGE (renamed): the sessions of an owner cannot be found, all else works"},
    {"ping", "Redis' ACL does not allow this user PING (NOPERM): the store's health is not known, all else works",
     "this Redis has no PING (renamed): the store's health is not known, all else works"},
};

bool same_command(std::string_view given, std::string_view lower) noexcept {
  return std::equal(given.begin(), given.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; });
}

// The command that stands in quotes (' or `) right behind `before`; null: none of those above. What else the text
// quotes may be arguments.
const withheld* command_behind(std::string_view text, std::string_view before) noexcept {
  const auto at = text.find(before);
  if (at == std::string_view::npos) return nullptr;
  text.remove_prefix(at + before.size());
  if (text.empty() || (text.front() != '\'' && text.front() != '`')) return nullptr;
  const char quote = text.front();
  text.remove_prefix(1);
  const auto name = text.substr(0, text.find(quote));
  const auto* const found = std::find_if(std::begin(known_commands), std::end(known_commands),
                                         [&](const withheld& one) { return same_command(name, one.command); });
  return found == std::end(known_commands) ? nullptr : found;
}

constexpr row known[] = {
    {"NOAUTH", "Redis wants a password (NOAUTH): put user:password@ into the store's URL"},
    {"WRONGPASS", "Redis refused the user or password (WRONGPASS): check the store's URL"},
    {"NOPERM", "Redis' ACL does not allow this user the command or key (NOPERM)"},
    {"READONLY",
     "this Redis server is a read-only replica (READONLY): name the primary, or its sentinels, in the store's URL"},
    {"OOM", "Redis has no memory left (OOM): raise maxmemory"},
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
  // "User app has no permissions to run the 'evalsha' command" (7), "this user has no …" (6).
  if (text.starts_with("NOPERM ")) {
    if (const withheld* const one = command_behind(text, " permissions to run the ")) return {"NOPERM", one->forbidden};
  }
  if (text.starts_with(unknown_command)) {
    if (const withheld* const one = command_behind(text, "ERR unknown command "))
      return {unknown_command, one->unknown};
  }
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
