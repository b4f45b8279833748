// The AsyncStore type.
#include "async_store.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "coatcheck/store.hpp"

#include "asyncio_driver.hpp"
#include "calls.hpp"
#include "errors.hpp"
#include "future.hpp"
#include "options.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

struct host {
  asyncio_driver loop;
  std::shared_ptr<store> entries;  // unregisters from the loop when it goes

  host(const std::string& url, const py::handle& on, PyObject* owner) : loop(on, owner) {
    auto opened_store = open_store(url, {nullptr, &loop});
    if (!opened_store) throw_error(opened_store.error());
    entries = *std::move(opened_store);
  }
};

struct store_object {
  PyObject_HEAD host* of;
};

[[nodiscard]] host& self_of(PyObject* object) noexcept { return *reinterpret_cast<store_object*>(object)->of; }

struct call {
  PyObject* store_ref;
  PyObject* future;

  void finish(PyObject* value) {
    settle(future, value, self_of(store_ref).loop.same_process());
    Py_DECREF(store_ref);
    delete this;
  }
};

[[nodiscard]] call* new_call(PyObject* self, PyObject** answer) {
  PyObject* future = self_of(self).loop.new_future();
  if (future == nullptr) return nullptr;
  Py_INCREF(future);
  Py_INCREF(self);
  *answer = future;
  return new call{self, future};
}

[[nodiscard]] bool read_key(PyObject* given, std::string_view& key) noexcept {
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(given, &size);
  if (text == nullptr) return false;
  key = {text, static_cast<std::size_t>(size)};
  return true;
}

// The value as bytes, or None when absent; raises when unknown.
PyObject* on_got(get_result&& got) {
  if (got.status == get_status::unknown) return raise(got.why);
  if (got.status == get_status::absent) Py_RETURN_NONE;
  return PyBytes_FromStringAndSize(got.value.bytes.data(), static_cast<Py_ssize_t>(got.value.bytes.size()));
}

PyObject* get(PyObject* self, PyObject* given) {
  return guarded([&]() -> PyObject* {
    std::string_view key;
    if (!read_key(given, key)) return nullptr;
    PyObject* future = nullptr;
    call* running = new_call(self, &future);
    if (running == nullptr) return nullptr;
    self_of(self).entries->get(
        key, completion<get_result>(
                 [](void* context, get_result&& got) { static_cast<call*>(context)->finish(on_got(std::move(got))); },
                 running));
    return future;
  });
}

// put(key, bytes, expires_at): stores whatever was there.
PyObject* put(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    std::string_view key;
    if (count != 3 || !PyBytes_Check(args[1])) throw py::type_error("put() takes a key, bytes and a time in ms");
    if (!read_key(args[0], key)) return nullptr;
    const epoch_ms expires_at = PyLong_AsLongLong(args[2]);
    if (expires_at == -1 && PyErr_Occurred() != nullptr) return nullptr;
    PyObject* future = nullptr;
    call* running = new_call(self, &future);
    if (running == nullptr) return nullptr;
    const std::string_view bytes(PyBytes_AS_STRING(args[1]), static_cast<std::size_t>(PyBytes_GET_SIZE(args[1])));
    self_of(self).entries->put(key, bytes, expires_at, expectation::anything(), {},
                               completion<put_result>(
                                   [](void* context, put_result&& done) {
                                     PyObject* value = nullptr;
                                     if (done.status == put_status::stored) {
                                       Py_INCREF(Py_None);
                                       value = Py_None;
                                     } else {
                                       raise(done.why);
                                     }
                                     static_cast<call*>(context)->finish(value);
                                   },
                                   running));
    return future;
  });
}

PyObject* close_store(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    self_of(self).entries->close();
    Py_RETURN_NONE;
  });
}

PyObject* create(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    if (PyTuple_GET_SIZE(args) != 2 || kwargs != nullptr) throw py::type_error("AsyncStore() takes a loop and a URL");
    const auto url = py::handle(PyTuple_GET_ITEM(args, 1)).cast<std::string>();
    if (answers_in_the_call(url)) throw_error({errc::invalid_url, "the store answers at once"});
    auto made = py::reinterpret_steal<py::object>(type->tp_alloc(type, 0));
    if (!made) return nullptr;
    reinterpret_cast<store_object*>(made.ptr())->of = new host(url, PyTuple_GET_ITEM(args, 0), made.ptr());
    return made.release().ptr();
  });
}

void destroy_object(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  delete reinterpret_cast<store_object*>(object)->of;
  type->tp_free(object);
  Py_DECREF(type);
}

PyMethodDef methods[] = {
    {"get", get, METH_O, "get(key) -> future of bytes or None"},
    {"put", as_method(put), METH_FASTCALL, "put(key, bytes, expires_at) -> future"},
    {"close", close_store, METH_NOARGS, "close() -> None"},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(create)},
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy_object)},
    {Py_tp_methods, methods},
    {Py_tp_doc, const_cast<char*>("A remote store, for one asyncio loop.")},
    {0, nullptr},
};

PyType_Spec spec = {"coatcheck._core.AsyncStore", sizeof(store_object), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

void add_async_store_type(py::module_& module) {
  auto type = py::reinterpret_steal<py::object>(PyType_FromSpec(&spec));
  if (!type) throw py::error_already_set();
  module.attr("AsyncStore") = type;
}

}  // namespace coatcheck::python
