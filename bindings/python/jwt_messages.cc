// Messages that are not JWTs, and key sets at a URL.
#include "jwt_messages.hpp"

#include <array>
#include <pybind11/stl.h>
#include <string>
#include <utility>
#include <vector>

#include "coatcheck/jose/bare_signature.hpp"
#include "coatcheck/jose/jwe.hpp"
#include "coatcheck/jose/jws.hpp"
#include "coatcheck/jose/remote_key_set.hpp"

#include "errors.hpp"
#include "gil.hpp"
#include "jwt_keys.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

using namespace jose;

// Runs what costs more than giving up the GIL does. Arguments are views of objects that the caller holds.
template <class Work>
auto without_gil(const Work& work) {
  auto done = [&] {
    const gil_released others_run;
    return work();
  }();
  return value_of(std::move(done));
}

void add_signatures(py::module_& module) {
  module.def(
      "jws_sign",
      [](const key& with, const py::bytes& payload, const std::string& header, bool key_id, bool detached,
         bool unencoded) {
        const std::string_view bytes(payload);
        return without_gil([&] {
          return jws_sign(with, bytes,
                          {.header = header, .key_id = key_id, .detached = detached, .unencoded = unencoded});
        });
      },
      py::arg("key"), py::arg("payload"), py::arg("header") = "", py::arg("key_id") = true, py::arg("detached") = false,
      py::arg("unencoded") = false);
  module.def(
      "jws_verify",
      [](std::string_view token, const key_set& keys, const py::object& detached, bool allow_unencoded,
         std::size_t max_token) {
        const jws_verify_options options{.max_token = max_token, .allow_unencoded = allow_unencoded};
        const bool inside = detached.is_none();
        const std::string payload = inside ? std::string() : detached.cast<std::string>();
        const auto good = without_gil([&] {
          return inside ? jws_verify(token, keys, options) : jws_verify_detached(token, payload, keys, options);
        });
        return py::make_tuple(py::bytes(good.payload), good.header, good.signer);
      },
      py::arg("token"), py::arg("keys"), py::arg("detached") = py::none(), py::arg("allow_unencoded") = false,
      py::arg("max_token") = default_max_token);
  module.def(
      "jws_verify_json",
      [](std::string_view text, const key_set& keys, bool all) {
        const auto good = without_gil(
            [&] { return jws_verify_json(text, keys, all ? signatures_needed::all : signatures_needed::any, {}); });
        py::list out;
        for (const verified_payload& one : good)
          out.append(py::make_tuple(py::bytes(one.payload), one.header, one.signer));
        return out;
      },
      py::arg("text"), py::arg("keys"), py::arg("every") = true);
  module.def(
      "jws_sign_json",
      [](const std::vector<key>& signers, const py::bytes& payload, bool flattened) {
        std::vector<json_signer> with;
        for (const key& one : signers) with.push_back({one, {}, {}});
        const std::string_view bytes(payload);
        return without_gil(
            [&] { return jws_sign_json(with, bytes, flattened ? json_form::flattened : json_form::general); });
      },
      py::arg("keys"), py::arg("payload"), py::arg("flattened") = false);
  module.def(
      "sign_bytes",
      [](const key& with, const py::bytes& message) {
        const std::string_view bytes(message);
        return py::bytes(without_gil([&] { return sign_bytes(with, bytes); }));
      },
      py::arg("key"), py::arg("message"));
  module.def(
      "verify_bytes",
      [](const key& with, const py::bytes& message, const py::bytes& signature) {
        const auto held = verify_bytes(with, std::string_view(message), std::string_view(signature));
        if (!held && held.error().code != errc::token_signature) throw_error(held.error());
        return static_cast<bool>(held);
      },
      py::arg("key"), py::arg("message"), py::arg("signature"));
}

