// The Handle type.
#include "handle.hpp"

#include <new>
#include <string_view>
#include <utility>

#include "calls.hpp"
#include "errors.hpp"

namespace coatcheck::python {
namespace {

PyTypeObject* handle_type = nullptr;  // never given back: handles may outlive the module's dictionary

[[nodiscard]] handle& self_of(PyObject* object) noexcept { return *reinterpret_cast<handle*>(object); }

[[nodiscard]] PyObject* text(std::string_view from) noexcept {
  return PyUnicode_DecodeUTF8(from.data(), static_cast<Py_ssize_t>(from.size()), nullptr);
}

[[nodiscard]] PyObject* text_or_none(std::string_view from) noexcept {
  if (from.empty()) Py_RETURN_NONE;
  return text(from);
}

void destroy(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  self_of(object).value.~opened();
  type->tp_free(object);
  Py_DECREF(type);
}

PyObject* get_payload(PyObject* self, void*) { return text(self_of(self).value.session.payload); }
PyObject* get_id(PyObject* self, void*) { return text_or_none(self_of(self).value.session.id); }
PyObject* get_cookie(PyObject* self, void*) { return text_or_none(self_of(self).value.session.cookie); }
PyObject* get_owner(PyObject* self, void*) { return text_or_none(self_of(self).value.session.owner); }
PyObject* get_reason(PyObject* self, void*) { return text(name_of(self_of(self).value.reason)); }
PyObject* get_unreadable(PyObject* self, void*) {
  return PyBool_FromLong(self_of(self).value.session.unreadable ? 1 : 0);
}
PyObject* get_touch_due(PyObject* self, void*) { return PyBool_FromLong(self_of(self).value.touch_due ? 1 : 0); }
PyObject* get_created(PyObject* self, void*) { return PyLong_FromLongLong(self_of(self).value.session.created); }
PyObject* get_expires_at(PyObject* self, void*) { return PyLong_FromLongLong(self_of(self).value.session.expires_at); }
PyObject* get_absolute_at(PyObject* self, void*) {
  return PyLong_FromLongLong(self_of(self).value.session.absolute_at);
}

PyObject* get_status(PyObject* self, void*) {
  switch (self_of(self).value.status) {
    case open_status::found:
      return text("found");
    case open_status::fresh:
      return text("fresh");
    case open_status::adopted:
      return text("adopted");
    case open_status::unknown:
      break;
  }
  return text("unknown");
}

PyObject* get_outcome(PyObject* self, void*) {
  const char* outcome = self_of(self).outcome;
  if (outcome == nullptr) Py_RETURN_NONE;
  return text(outcome);
}

// The exception for status "unknown", to be raised by whoever looks at the session; None otherwise.
PyObject* get_error(PyObject* self, void*) {
  const opened& value = self_of(self).value;
  if (value.status != open_status::unknown) Py_RETURN_NONE;
  return make_exception(value.why);
}

// Why the deadline did not move, for outcome "untouched"; None otherwise.
PyObject* get_untouched(PyObject* self, void*) {
  const auto& of = self_of(self);
  if (of.outcome == nullptr || std::string_view(of.outcome) != "untouched") Py_RETURN_NONE;
  return make_exception(of.value.why);
}

PyGetSetDef attributes[] = {
    {"payload", get_payload, nullptr, "the session's JSON text", nullptr},
    {"id", get_id, nullptr, "session id, None while not stored", nullptr},
    {"status", get_status, nullptr, "'found', 'fresh', 'adopted' or 'unknown'", nullptr},
    {"reason", get_reason, nullptr, "why it is fresh", nullptr},
    {"error", get_error, nullptr, "why it is unknown: an exception to raise", nullptr},
    {"unreadable", get_unreadable, nullptr, "unknown, because what is stored can't be read: it may be ended", nullptr},
    {"touch_due", get_touch_due, nullptr, "commit even if nobody looked", nullptr},
    {"cookie", get_cookie, nullptr, "this session's cookie settings, JSON text or None", nullptr},
    {"owner", get_owner, nullptr, "owner or None", nullptr},
    {"created", get_created, nullptr, "ms since the epoch, 0 while not stored", nullptr},
    {"expires_at", get_expires_at, nullptr, "idle deadline, ms since the epoch", nullptr},
    {"absolute_at", get_absolute_at, nullptr, "absolute deadline, ms since the epoch; 0: none", nullptr},
    {"untouched", get_untouched, nullptr, "why the deadline did not move, for that outcome", nullptr},
    {"outcome", get_outcome, nullptr, "of the last commit or destroy, None before", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy)},
    {Py_tp_getset, attributes},
    {Py_tp_doc, const_cast<char*>("What a request holds of its session.")},
    {0, nullptr},
};

PyType_Spec spec = {"coatcheck._core.Handle", sizeof(handle), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                    slots};

}  // namespace

void add_handle_type(pybind11::module_& module) { handle_type = add_type(module, "Handle", spec); }

handle* make_handle(opened&& value) noexcept {
  PyObject* made = handle_type->tp_alloc(handle_type, 0);
  if (made == nullptr) return nullptr;
  auto* self = reinterpret_cast<handle*>(made);
  new (&self->value) opened(std::move(value));
  self->outcome = nullptr;
  return self;
}

bool is_handle(PyObject* object) noexcept { return Py_TYPE(object) == handle_type; }

PyObject* as_object(handle* of) noexcept { return reinterpret_cast<PyObject*>(of); }

}  // namespace coatcheck::python
