// The AsyncEngine type.
#include "async_engine.hpp"

#include <memory>
#include <utility>

#include "coatcheck/engine.hpp"

#include "async_call.hpp"
#include "calls.hpp"
#include "handle.hpp"
#include "options.hpp"
#include "py_clock.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

// Everything of one loop. The order matters: the store unregisters from the driver when it goes.
struct host {
  std::shared_ptr<manual_clock> clock;
  asyncio_driver loop;
  std::shared_ptr<engine> on;

  host(setup made, const py::handle& event_loop, PyObject* owner)
      : clock(std::move(made.clock)), loop(event_loop, owner) {
    if (auto ready = open_stores(made.options, made.url, made.foreign_urls, &loop, made.near); !ready)
      throw_error(ready.error());
    auto created = engine::create(std::move(made.options));
    if (!created) throw_error(created.error());
    on = *std::move(created);
  }
};

[[nodiscard]] host& self_of(PyObject* object) noexcept { return host_of<host>(object); }

// One call in flight. Holds the engine and the handle; the future may be cancelled at any time, which changes
// nothing here: the operation goes on to its end, and its reply finds its place.
struct call {
  PyObject* engine_ref;
  PyObject* future;  // given away by finish
  handle* of;        // null for open
  commit_request request;

  call(PyObject* self, PyObject* waiting, handle* on) noexcept : engine_ref(self), future(waiting), of(on) {
    Py_INCREF(engine_ref);
    Py_XINCREF(as_object(of));
  }
  ~call() {
    Py_XDECREF(as_object(of));
    Py_DECREF(engine_ref);
  }
  call(const call&) = delete;
  call& operator=(const call&) = delete;

  void finish(PyObject* value) {
    settle(std::exchange(future, nullptr), value, self_of(engine_ref).loop.same_process());
    delete this;
  }
};

// A new call and, in `*answer`, the future to return; null with an exception set.
[[nodiscard]] call* new_call(PyObject* self, handle* of, PyObject** answer) {
  look_at_the_time();
  PyObject* future = self_of(self).loop.new_future();
  if (future == nullptr) return nullptr;
  Py_INCREF(future);
  *answer = future;
  return new call(self, future, of);
}

void start_commit(call* running) {
  self_of(running->engine_ref)
      .on->commit(std::move(running->request), completion<committed>(
                                                   [](void* context, committed&& done) {
                                                     auto* of = static_cast<call*>(context);
                                                     of->finish(answer(of->of, std::move(done)));
                                                   },
                                                   running));
}

PyObject* open_session(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2) throw py::type_error("open() takes the Cookie header and whether the request is secure");
    const header_argument header(args[0]);
    if (!header.ok()) return nullptr;
    const int secure = PyObject_IsTrue(args[1]);
    if (secure < 0) return nullptr;
    PyObject* future = nullptr;
    call* running = new_call(self, nullptr, &future);
    if (running == nullptr) return nullptr;
    self_of(self).on->open({header.view(), secure == 1},
                           completion<opened>(
                               [](void* context, opened&& out) {
                                 static_cast<call*>(context)->finish(as_object(make_handle(std::move(out))));
                               },
                               running));
    return future;
  });
}

PyObject* load(PyObject* self, PyObject* id) {
  return guarded([&]() -> PyObject* {
    if (!PyUnicode_Check(id)) throw py::type_error("load() takes a session id");
    const auto text = py::reinterpret_borrow<py::str>(id).cast<std::string>();
    PyObject* future = nullptr;
    call* running = new_call(self, nullptr, &future);
    if (running == nullptr) return nullptr;
    self_of(self).on->load(text, completion<opened>(
                                     [](void* context, opened&& out) {
                                       static_cast<call*>(context)->finish(as_object(make_handle(std::move(out))));
                                     },
                                     running));
    return future;
  });
}

PyObject* commit(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    commit_arguments given;
    if (!read_commit(args, count, given)) return nullptr;
    PyObject* future = nullptr;
    call* running = new_call(self, given.of, &future);
    if (running == nullptr) return nullptr;
    running->request = std::move(given.request);
    if (!given.regenerate) {
      start_commit(running);
      return future;
    }
    self_of(self).on->regenerate(running->request.base,
                                 completion<engine::regenerated>(
                                     [](void* context, engine::regenerated&& renamed) {
                                       auto* of = static_cast<call*>(context);
                                       PyObject* early = nullptr;
                                       if (regenerated_ready(of->of, std::move(renamed), of->request, &early)) {
                                         start_commit(of);
                                       } else {
                                         of->finish(early);
                                       }
                                     },
                                     running),
                                 running->request.id);
    return future;
  });
}

