// What types that are written for CPython have in common, and the calls of both engines (Engine, AsyncEngine):
// arguments read from Python's calling convention for fast calls, and the core's answers turned into Python's.
//
// Thread safety: the GIL is held.
#pragma once

#include <Python.h>
#include <optional>
#include <string_view>

#include "coatcheck/engine.hpp"
#include "coatcheck/pruning.hpp"

#include "handle.hpp"

namespace coatcheck::python {

// Makes the type and puts it into the module. The reference that is answered is never given back: objects may outlive
// the module's dictionary. Throws error_already_set.
PyTypeObject* add_type(pybind11::module_& module, const char* name, PyType_Spec& spec);

// A Cookie header as the frameworks have it: None, bytes (ASGI), or a str of Latin-1 characters (WSGI, PEP 3333).
// Valid as long as this object lives; empty and `ok()` false with an exception set for anything else.
class header_argument {
 public:
  explicit header_argument(PyObject* given) noexcept;
  ~header_argument() { Py_XDECREF(owned_); }
  header_argument(const header_argument&) = delete;
  header_argument& operator=(const header_argument&) = delete;

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::string_view view() const noexcept { return view_; }

 private:
  std::string_view view_;
  PyObject* owned_ = nullptr;
  bool ok_ = true;
};

// Bits of the flags argument of commit; also in _core as COMMIT_*.
enum commit_flags : long {
  flag_secure = 1,      // the request came over TLS
  flag_save = 2,        // store even if nothing changed
  flag_regenerate = 4,  // under a new id; the old one ends
  flag_roll = 16,       // send the cookie even if nothing changed
  flag_exact = 8,       // a transaction; its attempt stands in the bits from the 8th on
};

// commit(handle, payload: str | None, flags: int, cookie: str | None, owner: str | None = None,
//        id: str | None = None)
struct commit_arguments {
  handle* of = nullptr;  // borrowed
  commit_request request;
  bool regenerate = false;  // only when there is an old id to end
};
// False with an exception set.
[[nodiscard]] bool read_commit(PyObject* const* args, Py_ssize_t count, commit_arguments& into);

// Whether destroy() takes it: also a record that is there and can't be read, so that a logout is possible.
[[nodiscard]] inline bool may_be_ended(const opened& value) noexcept {
  return value.status != open_status::unknown || value.session.unreadable;
}

// The handle follows the outcome. Answers the Set-Cookie value or None (also when the session is gone: `outcome`
// says so), or raises for conflict, unknown and refused.
[[nodiscard]] PyObject* answer(handle* of, committed&& done) noexcept;
[[nodiscard]] PyObject* answer(handle* of, destroyed&& done) noexcept;
// How many entries went; None: it was not our turn, or the store expires by itself.
[[nodiscard]] PyObject* answer(const prune_result& done) noexcept;
// {"entries", "bytes", "max_bytes"} and, where there is one, "near_cache" with its figures.
[[nodiscard]] PyObject* answer(const stats_result& done) noexcept;
// prune_in_turn's interval in ms, or 0 for a further batch. False with an exception set.
[[nodiscard]] bool read_interval(PyObject* given, duration_ms& into) noexcept;
inline void start_pruning(store& where, const clock& time, duration_ms interval, completion<prune_result> done) {
  if (interval == 0) return prune_further(where, done);
  prune_in_turn(where, time, interval, done);
}

// After regenerate: true when `request` is ready to be committed under a new id. Otherwise `*result` is the answer:
// None for a session that was destroyed meanwhile (it stays so), null with an exception set when unknown.
[[nodiscard]] bool regenerated_ready(handle* of, engine::regenerated&& done, commit_request& request,
                                     PyObject** result) noexcept;

// A method of a type or module in CPython's METH_FASTCALL convention.
using fast_call = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
[[nodiscard]] inline PyCFunction as_method(fast_call function) noexcept {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

}  // namespace coatcheck::python
