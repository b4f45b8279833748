// The statements' texts. $1 is the key wherever there is one; deadlines and `now` are ms since the epoch by the
// caller's clock. Columns: docs/formats.md, "PostgreSQL".
#include "store/postgres/statements.hpp"

#include <algorithm>

namespace coatcheck {
namespace {

constexpr std::size_t longest_name = 40;

bool is_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= longest_name && (name[0] < '0' || name[0] > '9') &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
         });
}

std::string_view schema_of(std::string_view table) noexcept {
  const auto dot = table.find('.');
  return dot == std::string_view::npos ? std::string_view() : table.substr(0, dot);
}

std::string_view name_of_table(std::string_view table) noexcept {
  const auto dot = table.find('.');
  return dot == std::string_view::npos ? table : table.substr(dot + 1);
}

// The table, or one beside it whose name ends in `suffix`, quoted.
std::string quoted(std::string_view table, std::string_view suffix = {}) {
  std::string out;
  if (const auto schema = schema_of(table); !schema.empty()) out = "\"" + std::string(schema) + "\".";
  return out + "\"" + std::string(name_of_table(table)) + std::string(suffix) + "\"";
}

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string out;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what)) {
    out.append(text.substr(0, at)).append(by);
    text.remove_prefix(at + what.size());
  }
  return out.append(text);
}

// Two that make the schema at once: "IF NOT EXISTS" alone lets one of them fail.
constexpr std::string_view lock_schema = "SELECT pg_advisory_xact_lock(716421581, hashtext('{n}'))";

constexpr std::string_view table_sql =
    R"(CREATE TABLE IF NOT EXISTS {t} (
  key text COLLATE "C" PRIMARY KEY,
  etag text COLLATE "C" NOT NULL,
  expires_at bigint NOT NULL,
  owner text COLLATE "C",
  value bytea NOT NULL
))";
constexpr std::string_view schema[] = {
    R"(CREATE INDEX IF NOT EXISTS "{n}_expires_at" ON {t} (expires_at))",
    R"(CREATE INDEX IF NOT EXISTS "{n}_owner" ON {t} (owner) WHERE owner IS NOT NULL)",
    R"(CREATE TABLE IF NOT EXISTS {v} (version integer NOT NULL))",
    R"(INSERT INTO {v} (version) SELECT 1 WHERE NOT EXISTS (SELECT FROM {v}))",
};

// Each row that changes, by whomever, is told on a channel of the table's: its key, or nothing, which is all of them.
// The channel is handed over, for in a partition a trigger knows the partition's name alone.
constexpr std::string_view telling[] = {
    R"(CREATE OR REPLACE FUNCTION {f}() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    PERFORM pg_catalog.pg_notify(TG_ARGV[0], '');
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM pg_catalog.pg_notify(TG_ARGV[0], OLD.key);
  ELSE
    PERFORM pg_catalog.pg_notify(TG_ARGV[0], NEW.key);
  END IF;
  RETURN NULL;
END $body$)",
    // Not "OR REPLACE", which PostgreSQL has from 14 on, and which would lock the table each time.
    R"(DO $body$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = '{t}'::regclass AND tgname = '{n}_notify') THEN
    CREATE TRIGGER "{n}_notify" AFTER INSERT OR UPDATE OR DELETE ON {t}
      FOR EACH ROW EXECUTE PROCEDURE {f}('coatcheck_{n}');
    CREATE TRIGGER "{n}_notify_all" AFTER TRUNCATE ON {t}
      FOR EACH STATEMENT EXECUTE PROCEDURE {f}('coatcheck_{n}');
  END IF;
END $body$)",
};
// A table that is there already, and has no or other partitions, can't be made into one: nothing is done (CC001).
constexpr std::string_view same_partitions =
    R"(DO $body$
BEGIN
  IF (SELECT count(*) FROM pg_class WHERE oid = to_regclass('{t}')
      AND (SELECT count(*) FROM pg_inherits WHERE inhparent = pg_class.oid) <> {#}) > 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'CC001', MESSAGE = 'the table is there already, with other partitions or none';
  END IF;
END $body$)";
constexpr std::string_view partition_sql =
    R"(CREATE TABLE IF NOT EXISTS {p} PARTITION OF {t} FOR VALUES WITH (MODULUS {#}, REMAINDER {i}))";
// In no order, so that a prune with a limit gets to each of them, and several services to different ones. None: the
// table has no partitions, or the user may use it but not them.
constexpr std::string_view partitions_sql =
    R"(SELECT name FROM (
  SELECT format('%I.%I', n.nspname, c.relname) AS name,
    bool_and(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'UPDATE')
      AND has_table_privilege(c.oid, 'DELETE')) OVER () AS may
  FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE i.inhparent = to_regclass('{t}')
) AS listed WHERE may ORDER BY random())";

