// From rows to results: see postgres/rows.hpp.
#include "store/postgres/rows.hpp"

#include "net/postgres/request.hpp"

namespace coatcheck {
namespace {

using net::pg_rows;

// value, etag and deadline in three columns from `first` on.
bool take_value(const pg_rows& rows, int first, std::size_t tag_size, stored_value& out) {
  if (rows.text(0, first + 1).size() != tag_size) return false;
  out.bytes = rows.text(0, first);
  out.tag = etag(rows.text(0, first + 1));
  out.expires_at = rows.number(0, first + 2);
  return true;
}

pg_step damaged(error& why) {
  why = {errc::record_damaged, "a row in PostgreSQL is damaged: its etag is not one of coatcheck's"};
  return pg_step::decoded;
}

}  // namespace

pg_step decode_found(const pg_rows& rows, std::size_t tag_size, get_result& out) {
  if (rows.columns() != 3 || rows.count() > 1) return pg_step::unfit;
  if (rows.count() == 0) {
    out.status = get_status::absent;
  } else if (take_value(rows, 0, tag_size, out.value)) {
    out.status = get_status::found;
  } else {
    return damaged(out.why);
  }
  return pg_step::decoded;
}

pg_step decode_stored(const pg_rows& rows, const expectation& expect, const etag& tag, std::size_t tag_size,
                      put_result& out) {
  if (rows.count() > 1) return pg_step::unfit;
  if (rows.count() == 0) {
    if (expect.what != expectation::kind::match) return pg_step::again;  // an insert that is not to be seen yet
    out.status = put_status::gone;
    return pg_step::decoded;
  }
  const bool in_full = rows.columns() == 4;
  if (rows.number(0, 0) == 1) {
    if (tag.empty() && (!in_full || rows.text(0, 2).size() != tag_size)) return pg_step::unfit;
    out.status = put_status::stored;
    out.tag = tag.empty() ? etag(rows.text(0, 2)) : tag;
    return pg_step::decoded;
  }
  if (!in_full) return pg_step::unfit;
  if (!take_value(rows, 1, tag_size, out.current)) return damaged(out.why);
  if (expect.what == expectation::kind::match && out.current.tag == expect.tag) return pg_step::again;
  out.status = put_status::conflict;
  return pg_step::decoded;
}

pg_step decode_removed(const pg_rows& rows, remove_result& out) {
  out.status = rows.count() == 1 && rows.number(0, 0) == 1 ? remove_status::removed : remove_status::absent;
  return rows.count() > 1 || rows.columns() != 1 ? pg_step::unfit : pg_step::decoded;
}

pg_step decode_keys(const pg_rows& rows, std::size_t limit, keys_result& out) {
  if (rows.columns() != 1) return pg_step::unfit;
  out.known = true;
  for (int row = 0; row < rows.count(); ++row) {
    if (const auto key = rows.text(row, 0); valid_key(key)) out.keys.emplace_back(key);
  }
  if (limit > 0 && static_cast<std::size_t>(rows.count()) == limit) out.cursor = rows.text(rows.count() - 1, 0);
  return pg_step::decoded;
}

pg_step decode_count(const pg_rows& rows, count_result& out) {
  if (rows.count() != 1 || rows.number(0, 0) < 0) return pg_step::unfit;
  out.known = true;
  out.count = static_cast<std::uint64_t>(rows.number(0, 0));
  return pg_step::decoded;
}

pg_step decode_healthy(const pg_rows&, count_result& out) {
  out = {true, 1, {}};
  return pg_step::decoded;
}

pg_step decode_figures(const pg_rows& rows, stats_result& out) {
  if (rows.count() != 1 || rows.columns() != 2) return pg_step::unfit;
  out.known = true;
  out.stats.entries = static_cast<std::uint64_t>(rows.number(0, 0));
  out.stats.bytes = static_cast<std::uint64_t>(rows.number(0, 1));
  return pg_step::decoded;
}

}  // namespace coatcheck
