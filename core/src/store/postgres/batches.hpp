// What the PostgreSQL stores do in several steps: deleting rows whose time has come, or everything, a batch at a time,
// and making the schema. Each batch is a statement of its own that locks the rows it deletes, for as long as it takes,
// and never the table.
//
// Thread safety: the thread of the driver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/store.hpp"

#include "net/postgres/pool.hpp"
#include "net/postgres/request.hpp"

namespace coatcheck {

inline constexpr std::size_t longest_postgres_page = 10'000;  // of a scan

// The pool keeps the statements (pg_pool::keep).
struct pg_pruning {
  const net::pg_statement& whole;                 // $1 `now`, $2 how many; answers how many it deleted
  const net::pg_statement* partitions = nullptr;  // answers the names of the table's, quoted; null: it has none
  std::string (*of_partition)(std::string_view name, std::int64_t now, std::size_t limit) = nullptr;
};
// See store::prune. A table that has partitions is pruned one of them after the other.
void prune_in_batches(net::pg_pool& pool, const pg_pruning& sql, std::int64_t now, std::size_t limit,
                      completion<count_result> done);
// See store::clear. `sql`: $1 the last key of the batch before, $2 how many; answers how many, and the last key.
void clear_in_batches(net::pg_pool& pool, const net::pg_statement& sql, completion<count_result> done);

// See store::create_schema: these in one transaction, the last of which answers the version that is there.
void make_schema(net::pg_pool& pool, std::vector<std::string> statements, completion<count_result> done);

}  // namespace coatcheck
