// The SQL of the PostgreSQL store, for one table.
//
// Thread safety: immutable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/postgres/request.hpp"

namespace coatcheck {

inline constexpr std::string_view default_postgres_table = "coatcheck_sessions";
inline constexpr int postgres_schema_version = 1;

// NAME or SCHEMA.NAME, of letters, digits and underscores: it stands in SQL, always quoted. A name has 40 characters at
// most, so that the names of its indexes have room in PostgreSQL's 63.
[[nodiscard]] bool is_table_name(std::string_view table) noexcept;

inline constexpr unsigned most_postgres_partitions = 256;

// What create_schema makes beside the table.
struct postgres_table_options {
  bool tells = false;       // with a trigger that tells of each change by NOTIFY
  unsigned partitions = 0;  // by hash of the key; 0: the table is one
};

// The text with {t} for the table, {v} for that of its version, {f} for its function and {n} for its bare name.
[[nodiscard]] std::string with_table_names(std::string_view text, std::string_view table);

// What makes the table or brings it up to date, statement by statement, to be run in one transaction. Running it again
// changes nothing; two that run it wait for one another.
[[nodiscard]] std::vector<std::string> schema_statements(std::string_view table, postgres_table_options options);
// Where the trigger tells of changes.
[[nodiscard]] std::string change_channel(std::string_view table);
// Answers 1 where the table tells of its changes, else 0; and which process of the server answers.
[[nodiscard]] std::string tells_statement(std::string_view table);
// Answers the version that is there.
[[nodiscard]] std::string version_statement(std::string_view table);
// Such statements as a script for psql or a migration, which says what it is about.
[[nodiscard]] std::string schema_script(std::string_view about, const std::vector<std::string>& statements);

// Parameters of each are listed in statements.cc.
struct postgres_statements {
  explicit postgres_statements(std::string_view table);
  static constexpr std::size_t count = 14;

  // That of `prune` for one partition, as `partitions` names it.
  [[nodiscard]] static std::string prune_partition(std::string_view partition, std::int64_t now, std::size_t limit);

  net::pg_statement get, put_any, put_absent, put_match, touch, remove, owned_by, remove_owner, scan, prune, clear,
      stats, health, partitions;
};

}  // namespace coatcheck
