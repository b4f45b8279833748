// Per-environment state: results, callback scopes, and the orderly end.
#include "environment.hpp"

#include <array>
#include <utility>

#include "values.hpp"

namespace coatcheck::node {

bool environment::attach(napi_env env) {
  auto* owned = new std::shared_ptr<environment>(std::make_shared<environment>(env));
  const auto release = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<environment>*>(data); };
  if (napi_set_instance_data(env, owned, release, nullptr) == napi_ok) return true;
  delete owned;
  return false;
}

std::shared_ptr<environment> environment::of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return data == nullptr ? nullptr : *static_cast<std::shared_ptr<environment>*>(data);
}

epoch_ms environment::now(napi_env env) noexcept {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return data == nullptr ? system_clock().now() : (*static_cast<std::shared_ptr<environment>*>(data))->clock_.now();
}

environment::~environment() = default;

void environment::set_dispatcher(napi_value function) {
  if (dispatcher_ != nullptr) napi_delete_reference(env_, dispatcher_);
  dispatcher_ = nullptr;
  napi_create_reference(env_, function, 1, &dispatcher_);
}

uv_driver* environment::driver() {
  if (driver_ || closing_) return driver_.get();
  uv_loop_s* loop = nullptr;
  if (napi_get_uv_event_loop(env_, &loop) != napi_ok) return nullptr;
  if (napi_async_init(env_, nullptr, make_string(env_, "COATCHECK"), &async_context_) != napi_ok) return nullptr;
  driver_ = std::make_shared<uv_driver>(loop, *this);
  driver_->on_warning = [this](std::string_view sentence) {
    if (begin_delivery()) deliver(warning_slot, make_string(env_, sentence));
  };
  napi_add_async_cleanup_hook(env_, on_cleanup, this, nullptr);
  return driver_.get();
}

void environment::close_at_end(const std::shared_ptr<store>& what) {
  std::erase_if(remote_, [](const std::weak_ptr<store>& other) { return other.expired(); });
  remote_.push_back(what);
}

// The environment ends (a worker exits, a context is torn down): nothing may call JavaScript any more, and the
// loop must run until every handle of ours is closed.
void environment::on_cleanup(napi_async_cleanup_hook_handle handle, void* context) {
  auto& self = *static_cast<environment*>(context);
  self.closing_ = true;
  for (const auto& remote : self.remote_) {
    if (const auto open = remote.lock()) open->close();
  }
  napi_async_destroy(self.env_, std::exchange(self.async_context_, nullptr));
  self.driver_->shut_down([handle] { napi_remove_async_cleanup_hook(handle); });
}

bool environment::begin_delivery() {
  if (closing_ || dispatcher_ == nullptr) return false;
  if (frame_ != nullptr) frame_->open();
  return true;
}

void environment::deliver(std::uint32_t slot, napi_value value) {
  napi_value function = nullptr;
  napi_value receiver = nullptr;
  napi_get_reference_value(env_, dispatcher_, &function);
  napi_get_undefined(env_, &receiver);
  std::array<napi_value, 2> values{};
  napi_create_uint32(env_, slot, &values[0]);
  values[1] = value != nullptr ? value : receiver;
  if (napi_call_function(env_, receiver, function, values.size(), values.data(), nullptr) != napi_pending_exception) {
    return;
  }
  // The dispatcher only resolves promises; should it throw all the same, that is not to be lost.
  napi_value thrown = nullptr;
  napi_get_and_clear_last_exception(env_, &thrown);
  napi_fatal_exception(env_, thrown);
}

void callback_frame::open() {
  if (opened_) return;
  opened_ = true;
  napi_open_handle_scope(where_.env_, &handles_);
  napi_value resource = nullptr;
  napi_create_object(where_.env_, &resource);
  napi_open_callback_scope(where_.env_, resource, where_.async_context_, &callbacks_);
}

callback_frame::~callback_frame() {
  // What JavaScript starts while the scope closes runs inside a JavaScript call, not inside this frame.
  where_.frame_ = nullptr;
  if (!opened_) return;
  napi_close_callback_scope(where_.env_, callbacks_);
  napi_close_handle_scope(where_.env_, handles_);
}

}  // namespace coatcheck::node
