// The Memcached store for the contract suite, against real servers: one by the real clock, and three with a clock that
// the test moves. They take values of a MiB with our header (-I 2m).
#include <chrono>
#include <stdexcept>
#include <thread>

#include "coatcheck/event_loop.hpp"

#include "contract/store_contract.hpp"
#include "support/memcached_server.hpp"

namespace coatcheck::contract {
namespace {

// The servers of all tests of a process: each place has a prefix of its own.
struct memcached_nodes_of_tests {
  coatcheck_test::memcached_server nodes[3] = {coatcheck_test::memcached_server({"-I", "2m"}),
                                               coatcheck_test::memcached_server({"-I", "2m"}),
                                               coatcheck_test::memcached_server({"-I", "2m"})};
};

class memcached_place_of_tests : public store_place {
 public:
  ~memcached_place_of_tests() override {
    for (const auto& one : opened_) one->close();  // before the loop goes
  }
  std::string unavailable() const override {
    return coatcheck_test::memcached_server::program().empty() ? "memcached is not installed" : "";
  }
  std::shared_ptr<store> open() override {
    auto made = open_store(hosts() + parameters(), {time(), &loop_});
    if (!made) throw std::runtime_error(made.error().message);
    opened_.push_back(*made);
    return *std::move(made);
  }
  void run_until(const bool& done) override { EXPECT_TRUE(loop_.run_until(done)); }

 protected:
  [[nodiscard]] virtual std::string hosts() const = 0;
  [[nodiscard]] virtual const clock* time() const = 0;

 private:
  // The suite asks for the outcome, not for speed: the machine may be busy. It submits thousands of operations at once.
  [[nodiscard]] std::string parameters() const {
    return "?timeout=20000&queue=100000&prefix=t" + std::to_string(number_) + ":";
  }
  static int next_number() {
    static int last = 0;
    return ++last;
  }
  int number_ = next_number();
  event_loop loop_;
  std::vector<std::shared_ptr<store>> opened_;
};

class one_memcached_place final : public memcached_place_of_tests {
 public:
  epoch_ms now() const override { return system_clock().now(); }
  void pass_time(duration_ms by) override { std::this_thread::sleep_for(std::chrono::milliseconds(by)); }

 protected:
  std::string hosts() const override {
    static const coatcheck_test::memcached_server server({"-I", "2m"});
    return server.url();
  }
  const clock* time() const override { return nullptr; }
};

class three_memcached_place final : public memcached_place_of_tests {
 public:
  epoch_ms now() const override { return clock_.now(); }
  void pass_time(duration_ms by) override { clock_.advance(by); }

 protected:
  std::string hosts() const override {
    static const memcached_nodes_of_tests servers;
    const auto& nodes = servers.nodes;
    return nodes[0].url() + "," + nodes[1].host() + "," + nodes[2].host();
  }
  const clock* time() const override { return &clock_; }

 private:
  manual_clock clock_;
};

const bool one_registered = register_store({"memcached", [] { return std::make_unique<one_memcached_place>(); }});
const bool three_registered =
    register_store({"memcachedThree", [] { return std::make_unique<three_memcached_place>(); }});

}  // namespace
}  // namespace coatcheck::contract
