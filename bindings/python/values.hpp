// Session data as Python objects: a copy to compare with later, and that comparison. A session's nested values may be
// changed in place, which no dict can notice; comparing with a copy of what was read finds every change, and costs a
// small part of printing the JSON again.
//
// Thread safety: the GIL is held.
#pragma once

#include <Python.h>

namespace coatcheck::python {

// Same depth as the core accepts (check_payload).
inline constexpr int max_depth = 64;

// copy(value): new dicts and lists, the same leaves (those can't be changed in place).
PyObject* copy_value(PyObject* module, PyObject* value);

// same(a, b): whether both print as the same JSON, but for the order of keys. `1` and `True` differ.
PyObject* same_value(PyObject* module, PyObject* const* args, Py_ssize_t count);

// is_plain(data, every): whether a session's data has nothing to tag (coatcheck/_tagged.py), which most have not;
// `every`: a large int is tagged, too. Unsure counts as no.
PyObject* is_plain(PyObject* module, PyObject* const* args, Py_ssize_t count);

// fill(into, value): puts a copy of what the dict `value` holds into the dict `into`.
PyObject* fill_value(PyObject* module, PyObject* const* args, Py_ssize_t count);

}  // namespace coatcheck::python
