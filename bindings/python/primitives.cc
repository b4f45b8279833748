// KeyRing, ManualClock and functions.
#include "primitives.hpp"

#include <limits>
#include <memory>
#include <optional>
#include <pybind11/stl.h>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/cookie.hpp"
#include "coatcheck/engine.hpp"
#include "coatcheck/event_loop.hpp"
#include "coatcheck/key_ring.hpp"
#include "coatcheck/pruning.hpp"
#include "coatcheck/store.hpp"

#include "errors.hpp"
#include "gil.hpp"
#include "handle.hpp"
#include "options.hpp"
#include "py_clock.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

[[nodiscard]] epoch_ms at(std::optional<epoch_ms> now) { return now ? *now : python_now(); }

void add_key_ring(py::module_& module) {
  py::class_<key_ring>(module, "KeyRing")
      .def(py::init([](const std::vector<std::string>& secrets, const std::vector<std::string>& ids) {
             std::vector<key_spec> keys;
             for (std::size_t at = 0; at < secrets.size(); ++at) {
               keys.push_back({.id = at < ids.size() ? ids[at] : std::string(), .secret = secrets[at]});
             }
             return value_of(key_ring::from_keys(keys, "secrets"));
           }),
           py::arg("secrets"), py::arg("ids") = std::vector<std::string>(),
           "Newest first. Ids are made where none are given.")
      .def_property_readonly("warnings", &key_ring::warnings)
      .def(
          "sign",
          [](const key_ring& keys, std::string_view value) { return value_of(keys.sign_express(value, python_now())); },
          py::arg("value"), "Express' signed form of a value.")
      .def(
          "unsign",
          [](const key_ring& keys, std::string_view value) -> std::optional<std::string_view> {
            const auto verified = keys.unsign_express(value, python_now());
            return verified ? std::optional(verified->value) : std::nullopt;
          },
          py::arg("value"), "The value, or None when no key verifies it.")
      .def("store_key", &key_ring::store_key, py::arg("session_id"), py::arg("index") = 0)
      .def(
          "seal",
          [](const key_ring& keys, std::string_view purpose, std::string_view context, const py::bytes& plaintext,
             epoch_ms expires_at, std::optional<epoch_ms> now) {
            return value_of(keys.seal(purpose, context, std::string_view(plaintext), expires_at, at(now)));
          },
          py::arg("purpose"), py::arg("context"), py::arg("plaintext"), py::arg("expires_at") = 0,
          py::arg("now") = py::none())
      .def(
          "unseal",
          [](const key_ring& keys, std::string_view purpose, std::string_view context, std::string_view sealed,
             std::optional<epoch_ms> now) {
            return py::bytes(value_of(keys.unseal(purpose, context, sealed, at(now))).plaintext);
          },
          py::arg("purpose"), py::arg("context"), py::arg("sealed"), py::arg("now") = py::none())
      .def(
          "open_record",
          [](const key_ring& keys, std::string_view store_key, std::string sealed, std::optional<epoch_ms> now) {
            if (const auto opened = keys.open_record(store_key, sealed, at(now)); !opened) throw_error(opened.error());
            return py::bytes(sealed);
          },
          py::arg("store_key"), py::arg("sealed"), py::arg("now") = py::none(), "A record that a store keeps sealed.");
}

// Waits, whatever the store: for a person, or a program that ends then.
template <class Start>
std::uint64_t with_store(const std::string& url, Start&& start) {
  event_loop loop;
  const auto opened = value_of(open_store(unencrypted_url(url), {nullptr, &loop}));
  count_result out;
  {
    const gil_released released;
    out = loop.wait<count_result>([&](completion<count_result> done) { start(*opened, done); });
  }
  opened->close();
  if (!out.known) throw_error(out.why);
  return out.count;
}

std::uint64_t clear_store(const std::string& url) {
  return with_store(url, [](store& opened, completion<count_result> done) { opened.clear(done); });
}

std::uint64_t prune_store(const std::string& url) {
  constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
  return with_store(url, [](store& opened, completion<count_result> done) { opened.prune(all, done); });
}

std::uint64_t create_schema(const std::string& url) {
  return with_store(url, [](store& opened, completion<count_result> done) { opened.create_schema(done); });
}

}  // namespace

void add_primitives(py::module_& module) {
  add_key_ring(module);
  py::class_<manual_clock, std::shared_ptr<manual_clock>>(module, "ManualClock")
      .def(py::init<epoch_ms>(), py::arg("start"))
      .def("now", &manual_clock::now)
      .def("set", &manual_clock::set, py::arg("at"))
      .def("advance", &manual_clock::advance, py::arg("by"));

  module.attr("PRUNE_BATCH") = prune_batch;
  module.attr("PRUNE_INTERVALS") = py::make_tuple(min_prune_interval, max_prune_interval);
  module.def("error_codes", &error_table, "{code: exception class}");
  module.def("clear_store", &clear_store, py::arg("url"), "Removes everything; how many entries went.");
  module.def("prune_store", &prune_store, py::arg("url"), "Removes what has ended; how many entries went.");
  module.def("create_schema", &create_schema, py::arg("url"), "Makes a store's tables; the version that is there now.");
  module.def(
      "schema_sql", [](std::string_view url) { return value_of(schema_sql(url)); }, py::arg("url"),
      "The SQL that create_schema runs.");
  module.def(
      "needs_driver", [](std::string_view url) { return value_of(needs_driver(url)); }, py::arg("url"),
      "Whether the store of this URL is remote.");
  module.def(
      "find_cookie",
      [](const py::bytes& header, std::string_view name) {
        const auto found = find_cookie(std::string_view(header), name);
        py::list values;
        for (const std::string& value : found.values) values.append(py::bytes(value));
        return py::make_tuple(values, found.refused);
      },
      py::arg("header"), py::arg("name"), "(values, refused)");
  module.def("split_joined_cookies", &split_joined_cookies, py::arg("header"), py::arg("name"),
             "A Cookie header that a WSGI server joined with commas, as it was meant for this name.");
  module.def("vary_with_cookie", &vary_with_cookie, py::arg("existing"),
             "The Vary header's value with Cookie in it; '' where it says so already.");
  module.def(
      "late_message", [](unsigned step) { return late_message(static_cast<end_step>(step)); }, py::arg("step"),
      "What the application is told after a step of the end table; '' for the others.");
  module.def("same_json", &same_json, py::arg("a"), py::arg("b"));
  module.def(
      "check_payload",
      [](std::string_view json) {
        if (const auto checked = check_payload(json); !checked) throw_error(checked.error());
      },
      py::arg("json"));
  module.def(
      "merge_payloads",
      [](std::string_view base, std::string_view mine, std::string_view theirs, const std::string& policy,
         const py::object& rules) {
        const auto otherwise = policy == "mine"     ? merge_policy::mine
                               : policy == "theirs" ? merge_policy::theirs
                                                    : merge_policy::reject;
        return value_of(merge_payloads(base, mine, theirs, otherwise, read_merge_rules(rules)));
      },
      py::arg("base"), py::arg("mine"), py::arg("theirs"), py::arg("policy") = "mine", py::arg("rules") = py::none());
}

}  // namespace coatcheck::python
