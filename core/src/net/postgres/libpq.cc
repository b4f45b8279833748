// Finding libpq and its functions: see libpq.hpp.
#include "net/postgres/libpq.hpp"

#include <dlfcn.h>
#include <string>

namespace coatcheck::net {
namespace {

// Sanitizers put themselves before malloc by symbol order, and refuse to run with what looks past them.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int own_symbols_first = 0;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
constexpr int own_symbols_first = 0;
#else
constexpr int own_symbols_first = RTLD_DEEPBIND;
#endif
#else
constexpr int own_symbols_first = RTLD_DEEPBIND;
#endif

template <class F>
bool find(void* library, const char* name, F& into) {
  into = reinterpret_cast<F>(::dlsym(library, name));
  return into != nullptr;
}

bool find_all(void* library, libpq& to) {
  (void)find(library, "PQsendPipelineSync", to.send_pipeline_sync);
  return find(library, "PQlibVersion", to.lib_version) &&
         find(library, "PQconnectStartParams", to.connect_start_params) &&
         find(library, "PQconnectPoll", to.connect_poll) && find(library, "PQstatus", to.status) &&
         find(library, "PQerrorMessage", to.error_message) && find(library, "PQsocket", to.socket) &&
         find(library, "PQbackendPID", to.backend_pid) && find(library, "PQfinish", to.finish) &&
         find(library, "PQsetErrorVerbosity", to.set_error_verbosity) &&
         find(library, "PQsetNoticeReceiver", to.set_notice_receiver) &&
         find(library, "PQsetnonblocking", to.setnonblocking) && find(library, "PQflush", to.flush) &&
         find(library, "PQconsumeInput", to.consume_input) && find(library, "PQisBusy", to.is_busy) &&
         find(library, "PQgetResult", to.get_result) && find(library, "PQenterPipelineMode", to.enter_pipeline_mode) &&
         find(library, "PQpipelineSync", to.pipeline_sync) && find(library, "PQsendPrepare", to.send_prepare) &&
         find(library, "PQsendQueryPrepared", to.send_query_prepared) &&
         find(library, "PQsendQueryParams", to.send_query_params) &&
         find(library, "PQresultStatus", to.result_status) &&
         find(library, "PQresultErrorField", to.result_error_field) && find(library, "PQntuples", to.ntuples) &&
         find(library, "PQnfields", to.nfields) && find(library, "PQgetisnull", to.getisnull) &&
         find(library, "PQgetlength", to.getlength) && find(library, "PQgetvalue", to.getvalue) &&
         find(library, "PQcmdTuples", to.cmd_tuples) && find(library, "PQclear", to.clear) &&
         find(library, "PQnotifies", to.notifies) && find(library, "PQfreemem", to.freemem);
}

}  // namespace

result<const libpq*> load_libpq_from(const char* name) {
  void* const library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL | own_symbols_first);
  if (library == nullptr) {
    return {errc::store_unsupported,
            "PostgreSQL needs its client library, libpq.so.5, which is not here: apt install libpq5 (Debian, Ubuntu), "
            "dnf install libpq (Fedora, RHEL), apk add libpq (Alpine)"};
  }
  auto* const made = new libpq();  // for as long as the process lives
  if (!find_all(library, *made)) {
    delete made;
    ::dlclose(library);
    return {errc::store_unsupported, "PostgreSQL needs libpq 14 or later: the one that is installed is older"};
  }
  return static_cast<const libpq*>(made);
}

result<const libpq*> load_libpq() {
  static const result<const libpq*> loaded = load_libpq_from("libpq.so.5");
  return loaded;
}

}  // namespace coatcheck::net
