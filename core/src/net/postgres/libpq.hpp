// libpq as a table of functions, found at run time: it brings an OpenSSL of its own, and a package must work where it
// is not installed. Its ABI (libpq.so.5) has been the same since 2006, so the few prototypes that are needed stand here
// and building asks for no header of PostgreSQL's.
//
// The library is loaded so that it finds its own OpenSSL and not the one that the host process exports (Node does).
// It stays loaded until the process ends.
//
// Thread safety: any thread.
#pragma once

#include <cstdint>

#include "coatcheck/error.hpp"

namespace coatcheck::net {

struct pq_connection;  // PGconn
struct pq_result;      // PGresult
struct pq_notice {     // PGnotify
  char* channel;
  int process;
  char* payload;
  pq_notice* next;
};

// ConnStatusType, PostgresPollingStatusType and ExecStatusType: the values that are told apart here.
inline constexpr int pq_connection_ok = 0;
inline constexpr int pq_connection_bad = 1;
inline constexpr int pq_polling_failed = 0;
inline constexpr int pq_polling_reading = 1;
inline constexpr int pq_polling_writing = 2;
inline constexpr int pq_polling_ok = 3;
inline constexpr int pq_command_ok = 1;
inline constexpr int pq_tuples_ok = 2;
inline constexpr int pq_pipeline_sync = 10;
inline constexpr int pq_pipeline_aborted = 11;
inline constexpr int pq_field_sqlstate = 'C';
inline constexpr int pq_errors_sqlstate = 3;  // PQERRORS_SQLSTATE: a code instead of the server's text

// The functions, each under its name in libpq-fe.h without the PQ.
struct libpq {
  int (*lib_version)();
  pq_connection* (*connect_start_params)(const char* const* keywords, const char* const* values, int expand_dbname);
  int (*connect_poll)(pq_connection*);
  int (*status)(const pq_connection*);
  char* (*error_message)(const pq_connection*);
  int (*socket)(const pq_connection*);
  int (*backend_pid)(const pq_connection*);
  void (*finish)(pq_connection*);
  int (*set_error_verbosity)(pq_connection*, int);
  using notice_receiver = void (*)(void*, const pq_result*);
  notice_receiver (*set_notice_receiver)(pq_connection*, notice_receiver, void*);
  int (*setnonblocking)(pq_connection*, int);
  int (*flush)(pq_connection*);
  int (*consume_input)(pq_connection*);
  int (*is_busy)(pq_connection*);
  pq_result* (*get_result)(pq_connection*);
  int (*enter_pipeline_mode)(pq_connection*);
  int (*pipeline_sync)(pq_connection*);
  int (*send_pipeline_sync)(pq_connection*);  // does not flush; null before libpq 17
  int (*send_prepare)(pq_connection*, const char* name, const char* sql, int count, const unsigned* types);
  int (*send_query_prepared)(pq_connection*, const char* name, int count, const char* const* values, const int* lengths,
                             const int* formats, int result_format);
  int (*send_query_params)(pq_connection*, const char* sql, int count, const unsigned* types, const char* const* values,
                           const int* lengths, const int* formats, int result_format);
  int (*result_status)(const pq_result*);
  char* (*result_error_field)(const pq_result*, int field);
  int (*ntuples)(const pq_result*);
  int (*nfields)(const pq_result*);
  int (*getisnull)(const pq_result*, int row, int column);
  int (*getlength)(const pq_result*, int row, int column);
  char* (*getvalue)(const pq_result*, int row, int column);
  char* (*cmd_tuples)(pq_result*);
  void (*clear)(pq_result*);
  pq_notice* (*notifies)(pq_connection*);
  void (*freemem)(void*);
};

// The library, loaded once for the process. Error: store_unsupported, with what to install.
[[nodiscard]] result<const libpq*> load_libpq();
// The same from a library of another name, each time anew. For tests.
[[nodiscard]] result<const libpq*> load_libpq_from(const char* name);

}  // namespace coatcheck::net