void add_encryption(py::module_& module) {
  module.def(
      "jwe_encrypt",
      [](const key& to, const py::bytes& plaintext, const std::optional<std::string>& enc, const std::string& header,
         const py::bytes& apu, const py::bytes& apv, std::uint32_t password_count) {
        jwe_encrypt_options options;
        if (enc) options.enc = read_encryption(*enc);
        options.header = header;
        options.apu = std::string_view(apu);
        options.apv = std::string_view(apv);
        options.password_count = password_count;
        // Only a public-key operation or a password is worth giving up the GIL for.
        const std::string_view bytes(plaintext);
        const bool quick = family_of(to.alg()) == algorithm_family::direct && bytes.size() < 65536;
        return quick ? value_of(jwe_encrypt(to, bytes, options))
                     : without_gil([&] { return jwe_encrypt(to, bytes, options); });
      },
      py::arg("key"), py::arg("plaintext"), py::arg("enc") = py::none(), py::arg("header") = "",
      py::arg("apu") = py::bytes(""), py::arg("apv") = py::bytes(""),
      py::arg("password_count") = jwe_encrypt_options{}.password_count);
  module.def(
      "jwe_decrypt",
      [](std::string_view token, const key_set& keys, const std::vector<std::string>& encs, std::size_t max_token,
         bool allow_password, std::uint32_t max_count) {
        jwe_decrypt_options options;
        options.max_token = max_token;
        for (const std::string& name : encs) options.encs.push_back(read_encryption(name));
        options.allow_password = allow_password;
        options.max_count = max_count;
        const auto all = keys.keys();
        const bool quick = all.size() == 1 && family_of(all[0].alg()) == algorithm_family::direct;
        auto opened = quick ? value_of(jwe_decrypt(token, keys, options))
                            : without_gil([&] { return jwe_decrypt(token, keys, options); });
        return py::make_tuple(py::bytes(opened.plaintext), opened.header, opened.key_id);
      },
      py::arg("token"), py::arg("keys"), py::arg("encs") = std::vector<std::string>(),
      py::arg("max_token") = default_max_encrypted, py::arg("allow_password") = false,
      py::arg("max_count") = max_password_count);
}

// (advice, keys or None, epoch, fetch or None, why or None); a fetch is (ticket, url, etag, timeout, max_bytes).
py::tuple plan_of(const key_plan& plan) {
  constexpr std::array<const char*, 4> words = {"use", "fetch", "wait", "unavailable"};
  py::object fetch = py::none();
  if (plan.fetch) {
    fetch = py::make_tuple(plan.fetch->ticket, plan.fetch->url, plan.fetch->etag, plan.fetch->timeout,
                           plan.fetch->max_bytes);
  }
  py::object why = py::none();
  if (plan.advice == key_advice::unavailable) why = py::reinterpret_steal<py::object>(make_exception(plan.why));
  return py::make_tuple(words[static_cast<std::size_t>(plan.advice)],
                        plan.advice == key_advice::use ? py::cast(plan.keys) : py::object(py::none()), plan.epoch,
                        fetch, why);
}

void add_remote(py::module_& module) {
  py::class_<remote_key_set>(module, "RemoteKeySet")
      .def(py::init([](const std::string& url, bool allow_http, const std::vector<std::string>& default_algs,
                       duration_ms default_age, duration_ms least_age, duration_ms greatest_age, duration_ms stale_for,
                       duration_ms cooldown, duration_ms timeout, std::size_t max_bytes) {
             remote_key_set_options options{.url = url,
                                            .allow_http = allow_http,
                                            .default_algs = {},
                                            .default_age = default_age,
                                            .least_age = least_age,
                                            .greatest_age = greatest_age,
                                            .stale_for = stale_for,
                                            .cooldown = cooldown,
                                            .timeout = timeout,
                                            .max_bytes = max_bytes};
             for (const std::string& name : default_algs) options.default_algs.push_back(read_algorithm(name));
             return value_of(remote_key_set::create(std::move(options)));
           }),
           py::arg("url"), py::arg("allow_http") = false, py::arg("default_algs") = std::vector<std::string>(),
           py::arg("default_age") = 600'000, py::arg("least_age") = 30'000, py::arg("greatest_age") = 86'400'000,
           py::arg("stale_for") = 86'400'000, py::arg("cooldown") = 30'000, py::arg("timeout") = 5'000,
           py::arg("max_bytes") = 256 * 1024)
      .def(
          "prepare",
          [](const remote_key_set& self, std::string_view kid, epoch_ms now) {
            return plan_of(self.prepare(kid, now));
          },
          py::arg("kid"), py::arg("now"))
      .def(
          "finish",
          [](const remote_key_set& self, std::uint64_t ticket, int status, const py::bytes& body,
             const std::string& etag, const std::string& cache_control, const std::string& age, epoch_ms now) {
            const auto ok = self.finish(ticket, {status, std::string_view(body), etag, cache_control, age}, now);
            if (!ok) throw_error(ok.error());
          },
          py::arg("ticket"), py::arg("status"), py::arg("body"), py::arg("etag"), py::arg("cache_control"),
          py::arg("age"), py::arg("now"))
      .def("fail", &remote_key_set::fail, py::arg("ticket"), py::arg("reason"), py::arg("now"))
      .def(
          "report",
          [](const remote_key_set& self, const std::vector<std::string>& skipped) -> py::object {
            const auto found = self.report(skipped);
            return found.lines.empty() ? py::object(py::none())
                                       : py::reinterpret_steal<py::object>(make_exception(found.why));
          },
          py::arg("skipped"));
}

}  // namespace

void add_jwt_messages(py::module_& module) {
  add_signatures(module);
  add_encryption(module);
  add_remote(module);
}

}  // namespace coatcheck::python
