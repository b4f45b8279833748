// The AsyncRefreshTokens type.
#include "async_refresh.hpp"

#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "coatcheck/refresh_tokens.hpp"

#include "async_call.hpp"
#include "calls.hpp"
#include "options.hpp"
#include "refresh_answers.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

// The order matters: the store unregisters from the driver when it goes.
struct host {
  std::shared_ptr<manual_clock> clock;
  asyncio_driver loop;
  std::shared_ptr<store> families;
  std::shared_ptr<refresh_tokens> tokens;

  host(refresh_setup made, const py::handle& on, PyObject* owner) : clock(std::move(made.clock)), loop(on, owner) {
    auto opened_store = open_store(made.url, {made.options.time, &loop, &made.options.keys});
    if (!opened_store) throw_error(opened_store.error());
    families = *opened_store;
    made.options.where = *std::move(opened_store);
    auto created = refresh_tokens::create(std::move(made.options));
    if (!created) throw_error(created.error());
    tokens = *std::move(created);
  }
};

// The future of one call of the core: `start(tokens, completion)`.
template <class R, class Start>
PyObject* ask(PyObject* self, Start&& start) {
  return in_flight<R, host>(
      self, [](R&& got) { return answer(std::move(got)).release().ptr(); },
      [&](completion<R> done) { start(*host_of<host>(self).tokens, done); });
}

template <std::size_t N>
void read_texts(PyObject* const* args, Py_ssize_t count, std::array<std::string_view, N>& into) {
  if (count != static_cast<Py_ssize_t>(N)) throw py::type_error("wrong number of arguments");
  for (std::size_t i = 0; i < N; ++i) {
    if (!read_text(args[i], into[i])) throw py::error_already_set();
  }
}

PyObject* issue(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&] {
    std::array<std::string_view, 3> given;
    read_texts(args, count, given);
    return ask<issue_result>(self, [&](const refresh_tokens& tokens, completion<issue_result> done) {
      tokens.issue(given[0], given[1], given[2], done);
    });
  });
}

// The methods that take one string.
template <class R, void (refresh_tokens::*Call)(std::string_view, completion<R>) const>
PyObject* with_text(PyObject* self, PyObject* given) {
  return guarded([&]() -> PyObject* {
    std::string_view text;
    if (!read_text(given, text)) return nullptr;
    return ask<R>(self, [&](const refresh_tokens& tokens, completion<R> done) { (tokens.*Call)(text, done); });
  });
}

PyObject* revoke_all(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&] {
    std::array<std::string_view, 2> given;
    read_texts(args, count, given);
    return ask<revoke_all_result>(self, [&](const refresh_tokens& tokens, completion<revoke_all_result> done) {
      tokens.revoke_all(given[0], given[1], done);
    });
  });
}

PyObject* check(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    std::string_view owner;
    if (count != 2) throw py::type_error("check() takes an owner and an epoch");
    if (!read_text(args[0], owner)) return nullptr;
    const epoch_ms epoch = PyLong_AsLongLong(args[1]);
    if (epoch == -1 && PyErr_Occurred() != nullptr) return nullptr;
    return ask<epoch_result>(
        self, [&](const refresh_tokens& tokens, completion<epoch_result> done) { tokens.check(owner, epoch, done); });
  });
}

PyObject* close(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    host_of<host>(self).families->close();
    Py_RETURN_NONE;
  });
}

PyObject* create(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    if (PyTuple_GET_SIZE(args) != 1) throw py::type_error("AsyncRefreshTokens() takes a loop and keyword arguments");
    refresh_setup given = read_refresh_setup(kwargs != nullptr ? py::reinterpret_borrow<py::dict>(kwargs) : py::dict());
    if (answers_in_the_call(given.url)) {
      throw_error({errc::invalid_url, "the store answers at once: use RefreshTokens, which never awaits"});
    }
    return make_async_object<host>(
        type, [&](PyObject* owner) { return new host(std::move(given), PyTuple_GET_ITEM(args, 0), owner); });
  });
}

PyMethodDef methods[] = {
    {"issue", as_method(issue), METH_FASTCALL, "issue(owner, device, payload) -> future"},
    {"refresh", with_text<refresh_result, &refresh_tokens::refresh>, METH_O, "refresh(token) -> future"},
    {"list", with_text<families_result, &refresh_tokens::list>, METH_O, "list(owner) -> future"},
    {"revoke", with_text<remove_result, &refresh_tokens::revoke>, METH_O, "revoke(family) -> future"},
    {"revoke_token", with_text<remove_result, &refresh_tokens::revoke_token>, METH_O, "revoke_token(token) -> future"},
    {"revoke_all", as_method(revoke_all), METH_FASTCALL, "revoke_all(owner, except_family) -> future"},
    {"check", as_method(check), METH_FASTCALL, "check(owner, epoch) -> future"},
    {"close", close, METH_NOARGS, "close() -> None"},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(create)},
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy_async_object<host>)},
    {Py_tp_methods, methods},
    {Py_tp_doc, const_cast<char*>("Refresh tokens on a remote store, for one asyncio loop.")},
    {0, nullptr},
};

PyType_Spec spec = {"coatcheck._core.AsyncRefreshTokens", sizeof(async_object<host>), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

void add_async_refresh_type(py::module_& module) { add_type(module, "AsyncRefreshTokens", spec); }

}  // namespace coatcheck::python
