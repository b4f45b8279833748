// Names of algorithms, as text to values.
#include "coatcheck/jose/algorithm.hpp"

namespace coatcheck::jose {

std::optional<algorithm> algorithm_from(std::string_view name) noexcept {
#define COATCHECK_X(id, text, family) \
  if (name == (text)) return algorithm::id;
  COATCHECK_JOSE_ALGORITHMS(COATCHECK_X)
#undef COATCHECK_X
  return std::nullopt;
}

std::optional<encryption> encryption_from(std::string_view name) noexcept {
#define COATCHECK_X(id, text, bytes) \
  if (name == (text)) return encryption::id;
  COATCHECK_JOSE_ENCRYPTIONS(COATCHECK_X)
#undef COATCHECK_X
  return std::nullopt;
}

}  // namespace coatcheck::jose
