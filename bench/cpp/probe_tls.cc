// What TLS costs a store that keeps reads under way: CPU of this process and time, for an operation, of several stores
// in turn (a round each, again and again, so that a busy machine is as busy for all of them). Not a test.
//
// Usage: probe_tls ROUNDS URL...
//   probe_tls 20 redis://127.0.0.1:6379 'rediss://127.0.0.1:6380?ca=ca.pem'
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/resource.h>
#include <vector>

#include "coatcheck/event_loop.hpp"
#include "coatcheck/store.hpp"

namespace {

using namespace coatcheck;

constexpr std::size_t per_round = 20'000;

double cpu_us() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

struct place {
  std::string url;
  event_loop loop;
  std::shared_ptr<store> sessions;
  std::size_t left = 0;
  std::size_t under_way = 0;
  bool done = false;
  std::size_t wrong = 0;

  void next() {
    if (left == 0) {
      done = under_way == 0;
      return;
    }
    --left;
    ++under_way;
    sessions->get("key", completion<get_result>(
                             [](void* context, get_result&& got) {
                               auto& self = *static_cast<place*>(context);
                               self.wrong += got.status == get_status::found ? 0 : 1;
                               --self.under_way;
                               self.next();
                             },
                             this));
  }
  // µs of CPU and of time for an operation.
  std::pair<double, double> round(std::size_t width) {
    left = per_round;
    done = false;
    const double before = cpu_us();
    const steady_ms since = steady_now();
    for (std::size_t i = 0; i < width; ++i) next();
    (void)loop.run_until(done);
    return {(cpu_us() - before) / per_round, static_cast<double>(steady_now() - since) * 1000 / per_round};
  }
};

double median(std::vector<double> of) {
  std::sort(of.begin(), of.end());
  return of[of.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 2 ? std::atoi(argv[1]) : 0;
  if (rounds < 1) {
    std::fprintf(stderr, "usage: probe_tls ROUNDS URL...\n");
    return 2;
  }
  std::vector<std::unique_ptr<place>> places;
  for (int i = 2; i < argc; ++i) {
    auto one = std::make_unique<place>();
    one->url = argv[i];
    auto opened = open_store(one->url, {nullptr, &one->loop});
    if (!opened) {
      std::fprintf(stderr, "%s\n", opened.error().message.c_str());
      return 1;
    }
    one->sessions = *std::move(opened);
    const auto put = one->loop.wait<put_result>([&](auto done) {
      one->sessions->put("key", std::string(300, 'v'), system_clock().now() + 600'000, expectation::anything(), {},
                         done);
    });
    if (put.status != put_status::stored) {
      std::fprintf(stderr, "%s\n", put.why.message.c_str());
      return 1;
    }
    places.push_back(std::move(one));
  }
  for (const std::size_t width : {std::size_t{1}, std::size_t{32}, std::size_t{256}}) {
    std::vector<std::vector<double>> cpu(places.size());
    std::vector<std::vector<double>> time(places.size());
    for (int i = 0; i < rounds; ++i) {
      for (std::size_t at = 0; at < places.size(); ++at) {
        const auto [used, took] = places[at]->round(width);
        cpu[at].push_back(used);
        time[at].push_back(took);
      }
    }
    for (std::size_t at = 0; at < places.size(); ++at) {
      std::printf("%3zu in flight, store %zu: %6.2f us of CPU (%.2f of the first), %6.2f us, %zu wrong\n", width,
                  at + 1, median(cpu[at]), median(cpu[at]) / median(cpu[0]), median(time[at]), places[at]->wrong);
    }
  }
  for (const auto& one : places) one->sessions->close();
  return 0;
}