PyObject* destroy(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2 || !is_handle(args[0])) {
      throw py::type_error("destroy() takes a Handle and whether the request is secure");
    }
    auto* of = reinterpret_cast<handle*>(args[0]);
    if (!may_be_ended(of->value)) return raise(of->value.why);
    const int secure = PyObject_IsTrue(args[1]);
    if (secure < 0) return nullptr;
    PyObject* future = nullptr;
    call* running = new_call(self, of, &future);
    if (running == nullptr) return nullptr;
    const snapshot session = of->value.session;
    self_of(self).on->destroy(session, secure == 1,
                              completion<destroyed>(
                                  [](void* context, destroyed&& done) {
                                    auto* ended = static_cast<call*>(context);
                                    ended->finish(answer(ended->of, std::move(done)));
                                  },
                                  running));
    return future;
  });
}

PyObject* close_engine(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    self_of(self).on->where().close();
    Py_RETURN_NONE;
  });
}

PyObject* create(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    if (PyTuple_GET_SIZE(args) != 1) throw py::type_error("AsyncEngine() takes a loop and keyword arguments");
    setup given = read_setup(kwargs != nullptr ? py::reinterpret_borrow<py::dict>(kwargs) : py::dict());
    if (answers_in_the_call(given.url)) {
      throw_error({errc::invalid_url, "the store answers at once: use Engine, which never awaits"});
    }
    return make_async_object<host>(
        type, [&](PyObject* owner) { return new host(std::move(given), PyTuple_GET_ITEM(args, 0), owner); });
  });
}

PyObject* prune_turn(PyObject* self, PyObject* given) {
  return guarded([&]() -> PyObject* {
    duration_ms interval = 0;
    if (!read_interval(given, interval)) return nullptr;
    PyObject* future = nullptr;
    call* running = new_call(self, nullptr, &future);
    if (running == nullptr) return nullptr;
    const host& of = self_of(self);
    const coatcheck::clock& time = of.clock ? static_cast<const coatcheck::clock&>(*of.clock) : python_clock();
    start_pruning(
        of.on->where(), time, interval,
        completion<prune_result>(
            [](void* context, prune_result&& done) { static_cast<call*>(context)->finish(answer(done)); }, running));
    return future;
  });
}

PyObject* stats(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    PyObject* future = nullptr;
    call* running = new_call(self, nullptr, &future);
    if (running == nullptr) return nullptr;
    self_of(self).on->where().stats(completion<stats_result>(
        [](void* context, stats_result&& done) { static_cast<call*>(context)->finish(answer(done)); }, running));
    return future;
  });
}

PyMethodDef methods[] = {
    {"open", as_method(open_session), METH_FASTCALL, "open(cookie_header, secure) -> future of a Handle"},
    {"load", load, METH_O, "load(id) -> future of a Handle"},
    {"commit", as_method(commit), METH_FASTCALL,
     "commit(handle, payload, flags, cookie) -> future of the Set-Cookie value or None"},
    {"destroy", as_method(destroy), METH_FASTCALL, "destroy(handle, secure) -> future of the Set-Cookie value or None"},
    {"prune_turn", prune_turn, METH_O, "prune_turn(interval in ms, 0: a further batch) -> future of an int or None"},
    {"stats", stats, METH_NOARGS, "stats() -> future of a dict"},
    {"close", close_engine, METH_NOARGS, "close() -> None"},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(create)},
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy_async_object<host>)},
    {Py_tp_methods, methods},
    {Py_tp_doc, const_cast<char*>("Session engine on a remote store, for one asyncio loop.")},
    {0, nullptr},
};

PyType_Spec spec = {"coatcheck._core.AsyncEngine", sizeof(async_object<host>), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

void add_async_engine_type(py::module_& module) { add_type(module, "AsyncEngine", spec); }

}  // namespace coatcheck::python
