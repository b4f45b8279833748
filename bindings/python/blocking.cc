// The pool of workers.
#include "blocking.hpp"

#include <utility>

#include "fork.hpp"
#include "warning.hpp"

namespace coatcheck::python {

result<std::unique_ptr<worker>> blocking_pool::take() {
  if (closed_) return {errc::store_closed, "the engine was closed"};
  const std::uint32_t now = fork_generation();
  // Last in, first out: the connection used last is the likeliest to be alive.
  while (!idle_.empty()) {
    auto found = std::move(idle_.back());
    idle_.pop_back();
    if (found->generation == now) return found;
  }
  auto made = std::make_unique<worker>();
  made->generation = now;
  made->greenlets = greenlet_waiter::where_needed();
  made->loop = std::make_unique<event_loop>(made->greenlets.get());
  made->loop->on_warning = log_warning;
  engine_options options = made_.options;
  if (auto ready = open_stores(options, made_.url, made_.foreign_urls, made->loop.get(), made_.near); !ready)
    return ready.error();
  auto created = engine::create(std::move(options));
  if (!created) return created.error();
  made->on = *std::move(created);
  return made;
}

void blocking_pool::give_back(std::unique_ptr<worker> used) noexcept {
  if (!closed_ && used->generation == fork_generation() && idle_.size() < max_idle) idle_.push_back(std::move(used));
}

void blocking_pool::close() noexcept {
  closed_ = true;
  idle_.clear();
}

}  // namespace coatcheck::python