constexpr std::string_view tells_sql =
    R"(SELECT count(*), pg_backend_pid() FROM pg_trigger
WHERE tgrelid = to_regclass('{t}') AND tgname = '{n}_notify' AND tgenabled IN ('O', 'A'))";

// $1 key, $2 now.
constexpr std::string_view get_sql =
    "SELECT value, etag, expires_at FROM {t} WHERE key = $1::text AND expires_at > $2::bigint";

// $1 key, $2 value, $3 etag, $4 deadline, $5 owner's digest or null. Answers a row of 1.
constexpr std::string_view put_any_sql =
    R"(INSERT INTO {t} (key, value, etag, expires_at, owner)
VALUES ($1::text, $2::bytea, $3::text, $4::bigint, $5::text)
ON CONFLICT (key) DO UPDATE
SET value = excluded.value, etag = excluded.etag, expires_at = excluded.expires_at, owner = excluded.owner
RETURNING 1)";

// $6 now. Answers 1, or 0 and what is in the way. No row: somebody's insert came in between and is not to be seen yet.
constexpr std::string_view put_absent_sql =
    R"(WITH done AS (
  INSERT INTO {t} AS s (key, value, etag, expires_at, owner)
  VALUES ($1::text, $2::bytea, $3::text, $4::bigint, $5::text)
  ON CONFLICT (key) DO UPDATE
  SET value = excluded.value, etag = excluded.etag, expires_at = excluded.expires_at, owner = excluded.owner
  WHERE s.expires_at <= $6::bigint
  RETURNING 1
)
SELECT 1, NULL::bytea, NULL::text, NULL::bigint FROM done
UNION ALL
SELECT 0, value, etag, expires_at FROM {t}
WHERE key = $1::text AND expires_at > $6::bigint AND NOT EXISTS (SELECT FROM done))";

// $6 now, $7 the etag that is expected. Answers 1, or 0 and what is in the way, or no row: gone. What is in the way may
// have the very etag that was expected: then another write came in between, which this statement does not see yet.
constexpr std::string_view put_match_sql =
    R"(WITH done AS (
  UPDATE {t} SET value = $2::bytea, etag = $3::text, expires_at = $4::bigint, owner = $5::text
  WHERE key = $1::text AND expires_at > $6::bigint AND etag = $7::text
  RETURNING 1
)
SELECT 1, NULL::bytea, NULL::text, NULL::bigint FROM done
UNION ALL
SELECT 0, value, etag, expires_at FROM {t}
WHERE key = $1::text AND expires_at > $6::bigint AND NOT EXISTS (SELECT FROM done))";

// $1 key, $2 deadline, $3 now.
constexpr std::string_view touch_sql =
    "UPDATE {t} SET expires_at = $2::bigint WHERE key = $1::text AND expires_at > $3::bigint";

// $1 key, $2 now. Answers whether it was alive.
constexpr std::string_view remove_sql = "DELETE FROM {t} WHERE key = $1::text RETURNING expires_at > $2::bigint";

// $1 owner's digest, $2 now.
constexpr std::string_view owned_by_sql =
    "SELECT key FROM {t} WHERE owner = $1::text AND expires_at > $2::bigint ORDER BY key";

// $1 owner's digest, $2 now, $3 the key that is spared or ''. Answers how many lived.
constexpr std::string_view remove_owner_sql =
    R"(WITH gone AS (
  DELETE FROM {t} WHERE owner = $1::text AND key <> $3::text RETURNING expires_at > $2::bigint AS alive
)
SELECT count(*) FROM gone WHERE alive)";

// $1 the last key of the page before or '', $2 now, $3 how many.
constexpr std::string_view scan_sql =
    "SELECT key FROM {t} WHERE key > $1::text AND expires_at > $2::bigint ORDER BY key LIMIT $3::bigint";

// $1 now, $2 how many. Rows that somebody else has locked are left for the next time: nobody waits for anybody.
constexpr std::string_view prune_sql =
    R"(WITH due AS (
  SELECT key FROM {t} WHERE expires_at <= $1::bigint ORDER BY expires_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED
), gone AS (
  DELETE FROM {t} USING due WHERE {t}.key = due.key RETURNING 1
)
SELECT count(*) FROM gone)";

