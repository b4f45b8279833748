// Verifiers and signers.
#include "jwt_tokens.hpp"

#include <array>
#include <new>
#include <optional>
#include <pybind11/stl.h>
#include <string>
#include <utility>
#include <vector>

#include "coatcheck/clock.hpp"

#include "calls.hpp"
#include "errors.hpp"
#include "gil.hpp"
#include "jwt_claims.hpp"
#include "jwt_keys.hpp"
#include "py_clock.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

using namespace jose;

struct verifier_object {
  PyObject_HEAD verifier check;
  bool symmetric;
};

struct signer_object {
  PyObject_HEAD signer make;
  bool symmetric;
};

// Never given back: objects may outlive the module's dictionary.
PyTypeObject* verifier_type = nullptr;
PyTypeObject* signer_type = nullptr;

template <class Object>
Object& self_of(PyObject* object) noexcept {
  return *reinterpret_cast<Object*>(object);
}

template <class Object>
void destroy_object(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  if constexpr (std::is_same_v<Object, verifier_object>) {
    self_of<Object>(object).check.~verifier();
  } else {
    self_of<Object>(object).make.~signer();
  }
  type->tp_free(object);
  Py_DECREF(type);
}

PyObject* text(std::string_view from) noexcept {
  return PyUnicode_DecodeUTF8(from.data(), static_cast<Py_ssize_t>(from.size()), nullptr);
}

// (token[, now]): `now` in milliseconds since the epoch, for tests and for checks at another time.
bool read_arguments(PyObject* const* args, Py_ssize_t count, std::string_view& token, epoch_ms& now) noexcept {
  if (count < 1 || count > 2) {
    PyErr_SetString(PyExc_TypeError, "verify() takes a token and optionally a time in milliseconds");
    return false;
  }
  if (!read_token(args[0], token)) return false;
  if (count == 1 || args[1] == Py_None) {
    now = python_now();
    return true;
  }
  now = PyLong_AsLongLong(args[1]);
  return now != -1 || PyErr_Occurred() == nullptr;
}

result<verified_token> run(const verifier_object& self, std::string_view token, epoch_ms now, claim_failure& failure) {
  if (self.symmetric) return self.check.verify(token, now, &failure);
  const gil_released others_run;
  return self.check.verify(token, now, &failure);
}

PyObject* verify(PyObject* object, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    std::string_view token;
    epoch_ms now = 0;
    if (!read_arguments(args, count, token, now)) return nullptr;
    claim_failure failure;
    const auto& self = self_of<verifier_object>(object);
    if (self.symmetric) {  // the GIL stays: the claims become objects while they are checked
      claims_builder claims;
      const auto good = self.check.verify(token, now, &failure, &claims);
      if (good) return claims.take(good->payload());
      PyErr_Clear();  // of claims that are thrown away
      return raise_token_error(good.error(), failure);
    }
    const auto good = run(self, token, now, failure);
    return good ? claims_object(good->payload()) : raise_token_error(good.error(), failure);
  });
}

PyObject* verify_complete(PyObject* object, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    std::string_view token;
    epoch_ms now = 0;
    if (!read_arguments(args, count, token, now)) return nullptr;
    claim_failure failure;
    const auto good = run(self_of<verifier_object>(object), token, now, failure);
    if (!good) return raise_token_error(good.error(), failure);
    const auto claims = py::reinterpret_steal<py::object>(claims_object(good->payload()));
    const auto header = py::reinterpret_steal<py::object>(claims ? claims_object(good->header()) : nullptr);
    return header ? PyTuple_Pack(2, claims.ptr(), header.ptr()) : nullptr;
  });
}

PyObject* replace_keys(PyObject* object, PyObject* keys) {
  return guarded([&]() -> PyObject* {
    const auto& given = py::handle(keys).cast<const key_set&>();
    auto& self = self_of<verifier_object>(object);
    if (const auto ok = self.check.replace_keys(given); !ok) return raise(ok.error());
    const key_set in_use = self.check.keys();
    self.symmetric = in_use.symmetric();
    return py::cast(std::vector<std::string>(in_use.skipped().begin(), in_use.skipped().end())).release().ptr();
  });
}

