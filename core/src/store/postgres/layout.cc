// Sessions in the table of connect-pg-simple: `sid`, `sess` (JSON) and `expire` (a timestamp without a time zone, in
// that of the connection), which the package reads and writes at the same time. docs/formats.md, "Layouts of other
// packages".
//
// A row has no version: its version is the digest of `sess`, taken in the server, so that what the package writes
// meanwhile is a conflict like any other. Its deadline is in whole seconds, counted as the package counts them.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "net/postgres/pool.hpp"
#include "store/envelope.hpp"
#include "store/postgres/batches.hpp"
#include "store/postgres/call.hpp"
#include "store/postgres/rows.hpp"
#include "store/postgres/statements.hpp"
#include "store/postgres/store.hpp"

namespace coatcheck {
namespace {

using net::pg_rows;

constexpr std::size_t version_digits = etag::max_size;

// {d}: the version of what is in `sess`; {a}: whether a row lives at $now; {e}: its deadline. The rest is
// with_table_names'. As in our own table ($1 is the key), but that a put answers the new version: a column that is
// jsonb does not keep the text. The package's own SELECT has `expire >= to_timestamp(<now, rounded up>)`.
constexpr std::string_view digest_sql = "left(encode(sha256(convert_to(sess::text, 'UTF8')), 'hex'), 20)";
constexpr std::string_view deadline_sql = "(extract(epoch FROM expire::timestamptz) * 1000)::bigint";

std::string layout_sql(std::string_view text, std::string_view table) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto piece = text.substr(at, 3);
    if (piece == "{d}" || piece == "{e}") {
      out += piece == "{d}" ? digest_sql : deadline_sql;
      at += 3;
    } else {
      out += text[at++];
    }
  }
  return with_table_names(out, table);
}

constexpr std::string_view layout_schema[] = {
    "SELECT pg_advisory_xact_lock(716421581, hashtext('{n}'))",
    R"(CREATE TABLE IF NOT EXISTS {t} (
  "sid" varchar NOT NULL COLLATE "default",
  "sess" json NOT NULL,
  "expire" timestamp(6) NOT NULL,
  CONSTRAINT "{n}_pkey" PRIMARY KEY ("sid") NOT DEFERRABLE INITIALLY IMMEDIATE
))",
    R"(CREATE INDEX IF NOT EXISTS "IDX_{n}_expire" ON {t} ("expire"))",
};

constexpr std::string_view layout_get =
    "SELECT sess::text, {d}, {e} FROM {t} WHERE sid = $1::text AND expire >= to_timestamp($2::bigint)";

// $2 the JSON, $3 deadline.
constexpr std::string_view layout_put_any =
    R"(INSERT INTO {t} AS s (sid, sess, expire)
VALUES ($1::text, convert_from($2::bytea, 'UTF8')::json, to_timestamp($3::bigint))
ON CONFLICT (sid) DO UPDATE SET sess = excluded.sess, expire = excluded.expire
RETURNING 1, NULL::text, (SELECT {d} FROM (SELECT s.sess) AS one), NULL::bigint)";

// $4 now.
constexpr std::string_view layout_put_absent =
    R"(WITH done AS (
  INSERT INTO {t} AS s (sid, sess, expire)
  VALUES ($1::text, convert_from($2::bytea, 'UTF8')::json, to_timestamp($3::bigint))
  ON CONFLICT (sid) DO UPDATE SET sess = excluded.sess, expire = excluded.expire
  WHERE s.expire < to_timestamp($4::bigint)
  RETURNING s.sess
)
SELECT 1, NULL::text, {d}, NULL::bigint FROM done
UNION ALL
SELECT 0, sess::text, {d}, {e} FROM {t}
WHERE sid = $1::text AND expire >= to_timestamp($4::bigint) AND NOT EXISTS (SELECT FROM done))";

// $4 now, $5 the version that is expected.
constexpr std::string_view layout_put_match =
    R"(WITH done AS (
  UPDATE {t} SET sess = convert_from($2::bytea, 'UTF8')::json, expire = to_timestamp($3::bigint)
  WHERE sid = $1::text AND expire >= to_timestamp($4::bigint) AND {d} = $5::text
  RETURNING sess
)
SELECT 1, NULL::text, {d}, NULL::bigint FROM done
UNION ALL
SELECT 0, sess::text, {d}, {e} FROM {t}
WHERE sid = $1::text AND expire >= to_timestamp($4::bigint) AND NOT EXISTS (SELECT FROM done))";

