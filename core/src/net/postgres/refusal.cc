// The SQLSTATE codes that a store of sessions meets: see refusal.hpp.
#include "net/postgres/refusal.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>

namespace coatcheck::net {
namespace {

enum trait : std::uint8_t { none = 0, retry = 1, replan = 2, demoted = 4, ending = 8, settled = 16 };

struct state_row {
  std::string_view state;  // five characters, or the two of a class
  errc code;
  unsigned traits;
  std::string_view message;
};

// The first row that fits counts.
constexpr state_row known_states[] = {
    {"40001", errc::store_timeout, retry, "PostgreSQL could not serialise the statement with others in time (40001)"},
    {"40P01", errc::store_timeout, retry, "PostgreSQL ended a deadlock with others, again and again (40P01)"},
    {"CC001", errc::store_format, none,
     "the table of sessions in PostgreSQL is there already, with other partitions or none (?partitions=): make one of "
     "another "
     "name, or move its rows"},
    {"26000", errc::store_protocol, replan,
     "PostgreSQL has lost a prepared statement (26000): behind pgbouncer in transaction mode put ?prepare=off into the "
     "store's URL"},
    {"0A000", errc::store_format, replan, "PostgreSQL can't run a statement of ours (0A000): the table was changed"},
    {"42P05", errc::store_protocol, replan,
     "PostgreSQL has a prepared statement of that name already (42P05): behind pgbouncer in transaction mode put "
     "?prepare=off into the store's URL"},
    {"25006", errc::store_refused, demoted,
     "this PostgreSQL server is read-only (25006): a standby, or default_transaction_read_only; name the primary, or "
     "every server, in the store's URL"},
    {"25P03", errc::store_unavailable, ending, "PostgreSQL ended the connection, which was idle (25P03)"},
    {"25", errc::store_refused, none, "PostgreSQL refuses the statement in the state of its transaction"},
    {"53300", errc::store_overloaded, none,
     "PostgreSQL has as many connections as it takes (53300): raise max_connections, lower ?pool= in the store's URL, "
     "or "
     "put a pooler before it"},
    {"53100", errc::store_full, none, "the disk of PostgreSQL is full (53100)"},
    {"53", errc::store_overloaded, none, "PostgreSQL has no resources left: see the server's log"},
    {"57P01", errc::store_unavailable, ending, "PostgreSQL shuts down or ended the connection (57P01)"},
    {"57P02", errc::store_unavailable, ending, "PostgreSQL starts over after a crash (57P02)"},
    {"57P03", errc::store_unavailable, ending, "PostgreSQL is starting up, shutting down or recovering (57P03)"},
    {"57P05", errc::store_unavailable, ending, "PostgreSQL ended the connection, which was idle (57P05)"},
    {"57P", errc::store_unavailable, ending, "PostgreSQL ended the connection"},
    {"57014", errc::store_timeout, none, "PostgreSQL cancelled the statement: it took too long (57014)"},
    {"55P03", errc::store_timeout, none, "PostgreSQL did not get a lock in time (55P03)"},
    {"08P01", errc::store_protocol, ending,
     "PostgreSQL, or a pooler before it, did not understand what it was sent (08P01)"},
    {"08", errc::store_unavailable, ending, "PostgreSQL lost or refused the connection"},
    {"28P01", errc::store_permission, settled,
     "PostgreSQL refuses the password (28P01): check user and password in the store's URL"},
    {"28", errc::store_permission, settled,
     "PostgreSQL refuses the user (28000): check the user in the store's URL, TLS (sslmode) and the server's "
     "pg_hba.conf"},
    {"3D000", errc::store_refused, settled, "PostgreSQL has no database of that name (3D000): check the store's URL"},
    {"42501", errc::store_permission, settled,
     "PostgreSQL does not allow this user to use the table (42501): GRANT SELECT, INSERT, UPDATE, DELETE "
     "on it; for its schema's sake be its owner, or have CREATE there"},
    {"42P01", errc::store_format, none,
     "PostgreSQL has no table of sessions of that name (42P01): make it once with createSchema(url) in Node, "
     "create_schema(url) in Python or store::create_schema in C++, or run what schemaSql / schema_sql gives"},
    {"3F000", errc::store_format, none,
     "PostgreSQL has no schema of that name (3F000): check ?table= in the store's URL, or CREATE SCHEMA first"},
    {"42", errc::store_format, none,
     "the table of sessions in PostgreSQL is not one of coatcheck's, or of another version: see "
     "createSchema / create_schema, and ?table= in the store's URL"},
    {"22", errc::store_refused, none, "PostgreSQL refuses a value"},
    {"54", errc::store_refused, none, "PostgreSQL refuses the statement: over one of its limits"},
    {"XX", errc::store_refused, none, "PostgreSQL met an error inside itself: see the server's log"},
};

// A row for a whole class tells which of it.
pg_refusal to_refusal(const state_row& one, std::string_view state) {
  std::string text(one.message);
  if (one.state.size() < 5) text += " (" + std::string(state.substr(0, 5)) + ")";
  return {{one.code, std::move(text)}, (one.traits & retry) != 0,  (one.traits & replan) != 0,
          (one.traits & demoted) != 0, (one.traits & ending) != 0, (one.traits & settled) != 0};
}

bool is_code(std::string_view word) {
  return word.size() == 5 &&
         std::all_of(word.begin(), word.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

// "…FATAL:  28P01": the last word, after two spaces. The word before it is in the server's language.
std::string_view state_in(std::string_view message) {
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.remove_suffix(1);
  const auto space = message.rfind("  ");
  if (space == std::string_view::npos) return {};
  const auto word = message.substr(space + 2);
  return is_code(word) ? word : std::string_view();
}

// What libpq itself says (no route, a certificate, a file that is missing): its last line that says anything, without
// what it says of where it tried.
std::string own_words(std::string_view message) {
  std::string_view last;
  while (!message.empty()) {
    const auto end = message.find('\n');
    const auto line = message.substr(0, end);
    if (!line.empty() && line.front() != '\t') last = line;
    if (end == std::string_view::npos) break;
    message.remove_prefix(end + 1);
  }
  if (const auto failed = last.rfind(" failed: "); failed != std::string_view::npos) last.remove_prefix(failed + 9);
  std::string out;
  for (const char c : last.substr(0, 200)) out += c >= ' ' && c <= '~' ? c : '?';
  return out.empty() ? "libpq does not say why" : out;
}

}  // namespace

pg_refusal classify_sqlstate(std::string_view state) {
  const auto* const found = std::find_if(std::begin(known_states), std::end(known_states),
                                         [&](const state_row& one) { return state.starts_with(one.state); });
  if (found != std::end(known_states)) return to_refusal(*found, state);
  pg_refusal other;
  other.why = {errc::store_refused, "PostgreSQL refused the operation" +
                                        (is_code(state) ? " (" + std::string(state) + ")" : std::string()) +
                                        ": see the server's log"};
  return other;
}

pg_refusal classify_connect_failure(std::string_view message, std::string_view name) {
  if (const auto state = state_in(message); !state.empty()) return classify_sqlstate(state);
  pg_refusal out;
  out.why = {errc::store_unavailable,
             "cannot connect to PostgreSQL at " + std::string(name) + ": " + own_words(message)};
  // A password that is not there, or an option that libpq does not know, is not there the next time either.
  if (message.find("no password supplied") != std::string_view::npos) {
    out.why.code = errc::store_permission;
    out.settled = true;
  } else if (message.find("invalid connection option") != std::string_view::npos ||
             message.find("invalid sslmode value") != std::string_view::npos) {
    out.why.code = errc::invalid_url;
    out.settled = true;
  }
  return out;
}

}  // namespace coatcheck::net
