// A Redis server in the test's own memory, as far as the Redis store knows it: GET, the store's scripts by their
// digest, the commands of an owner's index. What it answers is held to the real server by tests/contract, which runs
// the same store against redis-server.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "net/redis/reply.hpp"

namespace coatcheck::simulation {

class model_redis {
 public:
  using words = std::vector<std::string>;

  explicit model_redis(const std::int64_t& now);
  // The reply to one command, encoded.
  [[nodiscard]] std::string answer(const words& command);
  void forget_scripts() { known_.clear(); }

  // What is stored, to be put back: a replica that was behind when it took over.
  struct data {
    struct text {
      std::string value;
      std::int64_t ends_at = 0;
    };
    std::map<std::string, text> texts;
    std::map<std::string, std::map<std::string, double>> indexes;
  };
  data stored;
  bool read_only = false;  // a replica
  bool loading = false;

 private:
  using script = std::function<std::string(const words& keys, const words& args)>;
  [[nodiscard]] const std::string* find(const std::string& key);
  [[nodiscard]] std::string run(const words& command, bool whole_text);
  void learn_scripts();
  // As `state` of the store's scripts: 0 absent, -1 damaged, else the deadline; the etag with it.
  [[nodiscard]] std::int64_t state(const std::string& key, const std::string& now, std::string& tag);

  const std::int64_t& now_;
  std::map<std::string, script> scripts_;       // by digest: what this server would do, once it knows the text
  std::map<std::string, std::string> digests_;  // of the texts
  std::set<std::string> known_;
};

}  // namespace coatcheck::simulation
