// Claims of a payload: read in one pass without a document, then held against a policy.
#pragma once

#include <optional>
#include <string>

#include "coatcheck/jose/jwt.hpp"

namespace coatcheck::jose {

// What stays of a token once it is verified. Times again, so that a cached token is checked against the clock.
struct claim_times {
  std::optional<double> exp, nbf, iat;
};

struct token_body {
  std::string payload;
  std::shared_ptr<const std::string> header;
  std::string key_id;
  claim_times times;
};

// Numbers and lists that make sense, and no check left out without saying so. `header_too`: typ is looked at.
[[nodiscard]] result<void> check_policy(const claims_policy& policy);

// Whether the header's typ is one of the policy's.
[[nodiscard]] result<void> check_type(const std::optional<std::string>& typ, const claims_policy& policy,
                                      claim_failure* failure);

// Reads the payload (token_payload, token_claim) and checks everything. `also` is shown what is read.
[[nodiscard]] result<claim_times> read_claims(std::string_view payload, const claims_policy& policy, epoch_ms now,
                                              claim_failure* failure, json::visitor* also = nullptr);
// The checks that depend on the time alone.
[[nodiscard]] result<void> check_times(const claim_times& times, const claims_policy& policy, epoch_ms now,
                                       claim_failure* failure);

}  // namespace coatcheck::jose
