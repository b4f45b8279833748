// What the engine asks of JSON beyond engine.hpp.
#pragma once

#include <cstddef>
#include <string>

#include "coatcheck/engine.hpp"

namespace coatcheck::session {

// check_payload for what a host commits. Where a JSON printer made it (commit_request::printed), the verdict is the
// same and mostly needs no parsing. Halves of surrogate pairs are replaced in `payload`, unless the policy refuses
// them.
[[nodiscard]] result<void> check_committed(const commit_request& request, std::string& payload,
                                           const session_policy& policy);

}  // namespace coatcheck::session
