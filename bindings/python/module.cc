// coatcheck._core: what Python sees of the core.
//
// The module does not declare that it works without the GIL: an engine on a remote store keeps its connections
// under it. Global references to Python objects are never given back, so that nothing is torn down twice when the
// interpreter exits.
#include <pybind11/pybind11.h>

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
#include "primitives.hpp"
#include "refresh.hpp"
#include "values.hpp"

namespace py = pybind11;
namespace cc = coatcheck::python;

namespace {

PyMethodDef value_functions[] = {
    {"copy", cc::copy_value, METH_O, "copy(value): new dicts and lists, the same leaves"},
    {"same", cc::as_method(cc::same_value), METH_FASTCALL, "same(a, b): whether both are the same JSON value"},
    {"fill", cc::as_method(cc::fill_value), METH_FASTCALL, "fill(into, value): a copy of value's items into a dict"},
    {"encode", cc::encode_value, METH_O, "encode(value): its JSON text, or PayloadError that names the key"},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "The session engine of coatcheck. Use coatcheck.flask, coatcheck.starlette or coatcheck.wsgi.";
  cc::count_forks();
  cc::load_error_classes();
  cc::prepare_futures();
  cc::asyncio_driver::prepare();
  cc::add_handle_type(m);
  cc::add_engine_type(m);
  cc::add_async_engine_type(m);
  cc::add_async_store_type(m);
  cc::add_async_refresh_type(m);
  cc::add_primitives(m);
  cc::add_refresh_tokens(m);
  cc::add_jwt_keys(m);
  cc::add_jwt_tokens(m);
  cc::add_jwt_messages(m);
  if (PyModule_AddFunctions(m.ptr(), value_functions) != 0) throw py::error_already_set();
  m.attr("COMMIT_SECURE") = static_cast<long>(cc::flag_secure);
  m.attr("COMMIT_SAVE") = static_cast<long>(cc::flag_save);
  m.attr("COMMIT_REGENERATE") = static_cast<long>(cc::flag_regenerate);
  m.attr("COMMIT_EXACT") = static_cast<long>(cc::flag_exact);
}
