// The Engine type.
#include "engine.hpp"

#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>

#include "coatcheck/engine.hpp"

#include "blocking.hpp"
#include "calls.hpp"
#include "errors.hpp"
#include "gil.hpp"
#include "handle.hpp"
#include "options.hpp"
#include "py_clock.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

// An engine on a local store, or a pool of them on a remote one.
class host {
 public:
  explicit host(setup made) : clock_(std::move(made.clock)) {
    if (answers_in_the_call(made.url)) {
      if (auto ready = open_stores(made.options, made.url, made.foreign_urls, nullptr, made.near); !ready) {
        throw_error(ready.error());
      }
      writes_wait_ = made.options.where->capabilities().may_block;
      auto created = engine::create(std::move(made.options));
      if (!created) throw_error(created.error());
      local_ = *std::move(created);
    } else {
      pool_.emplace(std::move(made));
      // Wrong options show at start-up. This one is never used to connect, so that it means the same in a child.
      auto first = pool_->take();
      if (!first) throw_error(first.error());
      pattern_ = *std::move(first);
    }
  }

  [[nodiscard]] bool remote() const noexcept { return pool_.has_value(); }
  [[nodiscard]] const engine& any() const noexcept { return local_ ? *local_ : *pattern_->on; }
  [[nodiscard]] const clock& time() const noexcept {
    return clock_ ? static_cast<const clock&>(*clock_) : python_clock();
  }
  void close() noexcept {
    if (local_) local_->where().close();
    if (pool_) pool_->close();
  }

  // Runs `start(engine, completion)` to its end. False with an exception set when there is no engine to run it.
  template <class R, class Start>
  [[nodiscard]] bool run(bool writes, R& out, Start&& start) {
    look_at_the_time();
    if (local_) {
      if (writes && writes_wait_) {
        const gil_released released;
        out = complete<R>([&](completion<R> done) { start(*local_, done); });
      } else {
        out = complete<R>([&](completion<R> done) { start(*local_, done); });
      }
      return true;
    }
    auto taken = pool_->take();
    if (!taken) {
      raise(taken.error());
      return false;
    }
    auto borrowed = *std::move(taken);
    const bool told = wait_on(*borrowed, out, [&](completion<R> done) { start(*borrowed->on, done); });
    pool_->give_back(std::move(borrowed));
    return told;
  }

 private:
  std::shared_ptr<manual_clock> clock_;
  bool writes_wait_ = false;  // then the GIL is released around them
  std::shared_ptr<engine> local_;
  std::optional<blocking_pool> pool_;
  std::unique_ptr<worker> pattern_;  // of a remote engine: answers what depends on the options alone
};

struct engine_object {
  PyObject_HEAD host* engines;
};

[[nodiscard]] host& self_of(PyObject* object) noexcept { return *reinterpret_cast<engine_object*>(object)->engines; }

PyObject* create(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    if (PyTuple_GET_SIZE(args) != 0) throw py::type_error("Engine() takes keyword arguments only");
    auto engines =
        std::make_unique<host>(read_setup(kwargs != nullptr ? py::reinterpret_borrow<py::dict>(kwargs) : py::dict()));
    PyObject* made = type->tp_alloc(type, 0);
    if (made != nullptr) reinterpret_cast<engine_object*>(made)->engines = engines.release();
    return made;
  });
}

void destroy_object(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  delete reinterpret_cast<engine_object*>(object)->engines;
  type->tp_free(object);
  Py_DECREF(type);
}

PyObject* open_session(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2) {
      PyErr_SetString(PyExc_TypeError, "expected the Cookie header and whether the request is secure");
      return nullptr;
    }
    const header_argument header(args[0]);
    if (!header.ok()) return nullptr;
    const int secure = PyObject_IsTrue(args[1]);
    if (secure < 0) return nullptr;
    const request_facts facts{header.view(), secure == 1};
    opened out;
    if (!self_of(self).run(false, out, [&](engine& e, completion<opened> done) { e.open(facts, done); })) {
      return nullptr;
    }
    return as_object(make_handle(std::move(out)));
  });
}

PyObject* commit(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    commit_arguments given;
    if (!read_commit(args, count, given)) return nullptr;
    if (given.regenerate) {
      engine::regenerated renamed;
      PyObject* early = nullptr;
      if (!self_of(self).run(true, renamed, [&](engine& e, completion<engine::regenerated> then) {
            e.regenerate(given.request.base, then, given.request.id);
          })) {
        return nullptr;
      }
      if (!regenerated_ready(given.of, std::move(renamed), given.request, &early)) return early;
    }
    committed done;
    if (!self_of(self).run(true, done,
                           [&](engine& e, completion<committed> then) { e.commit(std::move(given.request), then); })) {
      return nullptr;
    }
    return answer(given.of, std::move(done));
  });
}

PyObject* load(PyObject* self, PyObject* id) {
  return guarded([&]() -> PyObject* {
    if (!PyUnicode_Check(id)) throw py::type_error("load() takes a session id");
    const auto text = py::reinterpret_borrow<py::str>(id).cast<std::string>();
    opened out;
    if (!self_of(self).run(false, out, [&](engine& e, completion<opened> done) { e.load(text, done); })) {
      return nullptr;
    }
    return as_object(make_handle(std::move(out)));
  });
}

