// coatcheck._core: what Python sees of the core.
//
// The module does not declare that it works without the GIL: an engine on a remote store keeps its connections
// under it. Global references to Python objects are never given back, so that nothing is torn down twice when the
// interpreter exits.
#include <array>
#include <pybind11/pybind11.h>
#include <string>

#include "coatcheck/life_cycle.hpp"

#include "async_engine.hpp"
#include "async_refresh.hpp"
#include "async_store.hpp"
#include "asyncio_driver.hpp"
#include "calls.hpp"
#include "encode.hpp"
#include "engine.hpp"
#include "errors.hpp"
#include "fork.hpp"
#include "future.hpp"
#include "handle.hpp"
#include "jwt_keys.hpp"
#include "jwt_messages.hpp"
#include "jwt_tokens.hpp"
#include "peers.hpp"
#include "primitives.hpp"
#include "py_clock.hpp"
#include "refresh.hpp"
#include "values.hpp"

namespace py = pybind11;
namespace cc = coatcheck::python;

namespace {

PyMethodDef value_functions[] = {
    {"copy", cc::copy_value, METH_O, "copy(value): new dicts and lists, the same leaves"},
    {"same", cc::as_method(cc::same_value), METH_FASTCALL, "same(a, b): whether both are the same JSON value"},
    {"is_plain", cc::as_method(cc::is_plain), METH_FASTCALL, "is_plain(data, every): whether there is nothing to tag"},
    {"fill", cc::as_method(cc::fill_value), METH_FASTCALL, "fill(into, value): a copy of value's items into a dict"},
    {"encode", cc::encode_value, METH_O, "encode(value): its JSON text, or PayloadError that names the key"},
    {nullptr, nullptr, 0, nullptr},
};

// Types, global references and the GIL's own state are the main interpreter's. pybind11 would wait for a lock for ever
// (3.11), or be loaded all the same where the sub-interpreter is of the older kind (3.12 on), as mod_wsgi's are.
int refuse_subinterpreter(PyObject*) {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return 0;
  PyErr_SetString(
      PyExc_ImportError,
      "coatcheck can not be loaded in a sub-interpreter. Under mod_wsgi, run the application in the main one: "
      "WSGIApplicationGroup %{GLOBAL}");
  return -1;
}

}  // namespace

PYBIND11_MODULE(_core_main, m, py::multiple_interpreters::not_supported()) {
  m.doc() = "The session engine of coatcheck. Use coatcheck.flask, coatcheck.starlette or coatcheck.wsgi.";
  cc::count_forks();
  cc::load_error_classes();
  cc::find_time_function();
  cc::prepare_futures();
  cc::asyncio_driver::prepare();
  cc::add_handle_type(m);
  cc::add_engine_type(m);
  cc::add_async_engine_type(m);
  cc::add_async_store_type(m);
  cc::add_async_refresh_type(m);
  cc::add_peers(m);
  cc::add_primitives(m);
  cc::add_refresh_tokens(m);
  cc::add_jwt_keys(m);
  cc::add_jwt_tokens(m);
  cc::add_jwt_messages(m);
  if (PyModule_AddFunctions(m.ptr(), value_functions) != 0) throw py::error_already_set();
  // END_STORED, STEP_COMMIT, HEADER_VARY …: the core's own numbers.
  for (const auto& word : coatcheck::life_cycle_words()) {
    std::string name(word.group);
    name.append("_").append(word.name);
    for (char& c : name) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
    m.attr(name.c_str()) = word.value;
  }
  m.attr("COMMIT_SECURE") = static_cast<long>(cc::flag_secure);
  m.attr("COMMIT_SAVE") = static_cast<long>(cc::flag_save);
  m.attr("COMMIT_REGENERATE") = static_cast<long>(cc::flag_regenerate);
  m.attr("COMMIT_ROLL") = static_cast<long>(cc::flag_roll);
  m.attr("COMMIT_EXACT") = static_cast<long>(cc::flag_exact);
}

// pybind11's definition, with the check before everything. Later versions of CPython call this in the main interpreter
// and run the slots in the sub-interpreter, earlier ones do both there.
extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
  if (refuse_subinterpreter(nullptr) != 0) return nullptr;
  PyObject* const made = PyInit__core_main();
  if (made == nullptr) return nullptr;
  auto* const definition = reinterpret_cast<PyModuleDef*>(made);
  static std::array<PyModuleDef_Slot, 16> slots{};
  if (definition->m_slots == slots.data()) return made;
  std::size_t count = 0;
  slots[count++] = {Py_mod_exec, reinterpret_cast<void*>(&refuse_subinterpreter)};
  for (const auto* slot = definition->m_slots; slot->slot != 0; ++slot) {
    if (count + 1 == slots.size()) {
      PyErr_SetString(PyExc_ImportError, "coatcheck._core: pybind11 has more slots than expected");
      return nullptr;
    }
    slots[count++] = *slot;
  }
  definition->m_name = "_core";
  definition->m_slots = slots.data();
  return made;
}
