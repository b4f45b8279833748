// Sessions that connect-pg-simple keeps: `sid`, `sess` (JSON) and `expire` (a timestamp without a time zone, in that of
// the session). Read and removed, and nothing else: for engine_options::migrate_from.
#include <string>
#include <utility>

#include "net/postgres/pool.hpp"
#include "store/envelope.hpp"
#include "store/postgres/call.hpp"
#include "store/postgres/store.hpp"

namespace coatcheck {
namespace {

using net::pg_rows;

std::string quoted_name(std::string_view table) {
  std::string out = "\"";
  for (const char c : table) out += c == '.' ? std::string("\".\"") : std::string(1, c);
  return out + "\"";
}

class foreign_postgres_store final : public store {
 public:
  foreign_postgres_store(std::shared_ptr<net::pg_pool> pool, std::string_view table, const clock& time)
      : pool_(std::move(pool)),
        get_(std::make_shared<const net::pg_statement>(net::pg_statement{
            "SELECT sess::text, (extract(epoch FROM expire::timestamptz) * 1000)::bigint FROM " + quoted_name(table) +
                " WHERE sid = $1::text AND expire::timestamptz > to_timestamp($2::bigint / 1000.0)",
            0, true})),
        remove_(std::make_shared<const net::pg_statement>(
            net::pg_statement{"DELETE FROM " + quoted_name(table) + " WHERE sid = $1::text", 1, false})),
        time_(time) {
    pool_->keep(get_);
    pool_->keep(remove_);
  }
  ~foreign_postgres_store() override { pool_->close(); }

  [[nodiscard]] store_capabilities capabilities() const noexcept override {
    return {.needs_loop = true, .compare_and_set = false, .owner_index = false, .scan = false};
  }
  void get(std::string_view key, completion<get_result> done) override {
    if (!valid_key(key)) return refuse(done, bad_key_error());
    auto what = make_pg_call(get_.get(), pool_->new_deadline(), done, [](const pg_rows& rows, get_result& out) {
      if (rows.columns() != 2 || rows.count() > 1) return pg_step::unfit;
      out.status = rows.count() == 0 ? get_status::absent : get_status::found;
      if (rows.count() == 1) {
        out.value.bytes = rows.text(0, 0);
        out.value.expires_at = rows.number(0, 1);
      }
      return pg_step::decoded;
    });
    what->add_text(key);
    what->add_number(time_.now());
    pool_->submit(std::move(what));
  }
  void remove(std::string_view key, completion<remove_result> done) override {
    if (!valid_key(key)) return refuse(done, bad_key_error());
    auto what = make_pg_call(remove_.get(), pool_->new_deadline(), done, [](const pg_rows& rows, remove_result& out) {
      out.status = rows.affected() > 0 ? remove_status::removed : remove_status::absent;
      return pg_step::decoded;
    });
    what->add_text(key);
    pool_->submit(std::move(what));
  }
  void put(std::string_view, std::string_view, epoch_ms, expectation, std::string_view,
           completion<put_result> done) override {
    refuse(done, unsupported());
  }
  void touch(std::string_view, epoch_ms, completion<touch_result> done) override { refuse(done, unsupported()); }
  void prune(std::size_t, completion<count_result> done) override { refuse(done, unsupported()); }
  void stats(completion<stats_result> done) override { refuse(done, unsupported()); }
  void health(completion<count_result> done) override { refuse(done, unsupported()); }
  void close() override { pool_->close(); }

 private:
  static error unsupported() {
    return {errc::store_unsupported,
            "a store in another package's layout is read on the way in alone (migrate_from): sessions can't be kept in "
            "it"};
  }
  template <class R>
  void refuse(completion<R> done, error why) {
    pool_->answer_later(
        make_pg_call(nullptr, pool_->new_deadline(), done, [](const pg_rows&, R&) { return pg_step::unfit; }),
        std::move(why));
  }

  const std::shared_ptr<net::pg_pool> pool_;
  const std::shared_ptr<const net::pg_statement> get_;
  const std::shared_ptr<const net::pg_statement> remove_;
  const clock& time_;
};

}  // namespace

std::shared_ptr<store> make_foreign_postgres_store(std::shared_ptr<net::pg_pool> pool, std::string_view table,
                                                   const clock& time) {
  return std::make_shared<foreign_postgres_store>(std::move(pool), table, time);
}

}  // namespace coatcheck
