// The scripts' texts. Names of keys: value (`s:`), owner mark (`w:`) and owner index (`o:`), see docs/formats.md.
#include "store/redis/script.hpp"

#include "crypto/digest.hpp"

namespace coatcheck {
namespace {

// state(): nil when the entry is absent or its time has come, else its header's deadline and etag; the deadline is
// -1 when the header is damaged.
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
)lua";

// KEYS value, owner mark. ARGV now, expectation ('any', 'absent' or an etag), ms to live, envelope, owner's digest or
// ''. Answers 1 (stored), 0 (gone) or the value that is in the way. A session that had an owner and has none keeps an
// empty mark: a mark that is missing was evicted, and says nothing.
constexpr std::string_view put = R"lua(
local at, tag = state(KEYS[1], ARGV[1])
if ARGV[2] == 'absent' then
  if at then return redis.call('GET', KEYS[1]) end
elseif ARGV[2] ~= 'any' then
  if not at then return 0 end
  if tag ~= ARGV[2] then return redis.call('GET', KEYS[1]) end
end
if tonumber(ARGV[3]) <= 0 then
  redis.call('DEL', KEYS[1], KEYS[2])
  return 1
end
redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[3])
if ARGV[5] ~= '' or redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[3])
end
return 1
)lua";

// KEYS value, owner mark. ARGV now, new deadline (13 digits), ms to live.
// Answers the owner's digest or 1 (touched), 0 (gone) or -1 (damaged).
constexpr std::string_view touch = R"lua(
local at = state(KEYS[1], ARGV[1])
if not at then return 0 end
if at < 0 then return -1 end
if tonumber(ARGV[3]) <= 0 then
  redis.call('DEL', KEYS[1], KEYS[2])
  return 1
end
redis.call('SETRANGE', KEYS[1], 0, ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
local owner = redis.call('GET', KEYS[2])
if owner and owner ~= '' then return owner end
return 1
)lua";

// KEYS value, owner mark. ARGV now. Answers the owner's digest or 1 (removed), or 0 (absent).
// What can't be read goes, too: a damaged header, or a value of another type, on which state() raises.
constexpr std::string_view remove = R"lua(
local read, at = pcall(state, KEYS[1], ARGV[1])
local owner = redis.call('GET', KEYS[2])
redis.call('DEL', KEYS[1], KEYS[2])
if read and not at then return 0 end
if owner and owner ~= '' then return owner end
return 1
)lua";

// KEYS index. ARGV key, its deadline (13 digits), ms to live, now. What no write or touch has renewed for two lifetimes
// is gone; the index itself goes with it.
constexpr std::string_view link_key = R"lua(
local keep = 2 * tonumber(ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', tonumber(ARGV[4]) - keep))
if redis.call('PTTL', KEYS[1]) < keep then redis.call('PEXPIRE', KEYS[1], keep) end
return 1
)lua";

// KEYS index. ARGV now, keys that were found absent. Drops those whose deadline has come; of another one the write may
// be on its way.
constexpr std::string_view unlink_keys = R"lua(
for i = 2, #ARGV do
  local at = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if at and tonumber(at) <= tonumber(ARGV[1]) then redis.call('ZREM', KEYS[1], ARGV[i]) end
end
return 1
)lua";

// KEYS value, owner mark. ARGV now. Answers whose a session is: a digest ('': nobody's), 1 (not known: its mark was
// evicted), or 0 (absent).
constexpr std::string_view owner_of = R"lua(
if not state(KEYS[1], ARGV[1]) then return 0 end
return redis.call('GET', KEYS[2]) or 1
)lua";

// KEYS value, owner mark. ARGV now, owner's digest. Removes the session if it is that owner's, as far as is known.
// Answers 1 (removed) or 0 (absent, or another's).
constexpr std::string_view remove_owned = R"lua(
local read, at = pcall(state, KEYS[1], ARGV[1])
local owner = redis.call('GET', KEYS[2])
if owner and owner ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
return (at or not read) and 1 or 0
)lua";

// KEYS value. ARGV now. Answers the bytes of a live value, or -1.
constexpr std::string_view measure = R"lua(
if not state(KEYS[1], ARGV[1]) then return -1 end
return redis.call('STRLEN', KEYS[1])
)lua";

// KEYS value. ARGV expectation ('any', 'absent' or the first 20 digits of a value's SHA-1), seconds to live ('': for
// ever; of 0 or less: the value goes), value. Answers 1 (stored), 0 (gone) or the value that is in the way, with its
// PTTL.
constexpr std::string_view put_plain = R"lua(
if ARGV[1] ~= 'any' then
  local there = redis.call('GET', KEYS[1])
  if ARGV[1] ~= 'absent' and not there then return 0 end
  if there and string.sub(redis.sha1hex(there), 1, 20) ~= ARGV[1] then
    return {there, redis.call('PTTL', KEYS[1])}
  end
end
if ARGV[2] == '' then
  redis.call('SET', KEYS[1], ARGV[3])
elseif tonumber(ARGV[2]) <= 0 then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[2])
end
return 1
)lua";

// KEYS value. Answers its bytes, or -1.
constexpr std::string_view measure_plain = R"lua(
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
return redis.call('STRLEN', KEYS[1])
)lua";

redis_script bare(std::string_view body, net::on_loss on_loss = net::on_loss::fail) {
  return {std::string(body), crypto::sha1_hex(body), on_loss};
}

redis_script make(std::string_view body, net::on_loss on_loss = net::on_loss::fail) {
  std::string text = std::string(prelude).append(body);
  std::string digest = crypto::sha1_hex(text);
  return {std::move(text), std::move(digest), on_loss};
}

}  // namespace

const redis_scripts& scripts() {
  constexpr auto reads = net::on_loss::ask_again;
  static const redis_scripts all{make(put),          make(touch),
                                 make(remove),       make(link_key),
                                 make(unlink_keys),  make(owner_of, reads),
                                 make(remove_owned), make(measure, reads),
                                 bare(put_plain),    bare(measure_plain, reads)};
  return all;
}

}  // namespace coatcheck
