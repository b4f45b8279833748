// Claims and the JSON reader: the two tokenisers agree, and what is accepted can be signed and verified again.
#include <cstdlib>

#include "coatcheck/jose/jwt.hpp"

#include "jose/json.hpp"
#include "support/json_reference.hpp"

using namespace coatcheck::jose;

namespace {
class counter final : public json::visitor {
 public:
  std::size_t events = 0;
  bool on_key(std::string_view, std::size_t) override { return ++events != 0; }
  bool on_string(std::string_view, std::size_t) override { return ++events != 0; }
  bool on_number(const json::number&, std::size_t) override { return ++events != 0; }
  bool on_bool(bool, std::size_t) override { return ++events != 0; }
  bool on_null(std::size_t) override { return ++events != 0; }
  bool on_start(bool, std::size_t) override { return ++events != 0; }
  bool on_end(bool, std::size_t) override { return ++events != 0; }
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  counter fast, model;
  const json::verdict read = json::read(input, fast);
  const bool ok = read == json::verdict::ok;
  // 0e400 is out of range for one tokeniser and zero for the other: see json.hpp.
  const bool same = ok == (coatcheck_test::read_reference(input, model) == json::verdict::ok);
  if ((!same && read != json::verdict::overflow) || (ok && fast.events != model.events)) std::abort();
  static const key with = *key::from_secret(std::string(32, 'k'), algorithm::HS256);
  static const signer by = *signer::create(with);
  static const verifier checks = [] {
    verifier_options options;
    options.keys = *key_set::from_keys({with});
    options.claims.any_type = true;
    options.claims.audience = audience_rule::any;
    options.claims.ignore_expiration = options.claims.ignore_not_before = options.claims.ignore_issued_at = true;
    return *verifier::create(options);
  }();
  if (const auto token = by.sign(input)) {
    if (token->size() > default_max_token) return 0;
    const auto back = checks.verify(*token, 0);
    // Half a surrogate pair is signed as U+FFFD.
    if (!back || (back->payload() != input && input.find("\\u") == std::string_view::npos)) std::abort();
    (void)back->audiences();
    (void)back->string_claim("sub");
  }
  return 0;
}
