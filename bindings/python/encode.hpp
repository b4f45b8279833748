// Session data to JSON text, as JSON.stringify prints it: no spaces, no ASCII escapes, shortest numbers, so that equal
// sessions have equal bytes in every language. The same walk checks that every language can read the value back as it
// is. Python's json module prints in four times the time, writes 1 as 1.0 where it is a float, and turns keys that are
// not str into some, without a word; reading is left to it.
//
// Thread safety: the GIL is held; no Python code runs during the walk.
#pragma once

#include <Python.h>

namespace coatcheck::python {

// encode(value): the text as str, or PayloadError that names the path of keys to the culprit, never its value.
// Refused: other types than dict, list, tuple, str, int, float, bool and None (subclasses count as their base); keys
// that are not str; "__proto__"; NaN and infinities; integers beyond 2^53 - 1; lone surrogates; a depth over 64.
PyObject* encode_value(PyObject* module, PyObject* value);

}  // namespace coatcheck::python