// $2 now, $3 deadline.
constexpr std::string_view layout_touch =
    R"(UPDATE {t} SET expire = to_timestamp($3::bigint)
WHERE sid = $1::text AND expire >= to_timestamp($2::bigint) RETURNING 1)";
constexpr std::string_view layout_look =
    "SELECT 1 FROM {t} WHERE sid = $1::text AND expire >= to_timestamp($2::bigint)";

constexpr std::string_view layout_remove =
    "DELETE FROM {t} WHERE sid = $1::text RETURNING expire >= to_timestamp($2::bigint)";

// Of ids that are keys in the contract; the package may have others.
constexpr std::string_view layout_scan =
    R"(SELECT sid::text FROM {t} WHERE sid > $1::text AND expire >= to_timestamp($2::bigint)
AND length(sid) <= 128 AND sid ~ '^[A-Za-z0-9_-]+$' ORDER BY sid LIMIT $3::bigint)";

constexpr std::string_view layout_prune =
    R"(WITH due AS (
  SELECT sid FROM {t} WHERE expire < to_timestamp($1::bigint) ORDER BY expire LIMIT $2::bigint FOR UPDATE SKIP LOCKED
), gone AS (
  DELETE FROM {t} AS s USING due WHERE s.sid = due.sid RETURNING 1
)
SELECT count(*) FROM gone)";

constexpr std::string_view layout_clear =
    R"(WITH page AS (
  SELECT sid FROM {t} WHERE sid > $1::text ORDER BY sid LIMIT $2::bigint FOR UPDATE
), gone AS (
  DELETE FROM {t} AS s USING page WHERE s.sid = page.sid RETURNING s.sid
)
SELECT count(*), max(sid)::text FROM gone)";

constexpr std::string_view layout_stats =
    R"(SELECT count(*), coalesce(sum(octet_length(sess::text) + octet_length(sid) + 8), 0)::bigint
FROM {t} WHERE expire >= to_timestamp($1::bigint))";

constexpr std::string_view layout_health = "SELECT 1 FROM {t} LIMIT 0";

struct layout_statements {
  layout_statements(std::string_view table, bool touches) {
    std::size_t index = 0;
    const auto make = [&](std::string_view text, bool reads = false) {
      return net::pg_statement{layout_sql(text, table), index++, reads};
    };
    get = make(layout_get, true);
    put_any = make(layout_put_any);
    put_absent = make(layout_put_absent);
    put_match = make(layout_put_match);
    touch = touches ? make(layout_touch) : make(layout_look, true);
    remove = make(layout_remove);
    scan = make(layout_scan, true);
    prune = make(layout_prune);
    clear = make(layout_clear);
    stats = make(layout_stats, true);
    health = make(layout_health, true);
  }
  net::pg_statement get, put_any, put_absent, put_match, touch, remove, scan, prune, clear, stats, health;
};

std::int64_t seconds_up(epoch_ms time) noexcept {
  return (std::clamp<epoch_ms>(time, 0, envelope::max_expiry) + 999) / 1000;
}

class postgres_layout_store final : public store {
 public:
  postgres_layout_store(std::shared_ptr<net::pg_pool> pool, std::string_view table, postgres_layout_rules rules,
                        const clock& time)
      : pool_(std::move(pool)),
        sql_(std::make_shared<const layout_statements>(table, rules.touches)),
        table_(table),
        rules_(rules),
        time_(time) {
    pool_->keep(sql_);
  }
  ~postgres_layout_store() override { pool_->close(); }

  [[nodiscard]] store_capabilities capabilities() const noexcept override {
    return {.needs_loop = true,
            .owner_index = false,
            .expiry_resolution = 1000,
            .unique_versions = false,
            .layout = record_layout::connect_pg_simple,
            .layout_lifetime = rules_.lifetime,
            .layout_lifetime_given = rules_.lifetime_given};
  }
  void get(std::string_view key, completion<get_result> done) override;
  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override;
  void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) override;
  void remove(std::string_view key, completion<remove_result> done) override;
  void clear(completion<count_result> done) override { clear_in_batches(*pool_, sql_->clear, done); }
  void scan(std::string_view cursor, std::size_t limit, completion<keys_result> done) override;
  void prune(std::size_t limit, completion<count_result> done) override {
    prune_in_batches(*pool_, {sql_->prune}, now(), limit, done);
  }
  void stats(completion<stats_result> done) override {
    auto what = calls_.ask(&sql_->stats, done, decode_figures);
    what->add_number(now());
    pool_->submit(std::move(what));
  }
  void health(completion<count_result> done) override {
    pool_->submit(calls_.ask(&sql_->health, done, decode_healthy));
  }
  void create_schema(completion<count_result> done) override {
    auto statements = postgres_layout_schema(table_);
    statements.emplace_back("SELECT 1");
    make_schema(*pool_, std::move(statements), done);
  }
  void close() override { pool_->close(); }

 private:
  [[nodiscard]] std::int64_t now() const { return seconds_up(time_.now()); }
  // In whole seconds; one that has come is not moved beyond now.
  [[nodiscard]] std::int64_t deadline(epoch_ms expires_at) const {
    const epoch_ms time = time_.now();
    return expires_at <= time ? seconds_up(time) - 1 : seconds_up(expires_at);
  }

  const std::shared_ptr<net::pg_pool> pool_;
  const pg_calls calls_{*pool_};
  const std::shared_ptr<const layout_statements> sql_;  // the pool keeps it, too
  const std::string table_;
  const postgres_layout_rules rules_;
  const clock& time_;
};

