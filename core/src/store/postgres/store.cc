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
#include "store/postgres/statements.hpp"

namespace coatcheck {
namespace {

using net::pg_rows;

constexpr std::size_t longest_page = 10'000;
constexpr duration_ms patience_for_schema = 60'000;

// value, etag and deadline in three columns from `first` on.
bool take_value(const pg_rows& rows, int first, stored_value& out) {
  if (rows.text(0, first + 1).size() != envelope::tag_size) return false;
  out.bytes = rows.text(0, first);
  out.tag = etag(rows.text(0, first + 1));
  out.expires_at = rows.number(0, first + 2);
  return true;
}

pg_step damaged(error& why) {
  why = {errc::record_damaged, "a row in PostgreSQL is damaged: its etag is not one of coatcheck's"};
  return pg_step::decoded;
}

pg_step decode_found(const pg_rows& rows, get_result& out) {
  if (rows.columns() != 3 || rows.count() > 1) return pg_step::unfit;
  if (rows.count() == 0) {
    out.status = get_status::absent;
  } else if (take_value(rows, 0, out.value)) {
    out.status = get_status::found;
  } else {
    return damaged(out.why);
  }
  return pg_step::decoded;
}

// What a put answers: 1, or 0 and what is in the way, or nothing.
pg_step decode_stored(const pg_rows& rows, expectation::kind expect, const etag& expected, const etag& tag,
                      put_result& out) {
  if (rows.count() > 1) return pg_step::unfit;
  if (rows.count() == 0) {
    if (expect != expectation::kind::match) return pg_step::again;  // an insert that is not to be seen yet
    out.status = put_status::gone;
    return pg_step::decoded;
  }
  if (rows.number(0, 0) == 1) {
    out.status = put_status::stored;
    out.tag = tag;
    return pg_step::decoded;
  }
  if (rows.columns() != 4) return pg_step::unfit;
  if (!take_value(rows, 1, out.current)) return damaged(out.why);
  if (expect == expectation::kind::match && out.current.tag == expected) return pg_step::again;
  out.status = put_status::conflict;
  return pg_step::decoded;
}

pg_step decode_keys(const pg_rows& rows, keys_result& out) {
  if (rows.columns() != 1) return pg_step::unfit;
  out.known = true;
  for (int row = 0; row < rows.count(); ++row) {
    if (const auto key = rows.text(row, 0); valid_key(key)) out.keys.emplace_back(key);
  }
  return pg_step::decoded;
}

pg_step decode_count(const pg_rows& rows, count_result& out) {
  if (rows.count() != 1 || rows.number(0, 0) < 0) return pg_step::unfit;
  out.known = true;
  out.count = static_cast<std::uint64_t>(rows.number(0, 0));
  return pg_step::decoded;
}

class postgres_store final : public store {
 public:
  postgres_store(std::shared_ptr<net::pg_pool> pool, std::string_view table, const clock& time)
      : pool_(std::move(pool)), sql_(std::make_shared<const postgres_statements>(table)), table_(table), time_(time) {
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
  void clear(completion<count_result> done) override { clear_in_batches({pool_, sql_}, done); }
  void scan(std::string_view cursor, std::size_t limit, completion<keys_result> done) override;
  void prune(std::size_t limit, completion<count_result> done) override {
    prune_in_batches({pool_, sql_}, time_.now(), limit, done);
  }
  void stats(completion<stats_result> done) override;
  void health(completion<count_result> done) override;
  void create_schema(completion<count_result> done) override;
  void close() override { pool_->close(); }

 private:
  template <class R, class Decode>
  [[nodiscard]] std::unique_ptr<net::pg_request> ask(const net::pg_statement* what, completion<R> done, Decode decode) {
    return make_pg_call(what, pool_->new_deadline(), done, std::move(decode));
  }
  template <class R>
  void refuse(completion<R> done, error why) {
    pool_->answer_later(ask(nullptr, done, [](const pg_rows&, R&) { return pg_step::unfit; }), std::move(why));
  }

  const std::shared_ptr<net::pg_pool> pool_;
  const std::shared_ptr<const postgres_statements> sql_;  // the pool keeps it, too
  const std::string table_;
  const clock& time_;
};

void postgres_store::get(std::string_view key, completion<get_result> done) {
  if (!valid_key(key)) return refuse(done, bad_key_error());
  auto what = ask(&sql_->get, done, decode_found);
  what->add_text(key);
  what->add_number(time_.now());
  pool_->submit(std::move(what));
}

void postgres_store::put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
                         std::string_view owner, completion<put_result> done) {
  if (!valid_key(key)) return refuse(done, bad_key_error());
  if (owner.size() > max_owner_size) return refuse(done, bad_owner_error());
  const etag tag = make_etag();
  if (tag.empty()) return refuse(done, no_random_error());
  const auto& statement = expect.what == expectation::kind::any      ? sql_->put_any
                          : expect.what == expectation::kind::absent ? sql_->put_absent
                                                                     : sql_->put_match;
  auto what =
      ask(&statement, done, [kind = expect.what, expected = expect.tag, tag](const pg_rows& rows, put_result& out) {
        return decode_stored(rows, kind, expected, tag, out);
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
  if (!valid_key(key)) return refuse(done, bad_key_error());
  auto what = ask(&sql_->touch, done, [](const pg_rows& rows, touch_result& out) {
    out.status = rows.affected() == 1 ? touch_status::touched : touch_status::gone;
    return rows.affected() > 1 ? pg_step::unfit : pg_step::decoded;
  });
  what->add_text(key);
  what->add_number(std::clamp<epoch_ms>(expires_at, 0, envelope::max_expiry));
  what->add_number(time_.now());
  pool_->submit(std::move(what));
}

void postgres_store::remove(std::string_view key, completion<remove_result> done) {
  if (!valid_key(key)) return refuse(done, bad_key_error());
  auto what = ask(&sql_->remove, done, [](const pg_rows& rows, remove_result& out) {
    out.status = rows.count() == 1 && rows.number(0, 0) == 1 ? remove_status::removed : remove_status::absent;
    return rows.count() > 1 || rows.columns() != 1 ? pg_step::unfit : pg_step::decoded;
  });
  what->add_text(key);
  what->add_number(time_.now());
  pool_->submit(std::move(what));
}

void postgres_store::owned_by(std::string_view owner, completion<keys_result> done) {
  if (owner.size() > max_owner_size) return refuse(done, bad_owner_error());
  auto what = ask(&sql_->owned_by, done, decode_keys);
  what->add_text(owner.empty() ? std::string() : owner_digest(owner));
  what->add_number(time_.now());
  pool_->submit(std::move(what));
}

void postgres_store::remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) {
  if (owner.size() > max_owner_size) return refuse(done, bad_owner_error());
  if (!except.empty() && !valid_key(except)) return refuse(done, bad_key_error());
  auto what = ask(&sql_->remove_owner, done, decode_count);
  what->add_text(owner.empty() ? std::string() : owner_digest(owner));
  what->add_number(time_.now());
  what->add_text(except);
  pool_->submit(std::move(what));
}

void postgres_store::scan(std::string_view cursor, std::size_t limit, completion<keys_result> done) {
  if (!cursor.empty() && !valid_key(cursor)) return refuse(done, bad_cursor_error());
  limit = std::clamp<std::size_t>(limit, 1, longest_page);
  auto what = ask(&sql_->scan, done, [limit](const pg_rows& rows, keys_result& out) {
    const auto step = decode_keys(rows, out);
    if (step == pg_step::decoded && static_cast<std::size_t>(rows.count()) == limit) {
      out.cursor = rows.text(rows.count() - 1, 0);
    }
    return step;
  });
  what->add_text(cursor);
  what->add_number(time_.now());
  what->add_number(static_cast<std::int64_t>(limit));
  pool_->submit(std::move(what));
}

void postgres_store::stats(completion<stats_result> done) {
  auto what = ask(&sql_->stats, done, [](const pg_rows& rows, stats_result& out) {
    if (rows.count() != 1 || rows.columns() != 2) return pg_step::unfit;
    out.known = true;
    out.stats.entries = static_cast<std::uint64_t>(rows.number(0, 0));
    out.stats.bytes = static_cast<std::uint64_t>(rows.number(0, 1));
    return pg_step::decoded;
  });
  what->add_number(time_.now());
  pool_->submit(std::move(what));
}

// That the server answers, and that the table is there and may be read.
void postgres_store::health(completion<count_result> done) {
  pool_->submit(ask(&sql_->health, done, [](const pg_rows&, count_result& out) {
    out = {true, 1, {}};
    return pg_step::decoded;
  }));
}

void postgres_store::create_schema(completion<count_result> done) {
  // An index on a table that is in use already, or another program that does the same, may take its time.
  const auto until = steady_now() + patience_for_schema;
  auto what = make_pg_call(nullptr, until, done, [](const pg_rows& rows, count_result& out) {
    const auto step = decode_count(rows, out);
    if (out.known && out.count > static_cast<std::uint64_t>(postgres_schema_version)) {
      out = {};
      out.why = {errc::store_format, "the table of sessions in PostgreSQL is of a later version of coatcheck"};
    }
    return step;
  });
  what->script = schema_statements(table_);
  what->script.insert(what->script.begin(),
                      "SELECT set_config('statement_timeout', '" + std::to_string(patience_for_schema) + "', true)");
  pool_->submit(std::move(what));
}

}  // namespace

std::shared_ptr<store> make_postgres_store(std::shared_ptr<net::pg_pool> pool, std::string_view table,
                                           const clock& time) {
  return std::make_shared<postgres_store>(std::move(pool), table, time);
}

}  // namespace coatcheck
