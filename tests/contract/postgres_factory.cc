// The PostgreSQL store for the contract suite, against a real server: over TCP by the real clock; over a Unix socket
// with a clock that the test moves, and without prepared statements, as behind a pooler; in the table of another
// package.
#include <memory>
#include <string>
#include <utility>

#include "contract/remote_place.hpp"
#include "store/layers/forwarding.hpp"
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

// The suite puts any bytes; a column of JSON takes JSON: here a string of their hexadecimal digits.
class as_json final : public forwarding_store {
 public:
  using forwarding_store::forwarding_store;
  void get(std::string_view key, completion<get_result> done) override {
    below()->get(key, then<get_result>(done, [](get_result& got) { got.value.bytes = bytes_of(got.value.bytes); }));
  }
  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override {
    std::string text = "\"";
    for (const unsigned char c : bytes) text += {"0123456789abcdef"[c >> 4], "0123456789abcdef"[c & 15]};
    below()->put(key, text + "\"", expires_at, expect, owner,
                 then<put_result>(done, [](put_result& got) { got.current.bytes = bytes_of(got.current.bytes); }));
  }

 private:
  static std::string bytes_of(std::string_view text) {
    std::string out;
    for (std::size_t i = 1; i + 2 < text.size(); i += 2) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
    }
    return out;
  }
  template <class R>
  static completion<R> then(completion<R> done, void (*change)(R&)) {
    struct waiting {
      completion<R> done;
      void (*change)(R&);
    };
    return completion<R>(
        [](void* context, R&& got) {
          const std::unique_ptr<waiting> mine(static_cast<waiting*>(context));
          mine->change(got);
          mine->done(std::move(got));
        },
        new waiting{done, change});
  }
};

class postgres_layout_place final : public in_own_time<postgres_place> {
 public:
  void pass_time(duration_ms by) override { in_own_time::pass_time(by + 1000); }

 protected:
  std::string url() const override { return shared_postgres().url() + parameters() + "&layout=connect-pg-simple"; }
  std::shared_ptr<store> behind(std::shared_ptr<store> made) override {
    return std::make_shared<as_json>(postgres_place::behind(std::move(made)));
  }
};

const bool postgres_layout_registered =
    register_store({"postgresConnect", [] { return std::make_unique<postgres_layout_place>(); }});
const bool postgres_registered = register_store({"postgres", [] { return std::make_unique<postgres_tcp_place>(); }});
const bool postgres_unix_registered =
    register_store({"postgresUnprepared", [] { return std::make_unique<postgres_unix_place>(); }});

}  // namespace
}  // namespace coatcheck::contract
