// Keys and key sets.
#include "jwt_keys.hpp"

#include <array>
#include <optional>
#include <pybind11/stl.h>
#include <string>
#include <utility>
#include <vector>

#include "errors.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

using namespace jose;

import_options importing(const std::optional<std::string>& alg, const std::string& kid, bool allow_short,
                         std::string_view passphrase = {}) {
  import_options options;
  if (alg) options.alg = read_algorithm(*alg);
  options.kid = kid;
  if (allow_short) options.secrets = secret_policy::allow_short;
  options.passphrase = passphrase;
  return options;
}

generate_options generating(const std::string& kid, std::size_t bits, const std::optional<std::string>& crv,
                            const std::optional<std::string>& enc) {
  generate_options options;
  options.kid = kid;
  options.rsa_bits = bits;
  if (enc) options.enc = read_encryption(*enc);
  if (crv) {
    bool known = false;
    for (const curve one : {curve::p256, curve::p384, curve::p521, curve::x25519}) {
      if (*crv != name_of(one)) continue;
      options.crv = one;
      known = true;
    }
    if (!known) throw_error({errc::invalid_option, "crv must be P-256, P-384, P-521 or X25519"});
  }
  return options;
}

key_part part(bool private_too) noexcept { return private_too ? key_part::with_private : key_part::public_only; }

std::vector<algorithm> algorithms(const std::vector<std::string>& names) {
  std::vector<algorithm> out;
  for (const std::string& name : names) out.push_back(read_algorithm(name));
  return out;
}

std::string_view type_name(key_type type) noexcept {
  constexpr std::array<std::string_view, 4> names = {"oct", "RSA", "EC", "OKP"};
  return names[static_cast<std::size_t>(type)];
}

py::object text_or_none(std::string_view text) { return text.empty() ? py::none() : py::object(py::str(text)); }

void add_key(py::module_& module) {
  py::class_<key>(module, "JwtKey")
      .def_static(
          "from_jwk",
          [](std::string_view json, const std::optional<std::string>& alg, const std::string& kid, bool allow_short) {
            return value_of(key::from_jwk(json, importing(alg, kid, allow_short)));
          },
          py::arg("json"), py::arg("alg") = py::none(), py::arg("kid") = "", py::arg("allow_short") = false)
      .def_static(
          "from_pem",
          [](std::string_view pem, const std::string& alg, const std::string& kid, const py::bytes& passphrase) {
            return value_of(
                key::from_pem(pem, read_algorithm(alg), importing(alg, kid, false, std::string_view(passphrase))));
          },
          py::arg("pem"), py::arg("alg"), py::arg("kid") = "", py::arg("passphrase") = py::bytes(""))
      .def_static(
          "from_der",
          [](const py::bytes& der, const std::string& alg, const std::string& kid) {
            return value_of(key::from_der(std::string_view(der), read_algorithm(alg), importing(alg, kid, false)));
          },
          py::arg("der"), py::arg("alg"), py::arg("kid") = "")
      .def_static(
          "from_secret",
          [](const py::bytes& secret, const std::string& alg, const std::string& kid, bool allow_short) {
            return value_of(
                key::from_secret(std::string_view(secret), read_algorithm(alg), importing(alg, kid, allow_short)));
          },
          py::arg("secret"), py::arg("alg"), py::arg("kid") = "", py::arg("allow_short") = false)
      .def_static(
          "generate",
          [](const std::string& alg, const std::string& kid, std::size_t bits, const std::optional<std::string>& crv,
             const std::optional<std::string>& enc) {
            return value_of(key::generate(read_algorithm(alg), generating(kid, bits, crv, enc)));
          },
          py::arg("alg"), py::arg("kid") = "", py::arg("bits") = 2048, py::arg("crv") = py::none(),
          py::arg("enc") = py::none())
      .def(
          "to_jwk", [](const key& self, bool with_private) { return value_of(self.to_jwk(part(with_private))); },
          py::arg("private") = false)
      .def(
          "to_pem", [](const key& self, bool with_private) { return value_of(self.to_pem(part(with_private))); },
          py::arg("private") = false)
      .def("thumbprint", &key::thumbprint)
      .def("public_key", [](const key& self) { return value_of(self.public_key()); })
      .def("same_key", &key::same_key, py::arg("other"))
      .def_property_readonly("type", [](const key& self) { return type_name(self.type()); })
      .def_property_readonly("alg", [](const key& self) { return name_of(self.alg()); })
      .def_property_readonly(
          "enc", [](const key& self) { return text_or_none(self.enc() ? name_of(*self.enc()) : std::string_view()); })
      .def_property_readonly(
          "crv",
          [](const key& self) {
            return text_or_none(self.crv() == curve::none ? std::string_view() : name_of(self.crv()));
          })
      .def_property_readonly("kid", [](const key& self) { return text_or_none(self.kid()); })
      .def_property_readonly("bits", &key::bits)
      .def_property_readonly("is_private", &key::is_private)
      .def_property_readonly("can_sign", &key::can_sign)
      .def_property_readonly("can_verify", &key::can_verify)
      .def_property_readonly("can_encrypt", &key::can_encrypt)
      .def_property_readonly("can_decrypt", &key::can_decrypt)
      .def_property_readonly("warning", &key::warning);
}

void add_key_set(py::module_& module) {
  py::class_<key_set>(module, "JwtKeySet")
      .def_static(
          "from_keys", [](std::vector<key> keys) { return value_of(key_set::from_keys(std::move(keys))); },
          py::arg("keys"))
      .def_static(
          "parse",
          [](std::string_view json, bool public_only, const std::vector<std::string>& default_algs) {
            key_set_options options;
            options.public_only = public_only;
            options.default_algs = algorithms(default_algs);
            return value_of(key_set::parse(json, options));
          },
          py::arg("json"), py::arg("public_only") = false, py::arg("default_algs") = std::vector<std::string>())
      .def_property_readonly(
          "keys", [](const key_set& self) { return std::vector<key>(self.keys().begin(), self.keys().end()); })
      .def_property_readonly(
          "skipped",
          [](const key_set& self) { return std::vector<std::string>(self.skipped().begin(), self.skipped().end()); })
      .def_property_readonly("symmetric", &key_set::symmetric)
      .def(
          "to_json", [](const key_set& self, bool with_private) { return value_of(self.to_json(part(with_private))); },
          py::arg("private") = false);
}

}  // namespace

algorithm read_algorithm(std::string_view name) {
  const auto alg = algorithm_from(name);
  if (!alg) throw_error({errc::key_unsuitable, "alg is not an algorithm that is known"});
  return *alg;
}

jose::encryption read_encryption(std::string_view name) {
  const auto enc = encryption_from(name);
  if (!enc) throw_error({errc::invalid_option, "enc is not a content encryption that is known"});
  return *enc;
}

void add_jwt_keys(py::module_& module) {
  add_key(module);
  add_key_set(module);
  module.def(
      "looks_like_key_material",
      [](const py::bytes& bytes) { return looks_like_key_material(std::string_view(bytes)); }, py::arg("material"),
      "Whether the bytes are some form of an asymmetric key, which is never taken as a secret.");
}

}  // namespace coatcheck::python