PyObject* destroy(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2 || !is_handle(args[0]))
      throw py::type_error("destroy() takes a Handle and whether the request is secure");
    auto* of = reinterpret_cast<handle*>(args[0]);
    if (!may_be_ended(of->value)) return raise(of->value.why);
    const int secure = PyObject_IsTrue(args[1]);
    if (secure < 0) return nullptr;
    destroyed done;
    const snapshot session = of->value.session;
    if (!self_of(self).run(true, done,
                           [&](engine& e, completion<destroyed> then) { e.destroy(session, secure == 1, then); })) {
      return nullptr;
    }
    return answer(of, std::move(done));
  });
}

PyObject* prune_turn(PyObject* self, PyObject* given) {
  return guarded([&]() -> PyObject* {
    duration_ms interval = 0;
    if (!read_interval(given, interval)) return nullptr;
    prune_result done;
    if (!self_of(self).run(true, done, [&](engine& e, completion<prune_result> then) {
          start_pruning(e.where(), self_of(self).time(), interval, then);
        })) {
      return nullptr;
    }
    return answer(done);
  });
}

PyObject* stats(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    stats_result done;
    if (!self_of(self).run(true, done, [](engine& e, completion<stats_result> then) { e.where().stats(then); })) {
      return nullptr;
    }
    return answer(done);
  });
}

PyObject* cookie_name(PyObject* self, PyObject* secure) {
  const int truth = PyObject_IsTrue(secure);
  if (truth < 0) return nullptr;
  const auto name = self_of(self).any().cookie_name(truth == 1);
  return PyUnicode_FromStringAndSize(name.data(), static_cast<Py_ssize_t>(name.size()));
}

PyObject* clearing_cookie(PyObject* self, PyObject* secure) {
  return guarded([&]() -> PyObject* {
    const int truth = PyObject_IsTrue(secure);
    if (truth < 0) return nullptr;
    const auto header = self_of(self).any().clearing_cookie(truth == 1);
    return PyUnicode_FromStringAndSize(header.data(), static_cast<Py_ssize_t>(header.size()));
  });
}

PyObject* close_engine(PyObject* self, PyObject*) {
  self_of(self).close();
  Py_RETURN_NONE;
}

PyObject* response_headers(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 2) {
    PyErr_SetString(PyExc_TypeError, "expected whether a cookie is sent and whether the session was looked at");
    return nullptr;
  }
  const int sends_cookie = PyObject_IsTrue(args[0]);
  const int looked = PyObject_IsTrue(args[1]);
  if (sends_cookie < 0 || looked < 0) return nullptr;
  return PyLong_FromUnsignedLong(self_of(self).any().response_headers(sends_cookie == 1, looked == 1));
}

PyObject* get_end_table(PyObject* self, void*) {
  const auto table = self_of(self).any().end_table();
  return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(table.data()), static_cast<Py_ssize_t>(table.size()));
}

PyObject* get_remote(PyObject* self, void*) { return PyBool_FromLong(self_of(self).remote() ? 1 : 0); }

PyObject* get_warnings(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    py::list all;
    for (const std::string& warning : self_of(self).any().keys().warnings()) all.append(py::str(warning));
    return all.release().ptr();
  });
}

PyMethodDef methods[] = {
    {"open", as_method(open_session), METH_FASTCALL, "open(cookie_header, secure) -> Handle"},
    {"load", load, METH_O, "load(id) -> Handle"},
    {"commit", as_method(commit), METH_FASTCALL,
     "commit(handle, payload, flags, cookie, owner) -> Set-Cookie value or None"},
    {"destroy", as_method(destroy), METH_FASTCALL, "destroy(handle, secure) -> Set-Cookie value or None"},
    {"prune_turn", prune_turn, METH_O, "prune_turn(interval in ms, 0: a further batch) -> int or None"},
    {"stats", stats, METH_NOARGS, "stats() -> dict"},
    {"cookie_name", cookie_name, METH_O, "cookie_name(secure) -> str"},
    {"clearing_cookie", clearing_cookie, METH_O, "clearing_cookie(secure) -> Set-Cookie value"},
    {"response_headers", as_method(response_headers), METH_FASTCALL, "response_headers(sends_cookie, looked) -> bits"},
    {"close", close_engine, METH_NOARGS, "close() -> None"},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef attributes[] = {
    {"remote", get_remote, nullptr, "whether calls wait for a server", nullptr},
    {"end_table", get_end_table, nullptr, "what each combination of facts calls for (life_cycle.hpp)", nullptr},
    {"warnings", get_warnings, nullptr, "what a careful operator should be told, once", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(create)},
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy_object)},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_tp_doc, const_cast<char*>("Session engine that answers in the call.")},
    {0, nullptr},
};

PyType_Spec spec = {"coatcheck._core.Engine", sizeof(engine_object), 0, Py_TPFLAGS_DEFAULT, slots};

}  // namespace

void add_engine_type(py::module_& module) { add_type(module, "Engine", spec); }

}  // namespace coatcheck::python
