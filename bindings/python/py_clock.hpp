// Python's idea of the time: the machine's, until a test puts another function in the place of time.time (freezegun,
// time_machine, a mock). So sessions, refresh tokens and JWTs age as the rest of the program does.
//
// Thread safety: look_at_the_time and python_now want the GIL; the clock may be read by any thread.
#pragma once

#include "coatcheck/clock.hpp"

namespace coatcheck::python {

// What was seen when somebody last looked. Lives as long as the process.
[[nodiscard]] const clock& python_clock() noexcept;

// Called before an operation: two loads and two comparisons as long as time.time is Python's own. What a replaced one
// raises is written to stderr, and the machine's time counts.
void look_at_the_time() noexcept;

// Both.
[[nodiscard]] epoch_ms python_now() noexcept;

// At the module's import. Throws error_already_set.
void find_time_function();

}  // namespace coatcheck::python