void postgres_layout_store::get(std::string_view key, completion<get_result> done) {
  if (!valid_key(key)) return calls_.refuse(done, bad_key_error());
  auto what = calls_.ask(&sql_->get, done,
                         [](const pg_rows& rows, get_result& out) { return decode_found(rows, version_digits, out); });
  what->add_text(key);
  what->add_number(now());
  pool_->submit(std::move(what));
}

void postgres_layout_store::put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
                                std::string_view owner, completion<put_result> done) {
  if (!valid_key(key)) return calls_.refuse(done, bad_key_error());
  if (owner.size() > max_owner_size) return calls_.refuse(done, bad_owner_error());
  const auto& statement = expect.what == expectation::kind::any      ? sql_->put_any
                          : expect.what == expectation::kind::absent ? sql_->put_absent
                                                                     : sql_->put_match;
  auto what = calls_.ask(&statement, done, [expect](const pg_rows& rows, put_result& out) {
    return decode_stored(rows, expect, {}, version_digits, out);
  });
  what->reserve(bytes.size() + 256);
  what->add_text(key);
  what->add_bytes(bytes);
  what->add_number(deadline(expires_at));
  if (expect.what != expectation::kind::any) what->add_number(now());
  if (expect.what == expectation::kind::match) {
    // A version that is none of ours matches nothing; it must not reach the server as it is.
    const auto view = expect.tag.view();
    what->add_text(view.size() == version_digits && valid_key(view) ? view : std::string_view("none"));
  }
  pool_->submit(std::move(what));
}

void postgres_layout_store::touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) {
  if (!valid_key(key)) return calls_.refuse(done, bad_key_error());
  auto what = calls_.ask(&sql_->touch, done, [](const pg_rows& rows, touch_result& out) {
    out.status = rows.count() == 1 ? touch_status::touched : touch_status::gone;
    return rows.count() > 1 ? pg_step::unfit : pg_step::decoded;
  });
  what->add_text(key);
  what->add_number(now());
  if (rules_.touches) what->add_number(deadline(expires_at));
  pool_->submit(std::move(what));
}

void postgres_layout_store::remove(std::string_view key, completion<remove_result> done) {
  if (!valid_key(key)) return calls_.refuse(done, bad_key_error());
  auto what = calls_.ask(&sql_->remove, done, decode_removed);
  what->add_text(key);
  what->add_number(now());
  pool_->submit(std::move(what));
}

void postgres_layout_store::scan(std::string_view cursor, std::size_t limit, completion<keys_result> done) {
  if (!cursor.empty() && !valid_key(cursor)) return calls_.refuse(done, bad_cursor_error());
  limit = std::clamp<std::size_t>(limit, 1, longest_postgres_page);
  auto what = calls_.ask(&sql_->scan, done,
                         [limit](const pg_rows& rows, keys_result& out) { return decode_keys(rows, limit, out); });
  what->add_text(cursor);
  what->add_number(now());
  what->add_number(static_cast<std::int64_t>(limit));
  pool_->submit(std::move(what));
}

}  // namespace

std::vector<std::string> postgres_layout_schema(std::string_view table) {
  std::vector<std::string> out;
  for (const auto text : layout_schema) out.push_back(layout_sql(text, table));
  return out;
}

std::shared_ptr<store> make_postgres_layout_store(std::shared_ptr<net::pg_pool> pool, std::string_view table,
                                                  postgres_layout_rules rules, const clock& time) {
  return std::make_shared<postgres_layout_store>(std::move(pool), table, rules, time);
}

}  // namespace coatcheck
