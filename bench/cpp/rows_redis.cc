// cpp/redis/{get,set}@{1,32,256}: 268 bytes with so many operations under way, against redis-benchmark with one
// connection and the same pipelining (-P), in turns; the median of the rounds. `…@cpu` is what of that time each of the
// two programs ran, `…@tls` ours with TLS against ours without, by CPU: the server is one process for all.
//
// Writes the rows to the file that it is given, as bench/node and bench/python do. Starts a redis-server of its own.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <time.h>
#include <utility>
#include <vector>

#include "coatcheck/event_loop.hpp"
#include "coatcheck/store.hpp"

#include "support/certificates.hpp"
#include "support/redis_server.hpp"

namespace {

using namespace coatcheck;

constexpr int rounds = 9;
constexpr double plain_aim = 0.8;    // of redis-benchmark's speed
constexpr double tls_aim = 1 / 1.3;  // of ours without it
const std::string payload(268, 'p');

struct cost {
  double time = 0;  // ns for an operation
  double cpu = 0;
};

double seconds(clockid_t of) {
  timespec now{};
  ::clock_gettime(of, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}
double seconds(const timeval& of) { return static_cast<double>(of.tv_sec) + static_cast<double>(of.tv_usec) * 1e-6; }
double cpu_of(int who) {
  rusage used{};
  ::getrusage(who, &used);
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

template <class Run>
cost measured(int who, std::size_t operations, Run&& run) {
  const double began = seconds(CLOCK_MONOTONIC);
  const double used = cpu_of(who);
  run();
  const double per = 1e9 / static_cast<double>(operations);
  return {(seconds(CLOCK_MONOTONIC) - began) * per, (cpu_of(who) - used) * per};
}

// Keeps `width` operations under way.
class caller {
 public:
  explicit caller(const std::string& url) {
    auto opened = open_store(url, {nullptr, &loop_});
    if (!opened) throw std::runtime_error(opened.error().message);
    sessions_ = *std::move(opened);
  }
  ~caller() { sessions_->close(); }
  caller(const caller&) = delete;
  caller& operator=(const caller&) = delete;

  void run(bool sets, std::size_t width, std::size_t operations) {
    sets_ = sets;
    left_ = operations;
    until_ = system_clock().now() + 3'600'000;
    done_ = false;
    for (std::size_t i = 0; i < width; ++i) next();
    (void)loop_.run_until(done_);
    if (wrong_ > 0) throw std::runtime_error("an operation failed");
  }

 private:
  void next() {
    if (left_ == 0) {
      done_ = under_way_ == 0;
      return;
    }
    --left_;
    ++under_way_;
    if (sets_) {
      sessions_->put("key", payload, until_, expectation::anything(), {},
                     {[](void* context, put_result&& got) {
                        static_cast<caller*>(context)->came(got.status == put_status::stored);
                      },
                      this});
    } else {
      sessions_->get("key", {[](void* context, get_result&& got) {
                               static_cast<caller*>(context)->came(got.status == get_status::found);
                             },
                             this});
    }
  }
  void came(bool well) {
    wrong_ += well ? 0 : 1;
    --under_way_;
    next();
  }

  event_loop loop_;
  std::shared_ptr<store> sessions_;
  std::size_t left_ = 0;
  std::size_t under_way_ = 0;
  std::size_t wrong_ = 0;
  epoch_ms until_ = 0;
  bool sets_ = false;
  bool done_ = false;
};

void redis_benchmark(int port, bool sets, std::size_t width, std::size_t operations) {
  const std::string command = sets ? "SET bench " + payload + " PX 3600000" : "GET bench";
  const std::string line = "redis-benchmark -p " + std::to_string(port) + " -c 1 -P " + std::to_string(width) + " -n " +
                           std::to_string(operations) + " -q " + command + " >/dev/null";
  if (std::system(line.c_str()) != 0) throw std::runtime_error("redis-benchmark failed");
}

double median(std::vector<double> of) {
  std::sort(of.begin(), of.end());
  return of[of.size() / 2];
}
double two_digits(double of) { return static_cast<double>(static_cast<long>(of * 100 + 0.5)) / 100; }

nlohmann::json row(const std::string& name, double ours, const char* peer, double theirs, double aim) {
  return {{"case", name},
          {"ours_ns", static_cast<long>(ours)},
          {"peer", peer},
          {"peer_ns", static_cast<long>(theirs)},
          {"ratio", two_digits(theirs / ours)},
          {"limit_ns", static_cast<long>(theirs / aim)}};
}

using rows = std::vector<nlohmann::json>;

void compare(rows& into, bool sets, std::size_t width, std::size_t operations, int port, caller& plain, caller& tls) {
  std::map<std::string, std::vector<double>> samples;
  const auto keep = [&](const std::string& who, const cost& one) {
    samples[who + " time"].push_back(one.time);
    samples[who + " cpu"].push_back(one.cpu);
  };
  for (int i = 0; i < rounds; ++i) {
    keep("plain", measured(RUSAGE_SELF, operations, [&] { plain.run(sets, width, operations); }));
    keep("tls", measured(RUSAGE_SELF, operations, [&] { tls.run(sets, width, operations); }));
    keep("peer", measured(RUSAGE_CHILDREN, operations, [&] { redis_benchmark(port, sets, width, operations); }));
  }
  const std::string name = std::string("cpp/redis/") + (sets ? "set@" : "get@") + std::to_string(width);
  const auto of = [&](const char* what) { return median(samples.at(what)); };
  into.push_back(row(name, of("plain time"), "redis-benchmark", of("peer time"), plain_aim));
  into.push_back(row(name + "@cpu", of("plain cpu"), "redis-benchmark", of("peer cpu"), plain_aim));
  into.push_back(row(name + "@tls", of("tls cpu"), "ours, without TLS", of("plain cpu"), tls_aim));
}

void run(const char* out) {
  coatcheck_test::certificates papers;
  const auto own = papers.issue("server", {});
  coatcheck_test::redis_server server;
  coatcheck_test::redis_server secure({},
                                      coatcheck_test::redis_server::tls_port{own.cert, own.key, papers.authority()});
  caller plain(server.url() + "?timeout=5000");
  caller tls(secure.url() + "?timeout=5000&ca=" + papers.authority());
  redis_benchmark(server.port(), true, 1, 1);
  rows found;
  for (const bool sets : {true, false}) {
    for (const auto& [width, operations] :
         {std::pair<std::size_t, std::size_t>{1, 20'000}, {32, 100'000}, {256, 200'000}}) {
      plain.run(sets, width, operations);
      tls.run(sets, width, operations);
      compare(found, sets, width, operations, server.port(), plain, tls);
    }
  }
  std::ofstream(out) << nlohmann::json(found).dump(1) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: rows_redis FILE\n");
    return 2;
  }
  try {
    run(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rows_redis: %s\n", error.what());
    return 1;
  }
  return 0;
}
