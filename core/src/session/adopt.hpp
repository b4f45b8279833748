// Operations around the engine's own, where it has sources of foreign sessions. `inner` is called once, from start():
// what it refers to need not live longer.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "session/operations.hpp"

namespace coatcheck::session {

// Checks and takes the sources out of the options. Errors: invalid_option.
[[nodiscard]] result<std::vector<foreign_reader>> read_sources(engine_options& options);

// Adds Set-Cookie values that clear the cookies of the sources.
void clear_foreign(const engine_state& engine, bool secure, std::vector<std::string>& clearing);

class adopting_open_operation final : public operation_base<adopting_open_operation, opened> {
 public:
  using step = std::function<void(const engine_ref&, completion<opened>)>;
  adopting_open_operation(engine_ref engine, std::string_view cookie_header, step inner, completion<opened> done)
      : operation_base(std::move(engine), done), header_(cookie_header), inner_(std::move(inner)) {}
  void start();

 private:
  void on_opened(opened&& got);
  void next_value();
  void on_record(get_result&& got);
  // False: it is no session's data.
  [[nodiscard]] bool adopt(std::string&& payload, std::string_view key);

  std::string header_;
  step inner_;
  std::size_t source_ = 0;
  std::size_t value_ = 0;
  std::vector<std::string> values_;
  std::string key_;
  opened out_;
};

// What commit and destroy have in common: a record that was adopted is ended where it was. Whether that succeeds does
// not matter to this request: the session is here, and its cookie is ours from now on.
template <class Operation, class Result>
class ending_operation : public operation_base<Operation, Result> {
 public:
  ending_operation(engine_ref engine, std::optional<snapshot::origin> from, bool secure, completion<Result> done)
      : operation_base<Operation, Result>(std::move(engine), done), from_(std::move(from)), secure_(secure) {}

 protected:
  void end_there() {
    const auto& sources = this->engine_->sources;
    if (!from_ || from_->key.empty() || from_->source >= sources.size() || sources[from_->source].keeps()) {
      return this->finish(std::move(out_));
    }
    sources[from_->source].where()->remove(from_->key, completion<remove_result>(
                                                           [](void* context, remove_result&& /*got*/) {
                                                             auto* const on = static_cast<ending_operation*>(context);
                                                             on->finish(std::move(on->out_));
                                                           },
                                                           this));
  }

  std::optional<snapshot::origin> from_;
  bool secure_;
  Result out_;
};

class adopting_commit_operation final : public ending_operation<adopting_commit_operation, committed> {
 public:
  using step = std::function<void(const engine_ref&, commit_request, completion<committed>)>;
  adopting_commit_operation(engine_ref engine, commit_request request, step inner, completion<committed> done)
      : ending_operation(std::move(engine), request.base.from, request.secure, done),
        request_(std::move(request)),
        inner_(std::move(inner)) {}
  void start();

 private:
  void on_committed(committed&& got);

  commit_request request_;
  step inner_;
};

class adopting_destroy_operation final : public ending_operation<adopting_destroy_operation, destroyed> {
 public:
  using step = std::function<void(const engine_ref&, completion<destroyed>)>;
  adopting_destroy_operation(engine_ref engine, std::optional<snapshot::origin> from, bool secure, step inner,
                             completion<destroyed> done)
      : ending_operation(std::move(engine), std::move(from), secure, done), inner_(std::move(inner)) {}
  void start();

 private:
  void on_destroyed(destroyed&& got);

  step inner_;
};

}  // namespace coatcheck::session
