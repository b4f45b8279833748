// Cache-aside stores for the contract suite. The clients of one place share cache and origin, as processes do that
// share a remote cache: that is where a copy could outlive what it is of.
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>

#include "coatcheck/cached.hpp"
#include "coatcheck/event_loop.hpp"

#include "contract/store_contract.hpp"
#include "contract/stub_store.hpp"
#include "support/redis_server.hpp"

namespace coatcheck::contract {
namespace {

std::string next_name() {
  static std::atomic<int> count{0};
  return "cached-contract-" + std::to_string(++count);
}

coatcheck_test::redis_server& redis_for_tiers() {
  static coatcheck_test::redis_server server;
  return server;
}

struct directory {
  directory() {
    std::string name = (std::filesystem::temp_directory_path() / "coatcheck-cached-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path = name;
  }
  ~directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path;
};

class tiers_place : public store_place {
 public:
  ~tiers_place() override {
    for (const auto& one : opened_) one->close();  // before the loop goes
  }
  std::shared_ptr<store> open() override {
    opened_.push_back(make());
    return opened_.back();
  }
  void run_until(const bool& done) override {
    EXPECT_TRUE(opened_.front()->capabilities().needs_loop ? loop_.run_until(done) : done);
  }
  epoch_ms now() const override { return clock_.now(); }
  void pass_time(duration_ms by) override { clock_.advance(by); }

 protected:
  virtual std::shared_ptr<store> make() = 0;
  // The suite asks for the outcome, not for speed: the machine may be busy.
  static constexpr duration_ms patience = 20'000;

  manual_clock clock_;
  event_loop loop_;

 private:
  std::vector<std::shared_ptr<store>> opened_;
};

// By URL: `cache` and `origin` are made of a name that nobody else has.
class url_tiers final : public tiers_place {
 public:
  enum class kind { memory, file, redis };
  url_tiers(kind cache, kind origin) : redis_(cache == kind::redis || origin == kind::redis) {
    if (unavailable().empty()) {
      url_ = "cached(timeout=" + std::to_string(patience) + "):" + url(cache, "-c") + "|" + url(origin, "-o");
    }
  }
  std::string unavailable() const override {
    return redis_ && coatcheck_test::redis_server::program().empty() ? "redis-server is not installed" : "";
  }

 private:
  std::shared_ptr<store> make() override {
    auto made = open_store(url_, {&clock_, &loop_});
    if (!made) throw std::runtime_error(made.error().message);
    return *std::move(made);
  }
  std::string url(kind of, const std::string& end) {
    if (of == kind::memory) return "memory:" + name_ + end;
    if (of == kind::file) return "file:" + directory_.path.string() + "/sessions?map_size=67108864";
    return redis_for_tiers().unix_url() + "?timeout=20000&queue=100000&prefix=" + name_ + end + ":";
  }
  const bool redis_;
  const std::string name_ = next_name();
  directory directory_;
  std::string url_;
};

class stub_tiers final : public tiers_place {
 public:
  stub_tiers(stub_answers cache, stub_answers origin, bool bare = false)
      : cache_(cache), origin_(origin), bare_(bare) {}

 private:
  std::shared_ptr<store> make() override {
    cached_options options;
    options.time = &clock_;
    options.loop = &loop_;
    options.cache_timeout = patience;
    return *cached(stub(in_cache_, cache_, false), stub(in_origin_, origin_, bare_), options);
  }
  std::shared_ptr<store> stub(const std::shared_ptr<stub_table>& table, stub_answers when, bool bare) {
    return std::make_shared<stub_store>(table, clock_, when == stub_answers::inside ? nullptr : &loop_, when, bare);
  }
  const stub_answers cache_, origin_;
  const bool bare_;
  const std::shared_ptr<stub_table> in_cache_ = std::make_shared<stub_table>();
  const std::shared_ptr<stub_table> in_origin_ = std::make_shared<stub_table>();
};

bool add_urls(const char* name, url_tiers::kind cache, url_tiers::kind origin) {
  return register_store({name, [=] { return std::make_unique<url_tiers>(cache, origin); }});
}
bool add_stubs(const char* name, stub_answers cache, stub_answers origin, bool bare = false) {
  return register_store({name, [=] { return std::make_unique<stub_tiers>(cache, origin, bare); }});
}
using kind = url_tiers::kind;
const bool registered = add_urls("cachedMemoryMemory", kind::memory, kind::memory) &&
                        add_urls("cachedMemoryLmdb", kind::memory, kind::file) &&
                        add_urls("cachedMemoryRedis", kind::memory, kind::redis) &&
                        add_urls("cachedRedisLmdb", kind::redis, kind::file) &&
                        add_stubs("cachedStubStub", stub_answers::inside, stub_answers::inside) &&
                        add_stubs("cachedStubLater", stub_answers::inside, stub_answers::later) &&
                        add_stubs("cachedLaterStub", stub_answers::later, stub_answers::inside) &&
                        add_stubs("cachedLaterLater", stub_answers::later, stub_answers::later) &&
                        add_stubs("cachedSometimesLater", stub_answers::some, stub_answers::some) &&
                        add_stubs("cachedLaterBare", stub_answers::later, stub_answers::later, true);

}  // namespace
}  // namespace coatcheck::contract