PyObject* clear_cache(PyObject* object, PyObject*) {
  self_of<verifier_object>(object).check.clear_cache();
  Py_RETURN_NONE;
}

PyObject* cache_stats(PyObject* object, PyObject*) {
  return guarded([&]() -> PyObject* {
    const token_cache_stats stats = self_of<verifier_object>(object).check.cache_stats();
    return py::make_tuple(stats.hits, stats.misses, stats.entries).release().ptr();
  });
}

PyObject* sign(PyObject* object, PyObject* claims) {
  return guarded([&]() -> PyObject* {
    std::string_view given;
    if (!read_token(claims, given)) return nullptr;
    const auto& self = self_of<signer_object>(object);
    auto token = [&] {
      if (self.symmetric) return self.make.sign(given);
      const gil_released others_run;
      return self.make.sign(given);
    }();
    return token ? text(*token) : raise(token.error());
  });
}

claims_policy read_policy(const py::dict& from) {
  claims_policy into;
  const auto get = [&](const char* name) -> py::object {
    return from.contains(name) ? py::object(from[name]) : py::object(py::none());
  };
  const auto list = [&](const char* name) {
    const py::object value = get(name);
    return value.is_none() ? std::vector<std::string>() : value.cast<std::vector<std::string>>();
  };
  const auto flag = [&](const char* name) { return !get(name).is_none() && get(name).cast<bool>(); };
  into.types = list("types");
  into.any_type = into.types.empty();
  into.audiences = list("audiences");
  into.audience = !into.audiences.empty()   ? audience_rule::required
                  : flag("refuse_audience") ? audience_rule::refuse_present
                                            : audience_rule::any;
  into.issuers = list("issuers");
  if (!get("subject").is_none()) into.subject = get("subject").cast<std::string>();
  if (!get("id").is_none()) into.id = get("id").cast<std::string>();
  if (!get("leeway").is_none()) into.leeway = get("leeway").cast<duration_ms>();
  if (!get("max_age").is_none()) into.max_age = get("max_age").cast<duration_ms>();
  into.required = list("required");
  if (!get("equal").is_none()) into.equal = get("equal").cast<std::vector<std::pair<std::string, std::string>>>();
  into.ignore_expiration = flag("ignore_expiration");
  into.ignore_not_before = flag("ignore_not_before");
  into.ignore_issued_at = flag("ignore_issued_at");
  into.loose_types = flag("loose_types");
  return into;
}

template <class Object>
py::object allocate(PyTypeObject* type) {
  auto made = py::reinterpret_steal<py::object>(type->tp_alloc(type, 0));
  if (!made) throw py::error_already_set();
  return made;
}

// jwt_verifier(keys, policy, max_token, cache_entries, cache_ttl, cache_symmetric, algorithms)
py::object make_verifier(const key_set& keys, const py::dict& policy, std::size_t max_token, std::size_t cache_entries,
                         duration_ms cache_ttl, bool cache_symmetric, const std::vector<std::string>& names) {
  std::vector<algorithm> algorithms;
  for (const std::string& name : names) algorithms.push_back(read_algorithm(name));
  auto made = verifier::create({.keys = keys,
                                .algorithms = std::move(algorithms),
                                .claims = read_policy(policy),
                                .max_token = max_token,
                                .cache = {cache_entries, cache_ttl, cache_symmetric}});
  if (!made) throw_error(made.error());
  py::object object = allocate<verifier_object>(verifier_type);
  auto& self = self_of<verifier_object>(object.ptr());
  new (&self.check) verifier(std::move(*made));
  self.symmetric = self.check.keys().symmetric();
  return object;
}

// jwt_signer(key, header, key_id, loose_types): `header` is all of it but alg, JSON text.
py::object make_signer(const key& with, std::string header, bool key_id, bool loose_types) {
  auto made =
      signer::create(with, {.type = {}, .header = std::move(header), .key_id = key_id, .loose_types = loose_types});
  if (!made) throw_error(made.error());
  py::object object = allocate<signer_object>(signer_type);
  auto& self = self_of<signer_object>(object.ptr());
  new (&self.make) signer(std::move(*made));
  self.symmetric = with.type() == key_type::oct;
  return object;
}

