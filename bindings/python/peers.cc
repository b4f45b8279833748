// PeerCookie and ItsdangerousSigner.
#include "peers.hpp"

#include <array>
#include <optional>
#include <pybind11/stl.h>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/cookie.hpp"
#include "coatcheck/option_words.hpp"
#include "coatcheck/peers.hpp"

#include "errors.hpp"
#include "py_clock.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

template <class T, std::size_t Count>
[[nodiscard]] T word(const char* option, std::string_view given, const std::array<std::string_view, Count>& words) {
  std::string all;
  for (std::size_t at = 0; at < Count; ++at) {
    if (words[at] == given) return static_cast<T>(at);
    all.append(all.empty() ? "\"" : ", \"").append(words[at]).append("\"");
  }
  throw_error({errc::invalid_option, std::string(option) + " must be one of " + all});
}

void add_peer_cookie(py::module_& module) {
  py::class_<peer_cookie>(module, "PeerCookie")
      .def(py::init([](std::string_view format, const std::vector<std::string>& keys, std::string salt) {
             constexpr std::array<std::string_view, 3> formats{"flask", "starlette", "django"};
             return value_of(
                 peer_cookie::create(word<peer_cookie_format>("format", format, formats), keys, std::move(salt)));
           }),
           py::arg("name"), py::arg("keys"), py::arg("salt") = std::string(),
           "name: flask, starlette or django. keys: newest first.")
      .def(
          "read",
          [](const peer_cookie& codec, const py::object& header, std::string_view name,
             std::optional<duration_ms> max_age, std::size_t most) -> std::optional<std::string> {
            const auto text = header.cast<std::string_view>();
            for (const auto& value : find_cookie(text, name).values) {
              if (auto read = codec.decode(value, python_now(), max_age, most)) return std::move(read->payload);
            }
            return std::nullopt;
          },
          py::arg("header"), py::arg("name"), py::arg("max_age") = py::none(), py::arg("most") = peer_max_payload,
          "The JSON text that a Cookie header holds under this name; None where no value of it holds. max_age: ms.")
      .def(
          "decode",
          [](const peer_cookie& codec, std::string_view value, std::optional<duration_ms> max_age, std::size_t most) {
            auto read = value_of(codec.decode(value, python_now(), max_age, most));
            return py::make_tuple(read.payload, read.signed_at);
          },
          py::arg("value"), py::arg("max_age") = py::none(), py::arg("most") = peer_max_payload,
          "(JSON text, when it was signed in ms). Raises TokenError.")
      .def(
          "encode",
          [](const peer_cookie& codec, std::string_view payload) { return codec.encode(payload, python_now()); },
          py::arg("payload"), "The cookie's value for a JSON text, signed now.");
}

// The parts of a Set-Cookie before and after its value.
py::tuple starlette_attributes(std::string_view name, std::string_view path, std::string_view domain,
                               std::string_view site, bool secure, bool partitioned,
                               std::optional<std::int64_t> max_age, bool clears) {
  constexpr std::string_view value = "value";
  set_cookie cookie;
  cookie.name = name;
  cookie.value = value;
  cookie.domain = domain;
  cookie.path = path;
  cookie.http_only = true;
  cookie.secure = secure;
  cookie.partitioned = partitioned;
  if (auto read = read_word("same_site", site, cookie.same_site); !read) throw_error(read.error());
  cookie.max_age = clears ? std::nullopt : max_age;
  if (clears) cookie.expires = 0;
  const auto text = value_of(serialise_as_starlette(cookie));
  const auto at = text.find('=') + 1;
  return py::make_tuple(text.substr(0, at), text.substr(at + value.size()));
}

void add_signer(py::module_& module) {
  py::class_<itsdangerous_signer>(module, "ItsdangerousSigner")
      .def(py::init([](const std::vector<std::string>& keys, std::string salt, std::string separator,
                       std::string_view derivation, std::string_view digest) {
             constexpr std::array<std::string_view, 4> derivations{"concat", "django-concat", "hmac", "none"};
             constexpr std::array<std::string_view, 5> digests{"sha1", "sha224", "sha256", "sha384", "sha512"};
             return value_of(
                 itsdangerous_signer::create(keys, {std::move(salt), std::move(separator),
                                                    word<key_derivation>("key_derivation", derivation, derivations),
                                                    word<peer_digest>("digest", digest, digests)}));
           }),
           py::arg("keys"), py::arg("salt"), py::arg("separator"), py::arg("key_derivation"), py::arg("digest"),
           "keys: newest first.")
      .def(
          "signature",
          [](const itsdangerous_signer& signer, std::string_view value) { return py::bytes(signer.signature(value)); },
          py::arg("value"))
      .def(
          "sign",
          [](const itsdangerous_signer& signer, std::string_view value) { return py::bytes(signer.sign(value)); },
          py::arg("value"))
      .def("verifies", &itsdangerous_signer::verifies, py::arg("value"), py::arg("signature"));
}

}  // namespace

void add_peers(py::module_& module) {
  add_peer_cookie(module);
  add_signer(module);
  module.def("starlette_attributes", &starlette_attributes, py::arg("name"), py::arg("path"), py::arg("domain"),
             py::arg("same_site"), py::arg("secure"), py::arg("partitioned"), py::arg("max_age"), py::arg("clears"),
             "What stands before and after the value of a Set-Cookie of Starlette's. max_age: seconds.");
}

}  // namespace coatcheck::python
