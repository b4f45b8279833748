// The store files that this process has open.
#include "store/lmdb/registry.hpp"

#include <algorithm>
#include <mutex>
#include <pthread.h>
#include <vector>

#include "crypto/random.hpp"

namespace coatcheck::lmdb_registry {
namespace {

struct open_file {
  std::unique_ptr<lmdb_env> env;
  std::size_t users = 0;
};

struct registry {
  std::mutex renewals;  // taken before `lock`
  std::mutex lock;
  unsigned generation = crypto::fork_generation();
  std::vector<open_file> files;
  std::vector<open_file> inherited;  // from before a fork: never used again, kept so that nothing closes them
};

// Never destroyed: a store may outlive the static objects.
registry& the_registry() {
  static auto& instance = *new registry;
  return instance;
}

// Another thread may be opening a file at the moment of fork.
void before_fork() {
  the_registry().renewals.lock();
  the_registry().lock.lock();
}
void after_fork() {
  the_registry().lock.unlock();
  the_registry().renewals.unlock();
}
void after_fork_in_child() {
  for (auto& open : the_registry().files) open.env->forget_locks();
  after_fork();
}

void forget_inherited(registry& all) {
  const auto now = crypto::fork_generation();
  if (all.generation == now) return;
  all.generation = now;
  std::move(all.files.begin(), all.files.end(), std::back_inserter(all.inherited));
  all.files.clear();
}

}  // namespace

std::unique_lock<std::mutex> hold_renewals() { return std::unique_lock(the_registry().renewals); }

result<lmdb_env*> acquire(const std::string& path, const lmdb_options& options) {
  static const int hooked = pthread_atfork(before_fork, after_fork, after_fork_in_child);
  if (hooked != 0) return {errc::store_unavailable, "file store: pthread_atfork failed"};
  auto& all = the_registry();
  const std::lock_guard hold(all.lock);
  forget_inherited(all);
  auto file = prepare_store_file(path);
  if (!file) return file.error();
  for (auto& open : all.files) {
    if (open.env->lost() || !open.env->file().same_file(*file)) continue;
    if (auto ok = open.env->agrees_with(options); !ok) return ok.error();
    ++open.users;
    return open.env.get();
  }
  auto env = lmdb_env::open(*file, options);
  if (!env) return env.error();
  all.files.push_back({*std::move(env), 1});
  return all.files.back().env.get();
}

void release(lmdb_env* env) noexcept {
  auto& all = the_registry();
  const std::lock_guard hold(all.lock);
  forget_inherited(all);
  const auto at = std::find_if(all.files.begin(), all.files.end(), [&](const auto& f) { return f.env.get() == env; });
  if (at != all.files.end() && --at->users == 0) all.files.erase(at);
}

}  // namespace coatcheck::lmdb_registry
