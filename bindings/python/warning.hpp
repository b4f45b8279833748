// What a driver of the core warns of (driver::on_warning), in Python's log: `coatcheck`, once for each sentence of a
// process.
//
// Thread safety: from any thread, with or without the GIL. The log is written by the main thread, a moment later:
// handlers of a log run Python code, which must not run inside a callback of the core.
#pragma once

#include <string_view>

namespace coatcheck::python {

void log_warning(std::string_view sentence);

}  // namespace coatcheck::python
