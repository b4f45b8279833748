// The RefreshTokens type.
#include "refresh.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "coatcheck/refresh_tokens.hpp"

#include "blocking.hpp"
#include "errors.hpp"
#include "gil.hpp"
#include "options.hpp"
#include "py_clock.hpp"
#include "refresh_answers.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

// Refresh tokens on a local store, or what makes them on a borrowed connection to a remote one.
class refresh_host {
 public:
  explicit refresh_host(refresh_setup made) : clock_(std::move(made.clock)), options_(std::move(made.options)) {
    const bool local = answers_in_the_call(made.url);
    if (local) {
      auto opened = open_store(made.url, {options_.time, nullptr, &options_.keys});
      if (!opened) throw_error(opened.error());
      options_.where = *std::move(opened);
      writes_wait_ = options_.where->capabilities().may_block;
      local_ = create(options_);
      return;
    }
    engine_options pooled{.keys = options_.keys,
                          .where = nullptr,
                          .cookie = {},
                          .policy = {},
                          .time = options_.time,
                          .tokens = {},
                          .migrate_from = {}};
    pool_.emplace(
        setup{.options = std::move(pooled), .url = std::move(made.url), .foreign_urls = {}, .clock = nullptr});
    // Wrong options show at start-up. Nothing connects yet.
    auto first = pool_->take();
    if (!first) throw_error(first.error());
    static_cast<void>(on(**first));
  }

  // Runs `start(tokens, completion)` to its end.
  template <class R, class Start>
  [[nodiscard]] R run(Start&& start) {
    look_at_the_time();
    if (local_) {
      if (!writes_wait_) return complete<R>([&](completion<R> done) { start(*local_, done); });
      const gil_released released;
      return complete<R>([&](completion<R> done) { start(*local_, done); });
    }
    auto taken = pool_->take();
    if (!taken) throw_error(taken.error());
    auto borrowed = *std::move(taken);
    R out;
    const auto tokens = on(*borrowed);
    const bool told = wait_on(*borrowed, out, [&](completion<R> done) { start(*tokens, done); });
    pool_->give_back(std::move(borrowed));
    if (!told) throw py::error_already_set();
    return out;
  }

  void close() noexcept {
    if (options_.where) options_.where->close();
    if (pool_) pool_->close();
  }

  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return options_.keys.warnings(); }

 private:
  [[nodiscard]] static std::shared_ptr<refresh_tokens> create(refresh_options options) {
    auto made = refresh_tokens::create(std::move(options));
    if (!made) throw_error(made.error());
    return *std::move(made);
  }
  [[nodiscard]] std::shared_ptr<refresh_tokens> on(const worker& borrowed) const {
    refresh_options options = options_;
    options.where = std::shared_ptr<store>(borrowed.on, &borrowed.on->where());
    return create(std::move(options));
  }

  std::shared_ptr<manual_clock> clock_;
  refresh_options options_;
  bool writes_wait_ = false;  // then the GIL is released
  std::shared_ptr<refresh_tokens> local_;
  std::optional<blocking_pool> pool_;
};

// The methods that take one string.
template <class R, void (refresh_tokens::*Call)(std::string_view, completion<R>) const>
[[nodiscard]] py::object with_text(refresh_host& self, std::string_view given) {
  return answer(self.run<R>([&](const refresh_tokens& tokens, completion<R> done) { (tokens.*Call)(given, done); }));
}

[[nodiscard]] py::object issue(refresh_host& self, std::string_view owner, std::string_view device,
                               std::string_view payload) {
  return answer(self.run<issue_result>([&](const refresh_tokens& tokens, completion<issue_result> done) {
    tokens.issue(owner, device, payload, done);
  }));
}

[[nodiscard]] py::object revoke_all(refresh_host& self, std::string_view owner, std::string_view except) {
  return answer(self.run<revoke_all_result>([&](const refresh_tokens& tokens, completion<revoke_all_result> done) {
    tokens.revoke_all(owner, except, done);
  }));
}

[[nodiscard]] py::object check(refresh_host& self, std::string_view owner, epoch_ms epoch) {
  return answer(self.run<epoch_result>(
      [&](const refresh_tokens& tokens, completion<epoch_result> done) { tokens.check(owner, epoch, done); }));
}

}  // namespace

void add_refresh_tokens(py::module_& module) {
  py::class_<refresh_host>(module, "RefreshTokens")
      .def(py::init(
          [](const py::kwargs& options) { return std::make_unique<refresh_host>(read_refresh_setup(options)); }))
      .def("issue", &issue, py::arg("owner"), py::arg("device"), py::arg("payload"))
      .def("refresh", &with_text<refresh_result, &refresh_tokens::refresh>, py::arg("token"))
      .def("list", &with_text<families_result, &refresh_tokens::list>, py::arg("owner"))
      .def("revoke", &with_text<remove_result, &refresh_tokens::revoke>, py::arg("family"))
      .def("revoke_token", &with_text<remove_result, &refresh_tokens::revoke_token>, py::arg("token"))
      .def("revoke_all", &revoke_all, py::arg("owner"), py::arg("except_family"))
      .def("check", &check, py::arg("owner"), py::arg("epoch"))
      .def("close", &refresh_host::close)
      .def_property_readonly("warnings", [](const refresh_host& self) {
        py::list out;
        for (const std::string& one : self.warnings()) out.append(py::str(one));
        return out;
      });
}

}  // namespace coatcheck::python
