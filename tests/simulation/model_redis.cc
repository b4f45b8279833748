// The commands of model_redis.hpp.
#include "simulation/model_redis.hpp"

#include <cstdlib>

#include "store/envelope.hpp"
#include "store/redis/script.hpp"

namespace coatcheck::simulation {
namespace {

std::string integer(std::int64_t number) { return ":" + std::to_string(number) + "\r\n"; }
std::string text(const std::string& value) { return "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n"; }
const std::string nil = "$-1\r\n";
const std::string ok = "+OK\r\n";

std::int64_t number(const std::string& digits) { return std::strtoll(digits.c_str(), nullptr, 10); }

}  // namespace

model_redis::model_redis(const std::int64_t& now) : now_(now) { learn_scripts(); }

const std::string* model_redis::find(const std::string& key) {
  const auto at = stored.texts.find(key);
  if (at == stored.texts.end()) return nullptr;
  if (at->second.ends_at <= now_) {
    stored.texts.erase(at);
    return nullptr;
  }
  return &at->second.value;
}

std::int64_t model_redis::state(const std::string& key, const std::string& now, std::string& tag) {
  const auto* const value = find(key);
  if (value == nullptr) return 0;
  const auto entry = envelope::decode(*value);
  if (!entry) return -1;
  tag = entry->tag;
  return entry->expires_at <= number(now) ? 0 : entry->expires_at;
}

void model_redis::learn_scripts() {
  const auto& all = coatcheck::scripts();
  const auto add = [&](const redis_script& one, script does) {
    scripts_[one.digest] = std::move(does);
    digests_[one.text] = one.digest;
  };
  add(all.put, [this](const words& keys, const words& args) {
    std::string tag;
    const auto at = state(keys[0], args[0], tag);
    if (args[1] == "absent") {
      if (at != 0) return text(*find(keys[0]));
    } else if (args[1] != "any") {
      if (at == 0) return integer(0);
      if (tag != args[1]) return text(*find(keys[0]));
    }
    const auto left = number(args[2]);
    if (left <= 0) {
      stored.texts.erase(keys[0]);
      stored.texts.erase(keys[1]);
      return integer(1);
    }
    stored.texts[keys[0]] = {args[3], now_ + left};
    if (!args[4].empty() || find(keys[1]) != nullptr) stored.texts[keys[1]] = {args[4], now_ + left};
    return integer(1);
  });
  add(all.touch, [this](const words& keys, const words& args) {
    std::string tag;
    const auto at = state(keys[0], args[0], tag);
    if (at <= 0) return integer(at);
    const auto left = number(args[2]);
    stored.texts[keys[0]].value.replace(0, args[1].size(), args[1]);
    stored.texts[keys[0]].ends_at = now_ + left;
    const auto* const owner = find(keys[1]);
    if (owner != nullptr) stored.texts[keys[1]].ends_at = now_ + left;
    return owner != nullptr && !owner->empty() ? text(*owner) : integer(1);
  });
  add(all.remove, [this](const words& keys, const words& args) {
    std::string tag;
    const auto at = state(keys[0], args[0], tag);
    const auto* const found = find(keys[1]);
    const std::string owner = found != nullptr ? *found : std::string();
    stored.texts.erase(keys[0]);
    stored.texts.erase(keys[1]);
    if (at == 0) return integer(0);
    return owner.empty() ? integer(1) : text(owner);
  });
  add(all.link, [this](const words& keys, const words& args) {
    stored.indexes[keys[0]][args[0]] = std::strtod(args[1].c_str(), nullptr);
    return integer(1);
  });
  add(all.unlink, [](const words&, const words&) { return integer(1); });
  add(all.owner_of, [this](const words& keys, const words& args) {
    std::string tag;
    if (state(keys[0], args[0], tag) == 0) return integer(0);
    const auto* const owner = find(keys[1]);
    return owner != nullptr ? text(*owner) : integer(1);
  });
  add(all.remove_owned, [this](const words& keys, const words& args) {
    std::string tag;
    const auto at = state(keys[0], args[0], tag);
    const auto* const owner = find(keys[1]);
    if (owner != nullptr && *owner != args[1]) return integer(0);
    stored.texts.erase(keys[0]);
    stored.texts.erase(keys[1]);
    return integer(at != 0 ? 1 : 0);
  });
}

std::string model_redis::run(const words& command, bool whole_text) {
  if (read_only) return "-READONLY You can't write against a read only replica.\r\n";
  std::string digest = command[1];
  if (whole_text) {
    const auto at = digests_.find(command[1]);
    if (at == digests_.end()) return "-ERR unknown script\r\n";
    digest = at->second;
    known_.insert(digest);
  }
  const auto found = scripts_.find(digest);
  if (found == scripts_.end() || known_.count(digest) == 0) return "-NOSCRIPT No matching script.\r\n";
  const auto first_argument = static_cast<std::ptrdiff_t>(3 + number(command[2]));
  return found->second(words(command.begin() + 3, command.begin() + first_argument),
                       words(command.begin() + first_argument, command.end()));
}

std::string model_redis::answer(const words& command) {
  const auto& name = command[0];
  if (name == "CLIENT" || name == "AUTH" || name == "SELECT") return ok;
  if (loading) return "-LOADING Redis is loading the dataset in memory\r\n";
  if (name == "PING") return "+PONG\r\n";
  if (name == "GET") {
    const auto* const value = find(command[1]);
    return value == nullptr ? nil : text(*value);
  }
  if (name == "EVALSHA" || name == "EVAL") return run(command, name == "EVAL");
  if (name == "ZREM") {
    std::int64_t gone = 0;
    for (std::size_t i = 2; i < command.size(); ++i) {
      gone += static_cast<std::int64_t>(stored.indexes[command[1]].erase(command[i]));
    }
    return integer(gone);
  }
  if (name == "ZRANGE") {
    std::string out = "*" + std::to_string(stored.indexes[command[1]].size()) + "\r\n";
    for (const auto& [key, score] : stored.indexes[command[1]]) out += text(key);
    return out;
  }
  return "-ERR unknown command\r\n";
}

}  // namespace coatcheck::simulation
