// The memory stores of this process, by name.
#include "store/memory/registry.hpp"

#include <map>
#include <mutex>
#include <pthread.h>

namespace coatcheck {
namespace {

struct named_table {
  std::shared_ptr<memory_table> table;
  std::size_t users = 0;
};
struct registry {
  std::mutex lock;
  std::map<std::string, named_table> tables;
};

// Never destroyed: a thread may still hold a session while static objects go.
registry& the_registry() {
  static auto& instance = *new registry;
  return instance;
}

// Another thread may hold a lock at the moment of fork, and in the child nobody would give it back.
void before_fork() {
  the_registry().lock.lock();
  for (auto& [name, open] : the_registry().tables) open.table->lock_all();
}
void after_fork() {
  for (auto& [name, open] : the_registry().tables) open.table->unlock_all();
  the_registry().lock.unlock();
}

}  // namespace

result<std::shared_ptr<memory_table>> open_memory_table(const std::string& name,
                                                        std::optional<std::uint64_t> max_bytes) {
  static const int hooked = pthread_atfork(before_fork, after_fork, after_fork);
  if (hooked != 0) return {errc::store_unavailable, "memory store: pthread_atfork failed"};
  auto& all = the_registry();
  const std::lock_guard hold(all.lock);
  auto& [table, users] = all.tables[name];
  if (!table) {
    table = std::make_shared<memory_table>(max_bytes.value_or(default_memory_bytes));
  } else if (max_bytes && *max_bytes != table->max_bytes()) {
    return {errc::invalid_option, "memory store '" + name + "' is already open in this process with max_bytes=" +
                                      std::to_string(table->max_bytes()) + ", not " + std::to_string(*max_bytes)};
  }
  ++users;
  return table;
}

void close_memory_table(const std::string& name) {
  if (name.empty()) return;
  std::shared_ptr<memory_table> last;
  {
    auto& all = the_registry();
    const std::lock_guard hold(all.lock);
    const auto at = all.tables.find(name);
    if (at == all.tables.end() || --at->second.users != 0) return;
    last = std::move(at->second.table);
    all.tables.erase(at);
  }
  last->clear();  // the handles that were closed may live on
}

}  // namespace coatcheck