PyMethodDef verifier_methods[] = {
    {"verify", as_method(verify), METH_FASTCALL, "verify(token[, now]) -> the claims"},
    {"verify_complete", as_method(verify_complete), METH_FASTCALL, "verify_complete(token[, now]) -> (claims, header)"},
    {"replace_keys", replace_keys, METH_O, "replace_keys(keys) -> which members were passed over, and why"},
    {"clear_cache", clear_cache, METH_NOARGS, "clear_cache() -> None"},
    {"cache_stats", cache_stats, METH_NOARGS, "cache_stats() -> (hits, misses, entries)"},
    {nullptr, nullptr, 0, nullptr},
};
PyType_Slot verifier_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy_object<verifier_object>)},
    {Py_tp_methods, verifier_methods},
    {Py_tp_doc, const_cast<char*>("Verifies tokens with one set of keys and one policy.")},
    {0, nullptr},
};
PyType_Spec verifier_spec = {"coatcheck._core.JwtVerifier", sizeof(verifier_object), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, verifier_slots};

PyMethodDef signer_methods[] = {
    {"sign", sign, METH_O, "sign(claims as JSON text) -> the token"},
    {nullptr, nullptr, 0, nullptr},
};
PyType_Slot signer_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy_object<signer_object>)},
    {Py_tp_methods, signer_methods},
    {Py_tp_doc, const_cast<char*>("Signs claims with one key and one header.")},
    {0, nullptr},
};
PyType_Spec signer_spec = {"coatcheck._core.JwtSigner", sizeof(signer_object), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, signer_slots};

bool set_attribute(PyObject* object, const char* name, PyObject* value) noexcept {
  const bool ok = value != nullptr && PyObject_SetAttrString(object, name, value) == 0;
  Py_XDECREF(value);
  return ok;
}

}  // namespace

bool read_token(PyObject* given, std::string_view& into) noexcept {
  if (PyUnicode_Check(given)) {
    Py_ssize_t size = 0;
    const char* const bytes = PyUnicode_AsUTF8AndSize(given, &size);
    if (bytes == nullptr) {
      // Half of a surrogate pair: no text, and so no token.
      PyErr_Clear();
      raise({errc::token_malformed, "malformed token: not text"});
      return false;
    }
    into = {bytes, static_cast<std::size_t>(size)};
    return true;
  }
  if (PyBytes_Check(given)) {
    into = {PyBytes_AS_STRING(given), static_cast<std::size_t>(PyBytes_GET_SIZE(given))};
    return true;
  }
  PyErr_SetString(PyExc_TypeError, "expected str or bytes");
  return false;
}

PyObject* raise_token_error(const error& why, const claim_failure& failure) noexcept {
  PyObject* exception = make_exception(why);
  if (exception == nullptr) return nullptr;
  constexpr std::array<std::string_view, 8> reasons = {"missing",    "mismatch",         "wrong_type", "expired",
                                                       "not_active", "issued_in_future", "too_old",    "custom"};
  if (failure.claim.empty() ||
      (set_attribute(exception, "claim", text(failure.claim)) &&
       set_attribute(exception, "reason", text(reasons[static_cast<std::size_t>(failure.why)])) &&
       (!failure.value || set_attribute(exception, "value", PyFloat_FromDouble(*failure.value))))) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception)), exception);
  }
  Py_DECREF(exception);
  return nullptr;
}

void add_jwt_tokens(py::module_& module) {
  prepare_claims();
  verifier_type = add_type(module, "JwtVerifier", verifier_spec);
  signer_type = add_type(module, "JwtSigner", signer_spec);
  module.def("jwt_verifier", &make_verifier, py::arg("keys"), py::arg("policy"),
             py::arg("max_token") = default_max_token, py::arg("cache_entries") = 0, py::arg("cache_ttl") = 600'000,
             py::arg("cache_symmetric") = false, py::arg("algorithms") = std::vector<std::string>());
  module.def("jwt_signer", &make_signer, py::arg("key"), py::arg("header") = "", py::arg("key_id") = true,
             py::arg("loose_types") = false);
}

}  // namespace coatcheck::python
