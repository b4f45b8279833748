// From a sentence to the log: see warning.hpp.
#include "warning.hpp"

#include <Python.h>
#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

namespace coatcheck::python {
namespace {

// Never given back: a pending call may come while the process ends.
struct sentences {
  std::mutex lock;
  std::vector<std::string> told;
  std::size_t logged = 0;
};
sentences& known() {
  static auto* const all = new sentences;
  return *all;
}

void log_one(const std::string& text) {
  PyObject* const logging = PyImport_ImportModule("logging");
  PyObject* const log = logging != nullptr ? PyObject_CallMethod(logging, "getLogger", "s", "coatcheck") : nullptr;
  PyObject* const done = log != nullptr ? PyObject_CallMethod(log, "warning", "ss", "%s", text.c_str()) : nullptr;
  if (done == nullptr) PyErr_WriteUnraisable(log);
  Py_XDECREF(done);
  Py_XDECREF(log);
  Py_XDECREF(logging);
}

int log_pending(void*) {
  for (;;) {
    std::string text;
    {
      const std::lock_guard held(known().lock);
      if (known().logged == known().told.size()) return 0;
      text = known().told[known().logged++];
    }
    log_one(text);
  }
}

}  // namespace

void log_warning(std::string_view sentence) {
  {
    const std::lock_guard held(known().lock);
    auto& told = known().told;
    if (std::find(told.begin(), told.end(), sentence) != told.end()) return;
    told.emplace_back(sentence);
  }
  // Fails where too many calls are pending: then the next warning takes this one along.
  (void)Py_AddPendingCall(log_pending, nullptr);
}

}  // namespace coatcheck::python
