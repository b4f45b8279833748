// The PostgreSQL store: sessions in one table, asynchronous, by libpq 14 or later, which is loaded when a URL first
// names it. PostgreSQL 9.5 or later.
//
// Every operation is one statement and one round trip; compare-and-set, deadline and owner change in one step. The
// table and its SQL: docs/formats.md, "PostgreSQL". Time is the caller's clock, as in every store. The server expires
// nothing: rows whose time has come read as absent, and prune() deletes them, some at a time.
//
// Bounds: an operation takes its URL's timeout at most; prune() and clear() give each batch that time. stats() reads
// the whole table within one timeout and is unknown (store_timeout) where that is too short. create_schema() has a
// minute.
//
// Thread safety: the thread of the driver.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/error.hpp"
#include "coatcheck/store.hpp"

#include "store/kind.hpp"

namespace coatcheck {

namespace net {
class pg_pool;
}
struct postgres_table_options;

// Opens `postgresql:` and `postgres:` URLs. Nothing is resolved or connected yet: the first operation does that.
// Errors: invalid_url; store_unsupported (no libpq). REQUIRES: options.loop.
[[nodiscard]] result<std::shared_ptr<store>> open_postgres_store(const parsed_url& url, const store_options& options);
[[nodiscard]] result<std::string> postgres_schema_sql(const parsed_url& url);
inline constexpr store_kind postgres_kinds[] = {
    {"postgresql", true, open_postgres_store, true, true, postgres_schema_sql},
    {"postgres", true, open_postgres_store, true, true, postgres_schema_sql}};

// The store itself (store.cc), on a pool that is its own. `table` has been checked (is_table_name).
[[nodiscard]] std::shared_ptr<store> make_postgres_store(std::shared_ptr<net::pg_pool> pool, std::string_view table,
                                                         postgres_table_options options, const clock& time);
// In connect-pg-simple's layout (layout.cc).
struct postgres_layout_rules {
  duration_ms lifetime = 0;  // see store_capabilities::layout_lifetime
  bool lifetime_given = false;
  bool touches = true;  // false: touch() moves nothing
};
[[nodiscard]] std::shared_ptr<store> make_postgres_layout_store(std::shared_ptr<net::pg_pool> pool,
                                                                std::string_view table, postgres_layout_rules rules,
                                                                const clock& time);
// What makes that table, as the package's table.sql has it.
[[nodiscard]] std::vector<std::string> postgres_layout_schema(std::string_view table);

}  // namespace coatcheck
