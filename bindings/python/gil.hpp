// Letting other Python threads run while the core waits or computes.
//
// When the interpreter ends meanwhile, CPython before 3.14 ends a daemon thread that wants the GIL back by unwinding
// its stack, which would run destructors without the GIL, or abort in a noexcept frame: such a thread stops here
// instead, as it does in 3.14, and goes with the process.
#pragma once

#include <Python.h>
#include <unistd.h>

namespace coatcheck::python {

class gil_released {
 public:
  gil_released() noexcept : state_(PyEval_SaveThread()) {}
  ~gil_released() {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      for (;;) pause();
    }
  }
  gil_released(const gil_released&) = delete;
  gil_released& operator=(const gil_released&) = delete;

 private:
  PyThreadState* state_;
};

}  // namespace coatcheck::python
