// Arguments in, answers out.
#include "calls.hpp"

#include <string>
#include <utility>
#include <vector>

#include "errors.hpp"

namespace coatcheck::python {
namespace {

// False with an exception set: not a str, or one with a lone surrogate.
[[nodiscard]] bool read_text(PyObject* given, const char* what, std::string_view& into) noexcept {
  if (!PyUnicode_Check(given)) {
    PyErr_Format(PyExc_TypeError, "%s must be str, not %s", what, Py_TYPE(given)->tp_name);
    return false;
  }
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(given, &size);
  if (text == nullptr) return false;
  into = {text, static_cast<std::size_t>(size)};
  return true;
}

[[nodiscard]] PyObject* header_or_none(const std::vector<std::string>& clearing, const std::string& set_cookie) {
  if (set_cookie.empty()) Py_RETURN_NONE;
  const auto value = set_cookie_lines(clearing, set_cookie);
  return PyUnicode_DecodeUTF8(value.data(), static_cast<Py_ssize_t>(value.size()), nullptr);
}

void make_fresh(opened& value) {
  value.status = open_status::fresh;
  value.touch_due = false;
  value.session = {};
  value.session.payload = "{}";
}

}  // namespace

PyTypeObject* add_type(pybind11::module_& module, const char* name, PyType_Spec& spec) {
  auto* made = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (made == nullptr) throw pybind11::error_already_set();
  module.attr(name) = pybind11::handle(reinterpret_cast<PyObject*>(made));
  return made;
}

header_argument::header_argument(PyObject* given) noexcept {
  if (given == Py_None) return;
  if (PyBytes_Check(given)) {
    view_ = {PyBytes_AS_STRING(given), static_cast<std::size_t>(PyBytes_GET_SIZE(given))};
    return;
  }
  if (PyUnicode_Check(given)) {
    if (PyUnicode_IS_ASCII(given)) {
      view_ = {static_cast<const char*>(PyUnicode_DATA(given)), static_cast<std::size_t>(PyUnicode_GET_LENGTH(given))};
      return;
    }
    owned_ = PyUnicode_AsLatin1String(given);
    if (owned_ != nullptr) {
      view_ = {PyBytes_AS_STRING(owned_), static_cast<std::size_t>(PyBytes_GET_SIZE(owned_))};
      return;
    }
  } else {
    PyErr_Format(PyExc_TypeError, "the Cookie header must be str, bytes or None, not %s", Py_TYPE(given)->tp_name);
  }
  ok_ = false;
}

bool read_commit(PyObject* const* args, Py_ssize_t count, commit_arguments& into) {
  if (count < 4 || count > 6 || !is_handle(args[0])) {
    PyErr_SetString(PyExc_TypeError,
                    "commit() takes a Handle, the payload, flags, cookie settings, the owner and a new session's id");
    return false;
  }
  into.of = reinterpret_cast<handle*>(args[0]);
  const opened& value = into.of->value;
  const long flags = PyLong_AsLong(args[2]);
  if (flags == -1 && PyErr_Occurred() != nullptr) return false;
  // What is not known is not overwritten. What can't be read may be ended, and a session begun in its place.
  const bool ends = value.session.unreadable && (flags & flag_regenerate) != 0;
  if (value.status == open_status::unknown && !ends) {
    raise(value.why);
    return false;
  }
  commit_request& request = into.request;
  std::string_view text;
  if (args[1] != Py_None) {
    if (!read_text(args[1], "payload", text)) return false;
    request.payload = std::string(text);
    request.printed = true;  // by encode.cc
  }
  request.secure = (flags & flag_secure) != 0;
  request.save = (flags & flag_save) != 0;
  request.roll = (flags & flag_roll) != 0;
  if ((flags & flag_exact) != 0) request.exact = static_cast<int>(flags >> 8);
  into.regenerate = (flags & flag_regenerate) != 0 && !value.session.id.empty();
  if (args[3] != Py_None) {
    if (!read_text(args[3], "cookie settings", text)) return false;
    request.cookie = std::string(text);
  }
  if (count >= 5 && args[4] != Py_None) {
    if (!read_text(args[4], "owner", text)) return false;
    request.owner = std::string(text);
  }
  if (count == 6 && args[5] != Py_None) {
    if (!read_text(args[5], "id", text)) return false;
    request.id = std::string(text);
  }
  request.base = value.session;
  return true;
}

PyObject* answer(handle* of, committed&& done) noexcept {
  switch (done.status) {
    case commit_status::unchanged:
      of->outcome = "unchanged";
      break;
    case commit_status::stored:
      of->outcome = "stored";
      break;
    case commit_status::merged:
      of->outcome = "merged";
      break;
    case commit_status::touched:
      of->outcome = "touched";
      break;
    case commit_status::untouched:
      of->outcome = "untouched";
      of->value.touch_due = false;
      of->value.why = std::move(done.why);
      Py_RETURN_NONE;
    case commit_status::stale:
      of->outcome = "stale";
      break;
    case commit_status::gone:
      of->outcome = "gone";
      make_fresh(of->value);
      Py_RETURN_NONE;
    case commit_status::conflict:
      of->outcome = "conflict";
      return raise(done.why);
    case commit_status::unknown:
      of->outcome = "unknown";
      return raise(done.why);
    case commit_status::refused:
      of->outcome = "refused";
      return raise(done.why);
  }
  of->value.session = std::move(done.session);
  if (!of->value.session.id.empty()) of->value.status = open_status::found;
  of->value.touch_due = false;
  return header_or_none(done.clearing, done.set_cookie);
}

PyObject* answer(handle* of, destroyed&& done) noexcept {
  if (done.status == remove_status::unknown) {
    of->outcome = "unknown";
    return raise(done.why);
  }
  of->outcome = "destroyed";
  make_fresh(of->value);
  return header_or_none(done.clearing, done.set_cookie);
}

bool regenerated_ready(handle* of, engine::regenerated&& done, commit_request& request, PyObject** result) noexcept {
  if (done.status == remove_status::unknown) {
    of->outcome = "unknown";
    *result = raise(done.why);
    return false;
  }
  if (done.status == remove_status::absent) {
    // Logged out by another request: going on under a new id would bring the session back.
    of->outcome = "gone";
    make_fresh(of->value);
    Py_INCREF(Py_None);
    *result = Py_None;
    return false;
  }
  // What the host wants to store stays, with what others wrote meanwhile; the base is the nameless copy.
  if (!request.payload) {
    request.payload = done.session.payload;
  } else if (done.session.payload != request.base.payload) {
    auto merged = merge_payloads(request.base.payload, *request.payload, done.session.payload, merge_policy::mine);
    if (merged) request.payload = *std::move(merged);
  }
  request.base = std::move(done.session);
  request.save = true;
  request.presented = false;
  return true;
}

PyObject* answer(const prune_result& done) noexcept {
  if (done.status == prune_status::unknown) return raise(done.why);
  if (done.status != prune_status::pruned) Py_RETURN_NONE;
  return PyLong_FromUnsignedLongLong(done.count);
}

PyObject* answer(const stats_result& done) noexcept {
  if (!done.known) return raise(done.why);
  PyObject* const out = Py_BuildValue("{s:K,s:K,s:K}", "entries", done.stats.entries, "bytes", done.stats.bytes,
                                      "max_bytes", done.stats.max_bytes);
  if (out == nullptr || !done.near) return out;
  const near_cache_stats& near = *done.near;
  PyObject* const figures =
      Py_BuildValue("{s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:s}", "hits", near.hits, "misses", near.misses,
                    "joined", near.joined, "lease_refusals", near.lease_refusals, "invalidations", near.invalidations,
                    "echoes", near.echoes, "evictions", near.evictions, "epoch_bumps", near.epoch_bumps, "entries",
                    near.entries, "bytes", near.bytes, "max_bytes", near.max_bytes, "trouble", near.trouble.c_str());
  const bool told = figures != nullptr && PyDict_SetItemString(out, "near_cache", figures) == 0;
  Py_XDECREF(figures);
  if (told) return out;
  Py_DECREF(out);
  return nullptr;
}

bool read_interval(PyObject* given, duration_ms& into) noexcept {
  into = PyLong_AsLongLong(given);
  return into != -1 || PyErr_Occurred() == nullptr;
}

}  // namespace coatcheck::python
