// What the rows of a PostgreSQL answer say, for the stores that keep sessions there: in our table and in another
// package's. Both ask in the same columns: value, etag and deadline.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>

#include "coatcheck/store.hpp"

#include "store/postgres/call.hpp"

namespace coatcheck {

// A row of them, or none. `tag_size`: of an etag that is not damaged.
[[nodiscard]] pg_step decode_found(const net::pg_rows& rows, std::size_t tag_size, get_result& out);
// What a put answers: 1, or 0 and what is in the way, or nothing. `tag`: of what was stored; empty: it is in the row.
[[nodiscard]] pg_step decode_stored(const net::pg_rows& rows, const expectation& expect, const etag& tag,
                                    std::size_t tag_size, put_result& out);
// A row of whether it was alive, or none.
[[nodiscard]] pg_step decode_removed(const net::pg_rows& rows, remove_result& out);
// A column of keys. `limit`: of a page, after which another one may follow; 0: these are all.
[[nodiscard]] pg_step decode_keys(const net::pg_rows& rows, std::size_t limit, keys_result& out);
[[nodiscard]] pg_step decode_count(const net::pg_rows& rows, count_result& out);
// Any answer at all: 1.
[[nodiscard]] pg_step decode_healthy(const net::pg_rows& rows, count_result& out);
// Entries and bytes.
[[nodiscard]] pg_step decode_figures(const net::pg_rows& rows, stats_result& out);

}  // namespace coatcheck
