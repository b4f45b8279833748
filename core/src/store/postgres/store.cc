// The operations of the PostgreSQL store, each a statement with its parameters and its answer. Opening one from a URL
// is in postgres/open.cc.
#include "store/postgres/store.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "net/postgres/pool.hpp"
#include "store/envelope.hpp"
#include "store/owner_digest.hpp"
#include "store/postgres/batches.hpp"
#include "store/postgres/call.hpp"
#include "store/postgres/rows.hpp"
#include "store/postgres/statements.hpp"

namespace coatcheck {
namespace {

using net::pg_rows;

class postgres_store final : public store {
 public:
  postgres_store(std::shared_ptr<net::pg_pool> pool, std::string_view table, postgres_table_options options,
                 const clock& time)
      : pool_(std::move(pool)),
        sql_(std::make_shared<const postgres_statements>(table)),
        table_(table),
        options_(options),
        time_(time) {
    pool_->keep(sql_);
  }
  ~postgres_store() override { pool_->close(); }

  [[nodiscard]] store_capabilities capabilities() const noexcept override { return {.needs_loop = true}; }
  void get(std::string_view key, completion<get_result> done) override;
  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override;
  void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) override;
  void remove(std::string_view key, completion<remove_result> done) override;
  void owned_by(std::string_view owner, completion<keys_result> done) override;
  void remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) override;
  void clear(completion<count_result> done) override { clear_in_batches(*pool_, sql_->clear, done); }
  void scan(std::string_view cursor, std::size_t limit, completion<keys_result> done) override;
  void prune(std::size_t limit, completion<count_result> done) override {
    prune_in_batches(*pool_, {sql_->prune, &sql_->partitions, postgres_statements::prune_partition}, time_.now(), limit,
                     done);
  }
  void stats(completion<stats_result> done) override;
  void health(completion<count_result> done) override;
  void create_schema(completion<count_result> done) override;
  void close() override { pool_->close(); }

 private:
  const std::shared_ptr<net::pg_pool> pool_;
  const pg_calls calls_{*pool_};
  const std::shared_ptr<const postgres_statements> sql_;  // the pool keeps it, too
  const std::string table_;
  const postgres_table_options options_;
  const clock& time_;
};

void postgres_store::get(std::string_view key, completion<get_result> done) {
  if (!valid_key(key)) return calls_.refuse(done, bad_key_error());
  auto what = calls_.ask(&sql_->get, done, [](const pg_rows& rows, get_result& out) {
    return decode_found(rows, envelope::tag_size, out);
  });
  what->add_text(key);
  what->add_number(time_.now());
  pool_->submit(std::move(what));
}

void postgres_store::put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
                         std::string_view owner, completion<put_result> done) {
  if (!valid_key(key)) return calls_.refuse(done, bad_key_error());
  if (owner.size() > max_owner_size) return calls_.refuse(done, bad_owner_error());
  const etag tag = make_etag();
  if (tag.empty()) return calls_.refuse(done, no_random_error());
  const auto& statement = expect.what == expectation::kind::any      ? sql_->put_any
                          : expect.what == expectation::kind::absent ? sql_->put_absent
                                                                     : sql_->put_match;
  auto what = calls_.ask(&statement, done, [expect, tag](const pg_rows& rows, put_result& out) {
    return decode_stored(rows, expect, tag, envelope::tag_size, out);
  });
  what->reserve(bytes.size() + 256);
  what->add_text(key);
  what->add_bytes(bytes);
  what->add_text(tag.view());
  what->add_number(std::clamp<epoch_ms>(expires_at, 0, envelope::max_expiry));
  if (owner.empty()) {
    what->add_null();
  } else {
    what->add_text(owner_digest(owner));
  }
  if (expect.what != expectation::kind::any) what->add_number(time_.now());
  if (expect.what == expectation::kind::match) {
    // An etag that is none of ours matches nothing; it must not reach the server as it is.
    const auto view = expect.tag.view();
    const bool ours = view.size() == envelope::tag_size && valid_key(view);
    what->add_text(ours ? view : std::string_view("none"));
  }
  pool_->submit(std::move(what));
}

void postgres_store::touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) {
  if (!valid_key(key)) return calls_.refuse(done, bad_key_error());
  auto what = calls_.ask(&sql_->touch, done, [](const pg_rows& rows, touch_result& out) {
    out.status = rows.affected() == 1 ? touch_status::touched : touch_status::gone;
    return rows.affected() > 1 ? pg_step::unfit : pg_step::decoded;
  });
  what->add_text(key);
  what->add_number(std::clamp<epoch_ms>(expires_at, 0, envelope::max_expiry));
  what->add_number(time_.now());
  pool_->submit(std::move(what));
}

void postgres_store::remove(std::string_view key, completion<remove_result> done) {
  if (!valid_key(key)) return calls_.refuse(done, bad_key_error());
  auto what = calls_.ask(&sql_->remove, done, decode_removed);
  what->add_text(key);
  what->add_number(time_.now());
  pool_->submit(std::move(what));
}

void postgres_store::owned_by(std::string_view owner, completion<keys_result> done) {
  if (owner.size() > max_owner_size) return calls_.refuse(done, bad_owner_error());
  auto what = calls_.ask(&sql_->owned_by, done,
                         [](const pg_rows& rows, keys_result& out) { return decode_keys(rows, 0, out); });
  what->add_text(owner.empty() ? std::string() : owner_digest(owner));
  what->add_number(time_.now());
  pool_->submit(std::move(what));
}

void postgres_store::remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) {
  if (owner.size() > max_owner_size) return calls_.refuse(done, bad_owner_error());
  if (!except.empty() && !valid_key(except)) return calls_.refuse(done, bad_key_error());
  auto what = calls_.ask(&sql_->remove_owner, done, decode_count);
  what->add_text(owner.empty() ? std::string() : owner_digest(owner));
  what->add_number(time_.now());
  what->add_text(except);
  pool_->submit(std::move(what));
}

void postgres_store::scan(std::string_view cursor, std::size_t limit, completion<keys_result> done) {
  if (!cursor.empty() && !valid_key(cursor)) return calls_.refuse(done, bad_cursor_error());
  limit = std::clamp<std::size_t>(limit, 1, longest_postgres_page);
  auto what = calls_.ask(&sql_->scan, done,
                         [limit](const pg_rows& rows, keys_result& out) { return decode_keys(rows, limit, out); });
  what->add_text(cursor);
  what->add_number(time_.now());
  what->add_number(static_cast<std::int64_t>(limit));
  pool_->submit(std::move(what));
}

void postgres_store::stats(completion<stats_result> done) {
  auto what = calls_.ask(&sql_->stats, done, decode_figures);
  what->add_number(time_.now());
  pool_->submit(std::move(what));
}

// That the server answers, and that the table is there and may be read.
void postgres_store::health(completion<count_result> done) {
  pool_->submit(calls_.ask(&sql_->health, done, decode_healthy));
}

void postgres_store::create_schema(completion<count_result> done) {
  auto statements = schema_statements(table_, options_);
  statements.push_back(version_statement(table_));
  make_schema(*pool_, std::move(statements), done);
}

}  // namespace

std::shared_ptr<store> make_postgres_store(std::shared_ptr<net::pg_pool> pool, std::string_view table,
                                           postgres_table_options options, const clock& time) {
  return std::make_shared<postgres_store>(std::move(pool), table, options, time);
}

}  // namespace coatcheck
