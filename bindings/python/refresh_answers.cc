// Answers of refresh tokens.
#include "refresh_answers.hpp"

#include "errors.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

[[nodiscard]] py::tuple family_tuple(const token_family& of) {
  return py::make_tuple(of.id, of.kind == family_kind::session ? "session" : "refresh", of.owner, of.device, of.payload,
                        of.created, of.last_used, of.expires_at, of.absolute_at, of.epoch);
}

}  // namespace

py::object answer(issue_result&& got) {
  if (got.status != issue_status::issued) throw_error(got.why);
  return py::make_tuple(got.token, family_tuple(got.family));
}

py::object answer(refresh_result&& got) {
  if (got.status == refresh_status::unknown) throw_error(got.why);
  if (got.status == refresh_status::rotated) {
    return py::make_tuple(name_of(got.status), got.token, got.repeated, family_tuple(got.family), py::none());
  }
  auto why = py::reinterpret_steal<py::object>(make_exception(got.why));
  if (!why) throw py::error_already_set();
  const py::object family =
      got.status == refresh_status::reused ? py::object(family_tuple(got.family)) : py::object(py::none());
  return py::make_tuple(name_of(got.status), py::none(), false, family, why);
}

py::object answer(families_result&& got) {
  if (!got.known) throw_error(got.why);
  py::list out;
  for (const auto& one : got.families) out.append(family_tuple(one));
  return out;
}

py::object answer(remove_result&& got) {
  if (got.status == remove_status::unknown) throw_error(got.why);
  return py::bool_(got.status == remove_status::removed);
}

py::object answer(revoke_all_result&& got) {
  if (!got.known) throw_error(got.why);
  return py::make_tuple(got.count, got.epoch);
}

py::object answer(epoch_result&& got) {
  if (got.status == epoch_status::unknown) throw_error(got.why);
  return py::bool_(got.status == epoch_status::current);
}

}  // namespace coatcheck::python
