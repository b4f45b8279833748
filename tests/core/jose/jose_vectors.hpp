// Reads the shared JOSE vectors (tests/vectors/jose_*.json) and turns a case's fields into keys and policies.
#pragma once

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>

#include "coatcheck/jose/jwe.hpp"
#include "coatcheck/jose/jwt.hpp"

#include "crypto/base64url.hpp"

namespace coatcheck::jose::test {

using vectors = nlohmann::json;

inline vectors load(const std::string& name) {
  std::ifstream in(std::string(COATCHECK_VECTORS) + "/" + name);
  EXPECT_TRUE(in.good()) << name;
  return vectors::parse(in);
}

inline std::string bytes_of(const vectors& field) { return crypto::base64url_decode(field.get<std::string>()).value(); }

inline import_options import_of(const vectors& from) {
  import_options out;
  if (from.contains("alg")) out.alg = algorithm_from(from["alg"].get<std::string>());
  if (from.contains("options") && from["options"].value("allow_short", false)) out.secrets = secret_policy::allow_short;
  return out;
}

inline result<key> key_of(const vectors& from) {
  const import_options options = import_of(from);
  if (from.contains("secret")) return key::from_secret(bytes_of(from["secret"]), *options.alg, options);
  if (from.contains("key_text")) return key::from_jwk(from["key_text"].get<std::string>(), options);
  return key::from_jwk(from["key"].dump(), options);
}

inline std::string token_of(const vectors& from) {
  if (from.contains("token")) return from["token"].get<std::string>();
  std::string out;
  for (const vectors& part : from["token_parts"]) {
    for (std::size_t i = part[1].get<std::size_t>(); i != 0; --i) out += part[0].get<std::string>();
  }
  return out;
}

inline claims_policy policy_of(const vectors& options) {
  claims_policy out;
  out.types = options.value("types", std::vector<std::string>{});
  out.any_type = out.types.empty();
  out.audiences = options.value("audiences", std::vector<std::string>{});
  out.audience = options.value("audience", "") == "refuse_present" ? audience_rule::refuse_present
                 : out.audiences.empty()                           ? audience_rule::any
                                                                   : audience_rule::required;
  out.issuers = options.value("issuers", std::vector<std::string>{});
  if (options.contains("subject")) out.subject = options["subject"].get<std::string>();
  if (options.contains("id")) out.id = options["id"].get<std::string>();
  out.leeway = options.value("leeway", 0);
  if (options.contains("max_age")) out.max_age = options["max_age"].get<duration_ms>();
  out.required = options.value("required", std::vector<std::string>{});
  if (options.contains("equal")) {
    for (const vectors& pair : options["equal"]) out.equal.emplace_back(pair[0], pair[1]);
  }
  return out;
}

// "OK", or the name of the code.
template <class T>
std::string outcome(const result<T>& of) {
  return of ? "OK" : std::string(name_of(of.error().code));
}

}  // namespace coatcheck::jose::test