// $1 the last key of the batch before or '', $2 how many. Answers how many there were, and the last key of them.
constexpr std::string_view clear_sql =
    R"(WITH page AS (
  SELECT key FROM {t} WHERE key > $1::text ORDER BY key LIMIT $2::bigint FOR UPDATE
), gone AS (
  DELETE FROM {t} USING page WHERE {t}.key = page.key RETURNING {t}.key
)
SELECT count(*), max(key COLLATE "C") FROM gone)";

// $1 now.
constexpr std::string_view stats_sql =
    R"(SELECT count(*), coalesce(sum(octet_length(value) + octet_length(key) + octet_length(etag)
  + coalesce(octet_length(owner), 0) + 8), 0)::bigint
FROM {t} WHERE expires_at > $1::bigint)";

constexpr std::string_view health_sql = "SELECT 1 FROM {t} LIMIT 0";
constexpr std::string_view version_sql = "SELECT max(version) FROM {v}";

}  // namespace

std::string with_table_names(std::string_view text, std::string_view table) {
  std::string out;
  while (!text.empty()) {
    const auto brace = text.find('{');
    out += text.substr(0, brace);
    if (brace == std::string_view::npos) break;
    const char which = text[brace + 1];
    out += which == 't'   ? quoted(table)
           : which == 'v' ? quoted(table, "_schema")
           : which == 'f' ? quoted(table, "_notify")
                          : std::string(name_of_table(table));
    text.remove_prefix(brace + 3);
  }
  return out;
}

bool is_table_name(std::string_view table) noexcept {
  return is_name(name_of_table(table)) && (table.find('.') == std::string_view::npos || is_name(schema_of(table)));
}

std::string version_statement(std::string_view table) { return with_table_names(version_sql, table); }

std::string change_channel(std::string_view table) { return "coatcheck_" + std::string(name_of_table(table)); }

std::string tells_statement(std::string_view table) { return with_table_names(tells_sql, table); }

std::vector<std::string> schema_statements(std::string_view table, postgres_table_options options) {
  std::vector<std::string> out = {with_table_names(lock_schema, table)};
  const std::string many = std::to_string(options.partitions);
  if (options.partitions == 0) {
    out.push_back(with_table_names(table_sql, table));
  } else {
    out.push_back(with_table_names(replaced(same_partitions, "{#}", many), table));
    out.push_back(with_table_names(table_sql, table) + " PARTITION BY HASH (key)");
    for (unsigned i = 0; i < options.partitions; ++i) {
      const std::string number = std::to_string(i);
      auto text = replaced(replaced(partition_sql, "{#}", many), "{i}", number);
      out.push_back(with_table_names(replaced(text, "{p}", quoted(table, "_p" + number)), table));
    }
  }
  for (const auto text : schema) out.push_back(with_table_names(text, table));
  if (options.tells) {
    for (const auto text : telling) out.push_back(with_table_names(text, table));
  }
  return out;
}

std::string schema_script(std::string_view about, const std::vector<std::string>& statements) {
  std::string out = "-- " + std::string(about) + ".\nBEGIN;\n";
  for (const auto& text : statements) out += text + ";\n";
  return out + "COMMIT;\n";
}

std::string postgres_statements::prune_partition(std::string_view partition, std::int64_t now, std::size_t limit) {
  const auto text = replaced(replaced(prune_sql, "$1", std::to_string(now)), "$2", std::to_string(limit));
  return replaced(text, "{t}", partition);
}

postgres_statements::postgres_statements(std::string_view table) {
  std::size_t index = 0;
  const auto make = [&](net::pg_statement& into, std::string_view text, bool reads = false) {
    into = {with_table_names(text, table), index++, reads};
  };
  make(get, get_sql, true);
  make(put_any, put_any_sql);
  make(put_absent, put_absent_sql);
  make(put_match, put_match_sql);
  make(touch, touch_sql);
  make(remove, remove_sql);
  make(owned_by, owned_by_sql, true);
  make(remove_owner, remove_owner_sql);
  make(scan, scan_sql, true);
  make(prune, prune_sql);
  make(clear, clear_sql);
  make(stats, stats_sql, true);
  make(health, health_sql, true);
  make(partitions, partitions_sql, true);
}

}  // namespace coatcheck
