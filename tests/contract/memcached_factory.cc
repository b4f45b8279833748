// The Memcached store for the contract suite, against real servers: one by the real clock, and three with a clock that
// the test moves. They take values of a MiB with our header (-I 2m).
#include "contract/remote_place.hpp"
#include "support/memcached_server.hpp"

namespace coatcheck::contract {
namespace {

using coatcheck_test::memcached_server;

class memcached_place : public remote_place {
 public:
  std::string unavailable() const override {
    return memcached_server::program().empty() ? "memcached is not installed" : "";
  }

 protected:
  [[nodiscard]] virtual std::string hosts() const = 0;
  std::string url() const override { return hosts() + "?" + patience + "&prefix=" + own_name() + ":"; }
};

// The servers of all tests of a process: each place has a prefix of its own.
class one_memcached_place final : public in_real_time<memcached_place> {
 protected:
  std::string hosts() const override {
    static const memcached_server server({"-I", "2m"});
    return server.url();
  }
};

class three_memcached_place final : public in_own_time<memcached_place> {
 protected:
  std::string hosts() const override {
    static const memcached_server first({"-I", "2m"}), second({"-I", "2m"}), third({"-I", "2m"});
    return first.url() + "," + second.host() + "," + third.host();
  }
};

const bool one_registered = register_store({"memcached", [] { return std::make_unique<one_memcached_place>(); }});
const bool three_registered =
    register_store({"memcachedThree", [] { return std::make_unique<three_memcached_place>(); }});

}  // namespace
}  // namespace coatcheck::contract
