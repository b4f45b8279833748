// The AsyncStore type.
#include "async_store.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "coatcheck/store.hpp"

#include "async_call.hpp"
#include "calls.hpp"
#include "options.hpp"
#include "py_clock.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

struct host {
  asyncio_driver loop;
  std::shared_ptr<store> entries;  // unregisters from the loop when it goes

  host(const std::string& url, const py::handle& on, PyObject* owner) : loop(on, owner) {
    auto opened_store = open_store(url, {&python_clock(), &loop});
    if (!opened_store) throw_error(opened_store.error());
    entries = *std::move(opened_store);
  }
};

// The value as bytes, or None when absent; raises when unknown.
PyObject* on_got(get_result&& got) {
  if (got.status == get_status::unknown) return raise(got.why);
  if (got.status == get_status::absent) Py_RETURN_NONE;
  return PyBytes_FromStringAndSize(got.value.bytes.data(), static_cast<Py_ssize_t>(got.value.bytes.size()));
}

PyObject* get(PyObject* self, PyObject* given) {
  return guarded([&]() -> PyObject* {
    std::string_view key;
    if (!read_text(given, key)) return nullptr;
    return in_flight<get_result, host>(
        self, on_got, [&](completion<get_result> done) { host_of<host>(self).entries->get(key, done); });
  });
}

PyObject* on_put(put_result&& done) {
  if (done.status != put_status::stored) return raise(done.why);
  Py_RETURN_NONE;
}

// put(key, bytes, expires_at): stores whatever was there.
PyObject* put(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    std::string_view key;
    if (count != 3 || !PyBytes_Check(args[1])) throw py::type_error("put() takes a key, bytes and a time in ms");
    if (!read_text(args[0], key)) return nullptr;
    const epoch_ms expires_at = PyLong_AsLongLong(args[2]);
    if (expires_at == -1 && PyErr_Occurred() != nullptr) return nullptr;
    const std::string_view bytes(PyBytes_AS_STRING(args[1]), static_cast<std::size_t>(PyBytes_GET_SIZE(args[1])));
    return in_flight<put_result, host>(self, on_put, [&](completion<put_result> done) {
      host_of<host>(self).entries->put(key, bytes, expires_at, expectation::anything(), {}, done);
    });
  });
}

PyObject* close_store(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    host_of<host>(self).entries->close();
    Py_RETURN_NONE;
  });
}

PyObject* create(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    if (PyTuple_GET_SIZE(args) != 2 || kwargs != nullptr) throw py::type_error("AsyncStore() takes a loop and a URL");
    const auto url = py::handle(PyTuple_GET_ITEM(args, 1)).cast<std::string>();
    if (answers_in_the_call(url)) throw_error({errc::invalid_url, "the store answers at once"});
    return make_async_object<host>(type,
                                   [&](PyObject* owner) { return new host(url, PyTuple_GET_ITEM(args, 0), owner); });
  });
}

PyMethodDef methods[] = {
    {"get", get, METH_O, "get(key) -> future of bytes or None"},
    {"put", as_method(put), METH_FASTCALL, "put(key, bytes, expires_at) -> future"},
    {"close", close_store, METH_NOARGS, "close() -> None"},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(create)},
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy_async_object<host>)},
    {Py_tp_methods, methods},
    {Py_tp_doc, const_cast<char*>("A remote store, for one asyncio loop.")},
    {0, nullptr},
};

PyType_Spec spec = {"coatcheck._core.AsyncStore", sizeof(async_object<host>), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

void add_async_store_type(py::module_& module) { add_type(module, "AsyncStore", spec); }

}  // namespace coatcheck::python
