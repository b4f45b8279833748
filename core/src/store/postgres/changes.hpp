// What a near-cache hears of a PostgreSQL table: a connection that listens (LISTEN) to what the table's trigger tells
// (NOTIFY, postgres/statements.cc).
//
// It pings: one transaction that listens, tells itself something on a channel of its own, and looks whether the trigger
// is there. told_until() is when the last ping left whose own notice came back. Why every change up to then has been
// told: a transaction's notices are in the server's queue before it commits, in the order of commits, and a connection
// is told in the order of the queue; so what had been changed when the ping arrived comes before the ping's own notice.
// That it was answered alone would not do: a writer's transaction is there for all to see before it wakes those who
// listen.
//
// A pooler takes LISTEN, and passes on what is told while a transaction runs, which a ping's own notice is: so whoever
// answers must be the very process of the server that let the connection in. Else nothing is served from the cache.
//
// Thread safety: the thread of the driver.
#pragma once

#include <memory>
#include <string_view>

#include "coatcheck/driver.hpp"

#include "net/postgres/libpq.hpp"
#include "net/postgres/target.hpp"
#include "store/layers/change_source.hpp"

namespace coatcheck {

// `bounds`: of the store; `max_stale`: of the cache that asks, at least 50 ms.
[[nodiscard]] std::shared_ptr<change_source> make_postgres_changes(const net::libpq& pq, net::pg_target target,
                                                                   net::pg_bounds bounds, std::string_view table,
                                                                   duration_ms max_stale, driver& loop);

}  // namespace coatcheck
