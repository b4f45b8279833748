// The PostgreSQL store for the contract suite, against a real server: over TCP by the real clock; over a Unix socket
// with a clock that the test moves, and without prepared statements, as behind a pooler.
#include <utility>

#include "contract/remote_place.hpp"
#include "support/postgres_server.hpp"

namespace coatcheck::contract {
namespace {

// One server for all tests of a process: each place has a table of its own.
coatcheck_test::postgres_server& shared_postgres() {
  static coatcheck_test::postgres_server server;
  return server;
}

class postgres_place : public remote_place {
 public:
  std::string unavailable() const override {
    return coatcheck_test::postgres_server::programs().empty() ? "PostgreSQL is not installed" : "";
  }

 protected:
  // The first one makes the table.
  std::shared_ptr<store> behind(std::shared_ptr<store> made) override {
    if (!std::exchange(has_table_, true)) {
      const auto created = loop().wait<count_result>([&](auto done) { made->create_schema(done); });
      if (!created.known) throw std::runtime_error(created.why.message);
    }
    return made;
  }
  [[nodiscard]] std::string parameters() const { return std::string("&") + patience + "&table=" + own_name(); }

 private:
  bool has_table_ = false;
};

class postgres_tcp_place final : public in_real_time<postgres_place> {
 protected:
  std::string url() const override { return shared_postgres().url() + parameters(); }
};

class postgres_unix_place final : public in_own_time<postgres_place> {
 protected:
  std::string url() const override { return shared_postgres().unix_url() + parameters() + "&prepare=off"; }
};

const bool postgres_registered = register_store({"postgres", [] { return std::make_unique<postgres_tcp_place>(); }});
const bool postgres_unix_registered =
    register_store({"postgresUnprepared", [] { return std::make_unique<postgres_unix_place>(); }});

}  // namespace
}  // namespace coatcheck::contract
