// The scripts' texts. Names of keys: value (`s:`), owner mark (`w:`) and owner index (`o:`), see docs/formats.md.
#include "store/redis_script.hpp"

#include "crypto/digest.hpp"

namespace coatcheck {
namespace {

// state(): nil when the entry is absent or its time has come, else its header's deadline and etag; the deadline is
// -1 when the header is damaged. An owner's index loses a key with unlink(), and lives as long as its longest entry.
constexpr std::string_view prelude = R"lua(
local function state(key, now)
  local head = redis.call('GETRANGE', key, 0, 30)
  if head == '' and redis.call('EXISTS', key) == 0 then return nil end
  local at, tag = string.match(head, '^(%d+) ([0-9a-f]+) $')
  if not at or #at ~= 13 or #tag ~= 16 then return -1, '' end
  at = tonumber(at)
  if at <= tonumber(now) then return nil end
  return at, tag
end
local function unlink(indexes, owner, key)
  if owner then redis.call('ZREM', indexes .. owner, key) end
end
local function link(index, at, ttl, key)
  redis.call('ZADD', index, at, key)
  if redis.call('PTTL', index) < ttl then redis.call('PEXPIRE', index, ttl) end
end
)lua";

// KEYS value, owner mark. ARGV expectation ('any', 'absent' or an etag), now, ms to live, envelope, owner's digest
// or '', prefix of indexes, key. Answers 1 (stored), 0 (gone) or the value that is in the way.
constexpr std::string_view put = R"lua(
local at, tag = state(KEYS[1], ARGV[2])
if ARGV[1] == 'absent' then
  if at then return redis.call('GET', KEYS[1]) end
elseif ARGV[1] ~= 'any' then
  if not at then return 0 end
  if tag ~= ARGV[1] then return redis.call('GET', KEYS[1]) end
end
local ttl = tonumber(ARGV[3])
local old = redis.call('GET', KEYS[2])
if ttl <= 0 then
  unlink(ARGV[6], old, ARGV[7])
  redis.call('DEL', KEYS[1], KEYS[2])
  return 1
end
redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[3])
if old ~= ARGV[5] then unlink(ARGV[6], old, ARGV[7]) end
if ARGV[5] ~= '' then
  local index = ARGV[6] .. ARGV[5]
  redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[3])
  redis.call('ZREMRANGEBYSCORE', index, '-inf', ARGV[2])
  link(index, string.sub(ARGV[4], 1, 13), ttl, ARGV[7])
elseif old then
  redis.call('DEL', KEYS[2])
end
return 1
)lua";

// KEYS value, owner mark. ARGV now, new deadline (13 digits), ms to live, prefix of indexes, key.
// Answers 1 (touched), 0 (gone) or -1 (damaged).
constexpr std::string_view touch = R"lua(
local at = state(KEYS[1], ARGV[1])
if not at then return 0 end
if at < 0 then return -1 end
local ttl = tonumber(ARGV[3])
local owner = redis.call('GET', KEYS[2])
if ttl <= 0 then
  unlink(ARGV[4], owner, ARGV[5])
  redis.call('DEL', KEYS[1], KEYS[2])
  return 1
end
redis.call('SETRANGE', KEYS[1], 0, ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if owner then
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
  link(ARGV[4] .. owner, ARGV[2], ttl, ARGV[5])
end
return 1
)lua";

// KEYS value, owner mark. ARGV now, prefix of indexes, key. Answers 1 (removed) or 0 (absent).
// What can't be read goes, too: a damaged header, or a value of another type, on which state() raises.
constexpr std::string_view remove = R"lua(
local read, at = pcall(state, KEYS[1], ARGV[1])
unlink(ARGV[2], redis.call('GET', KEYS[2]), ARGV[3])
redis.call('DEL', KEYS[1], KEYS[2])
return (at or not read) and 1 or 0
)lua";

// KEYS index. ARGV now, prefix of values. Answers the keys that are live, and drops the others from the index.
constexpr std::string_view owned_by = R"lua(
local live = {}
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if state(ARGV[2] .. key, ARGV[1]) then
    live[#live + 1] = key
  else
    redis.call('ZREM', KEYS[1], key)
  end
end
return live
)lua";

// KEYS index. ARGV now, prefix of values, prefix of owner marks, key to spare or ''. Answers how many were live.
constexpr std::string_view remove_owner = R"lua(
local removed = 0
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if key ~= ARGV[4] then
    if state(ARGV[2] .. key, ARGV[1]) then removed = removed + 1 end
    redis.call('DEL', ARGV[2] .. key, ARGV[3] .. key)
    redis.call('ZREM', KEYS[1], key)
  end
end
return removed
)lua";

// ARGV now, prefix of values, its glob pattern, cursor, count. Answers the next cursor and the live keys.
constexpr std::string_view scan = R"lua(
local page = redis.call('SCAN', ARGV[4], 'MATCH', ARGV[3], 'COUNT', ARGV[5])
local live = {}
for _, name in ipairs(page[2]) do
  if redis.call('TYPE', name).ok == 'string' and state(name, ARGV[1]) then
    live[#live + 1] = string.sub(name, #ARGV[2] + 1)
  end
end
return {page[1], live}
)lua";

// As scan, but answers the next cursor, how many are live, and the bytes of their names and values.
constexpr std::string_view stats = R"lua(
local page = redis.call('SCAN', ARGV[4], 'MATCH', ARGV[3], 'COUNT', ARGV[5])
local count, bytes = 0, 0
for _, name in ipairs(page[2]) do
  if redis.call('TYPE', name).ok == 'string' and state(name, ARGV[1]) then
    count = count + 1
    bytes = bytes + #name + redis.call('STRLEN', name)
  end
end
return {page[1], count, bytes}
)lua";

redis_script make(std::string_view body, net::on_loss on_loss = net::on_loss::fail) {
  std::string text = std::string(prelude).append(body);
  std::string digest = crypto::sha1_hex(text);
  return {std::move(text), std::move(digest), on_loss};
}

}  // namespace

const redis_scripts& scripts() {
  constexpr auto reads = net::on_loss::ask_again;
  static const redis_scripts all{make(put),          make(touch),       make(remove),      make(owned_by, reads),
                                 make(remove_owner), make(scan, reads), make(stats, reads)};
  return all;
}

}  // namespace coatcheck
