// Records that another package keeps in Redis: a value as it is under a prefix and an id. Read and removed, and nothing
// else: for engine_options::migrate_from.
#include <utility>

#include "net/redis/resp_format.hpp"
#include "net/redis/route.hpp"
#include "store/envelope.hpp"
#include "store/redis/names.hpp"
#include "store/redis/replies.hpp"

namespace coatcheck {
namespace {

using net::answer;

class foreign_redis_store final : public store {
 public:
  foreign_redis_store(std::shared_ptr<net::redis_route> link, std::string_view prefix)
      : link_(std::move(link)), prefix_(prefix) {}
  ~foreign_redis_store() override { link_->close(); }

  [[nodiscard]] store_capabilities capabilities() const noexcept override {
    return {.needs_loop = true, .compare_and_set = false, .owner_index = false, .scan = false};
  }
  void get(std::string_view key, completion<get_result> done) override {
    ask<get_result>("GET", key, done, net::on_loss::ask_again, [](const answer& given, get_result& out) {
      const auto root = given.value->root();
      if (root.type() == net::reply_type::nil) {
        out.status = get_status::absent;
        return true;
      }
      if (root.type() != net::reply_type::text) return false;
      out.status = get_status::found;
      out.value.bytes = root.text();
      out.value.expires_at = envelope::max_expiry;  // the server's own affair
      return true;
    });
  }
  void remove(std::string_view key, completion<remove_result> done) override {
    ask<remove_result>("DEL", key, done, net::on_loss::fail, decode_remove);
  }
  void put(std::string_view, std::string_view, epoch_ms, expectation, std::string_view,
           completion<put_result> done) override {
    refuse(done);
  }
  void touch(std::string_view, epoch_ms, completion<touch_result> done) override { refuse(done); }
  void prune(std::size_t, completion<count_result> done) override { refuse(done); }
  void stats(completion<stats_result> done) override { refuse(done); }
  void health(completion<count_result> done) override { refuse(done); }
  void close() override { link_->close(); }

 private:
  template <class R, class Decode>
  void ask(std::string_view command, std::string_view key, completion<R> done, net::on_loss loss, Decode decode) {
    if (!valid_key(key)) return refuse(done, bad_key_error);
    command_.clear();
    net::append_command_head(command_, 2);
    net::append_argument(command_, command);
    net::append_argument(command_, {prefix_, key});
    const auto handle = [done, decode](const answer& given) {
      R out;
      if (!given) {
        out.why = to_error(given);
      } else if (!decode(given, out)) {
        out = {};
        out.why = unfit_reply(given);
      }
      done(std::move(out));
    };
    link_->submit(handle, link_->new_deadline(), command_, {}, loss);
  }
  static error unsupported() {
    return {errc::store_unsupported,
            "a store in another package's layout is read on the way in alone (migrate_from): sessions can't be kept in "
            "it"};
  }
  template <class R>
  void refuse(completion<R> done, error (*why)() = unsupported) {
    link_->answer_later(
        [done, why](const answer& given) {
          R out;
          out.why = given.code == errc::store_closed ? to_error(given) : why();
          done(std::move(out));
        },
        net::failure{errc::invalid_option, {}});
  }

  std::shared_ptr<net::redis_route> link_;
  std::string prefix_;
  std::string command_;
};

}  // namespace

std::shared_ptr<store> make_foreign_redis_store(std::shared_ptr<net::redis_route> link, std::string_view prefix) {
  return std::make_shared<foreign_redis_store>(std::move(link), prefix);
}

}  // namespace coatcheck
