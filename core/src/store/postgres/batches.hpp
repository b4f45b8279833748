// What the PostgreSQL store deletes in several steps: rows whose time has come, and everything. Each step is a
// statement of its own that locks the rows it deletes, for as long as it takes, and never the table.
//
// Thread safety: the thread of the driver.
#pragma once

#include <cstddef>
#include <memory>

#include "coatcheck/store.hpp"

#include "net/postgres/pool.hpp"
#include "store/postgres/statements.hpp"

namespace coatcheck {

struct pg_place {
  std::shared_ptr<net::pg_pool> pool;
  std::shared_ptr<const postgres_statements> sql;
};

// See store::prune and store::clear.
void prune_in_batches(pg_place where, epoch_ms now, std::size_t limit, completion<count_result> done);
void clear_in_batches(pg_place where, completion<count_result> done);

}  // namespace coatcheck
