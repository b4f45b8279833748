// The local stores against the bare work under them: a hash map's read, LMDB's own read and commit.
//
// Each benchmark works on 10,000 sessions of 268 bytes under keys of 43 characters, as the engine makes them.
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <filesystem>
#include <lmdb.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "coatcheck/store.hpp"

namespace {

using namespace coatcheck;

constexpr std::size_t sessions = 10'000;
const std::string payload(268, 'p');

std::vector<std::string> make_keys() {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < sessions; ++i) {
    auto key = std::to_string(i * 2654435761U) + "-";
    key.resize(43, 'k');
    keys.push_back(key);
  }
  return keys;
}
const std::vector<std::string>& keys() {
  static const auto all = make_keys();
  return all;
}

epoch_ms deadline() { return system_clock().now() + 3'600'000; }

class directory {
 public:
  directory() {
    std::string name = (std::filesystem::temp_directory_path() / "coatcheck-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  ~directory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};
const directory& place() {
  static const directory instance;
  return instance;
}

std::shared_ptr<store> filled(const std::string& url) {
  auto opened = open_store(url);
  if (!opened) throw std::runtime_error(opened.error().message);
  for (const auto& key : keys())
    (void)complete<put_result>([&](auto done) { (*opened)->put(key, payload, deadline(), {}, {}, done); });
  return *opened;
}
store& memory() {
  static const auto instance = filled("memory:bench");
  return *instance;
}
store& file() {
  static const auto instance = filled("file:" + place().file("sessions"));
  return *instance;
}

void read_all(benchmark::State& state, store& s) {
  std::size_t i = static_cast<std::size_t>(state.thread_index()) * 17;
  for (auto _ : state) {
    auto got = complete<get_result>([&](auto done) { s.get(keys()[i % sessions], done); });
    if (got.status != get_status::found) state.SkipWithError("not found");
    benchmark::DoNotOptimize(got.value.bytes.data());
    i += 7919;
  }
}
void write_all(benchmark::State& state, store& s) {
  std::size_t i = static_cast<std::size_t>(state.thread_index()) * 17;
  const auto until = deadline();
  for (auto _ : state) {
    const auto put =
        complete<put_result>([&](auto done) { s.put(keys()[i % sessions], payload, until, {}, {}, done); });
    if (put.status != put_status::stored) state.SkipWithError("not stored");
    i += 7919;
  }
}

void memory_get(benchmark::State& state) { read_all(state, memory()); }
void memory_put(benchmark::State& state) { write_all(state, memory()); }
void lmdb_get(benchmark::State& state) { read_all(state, file()); }
void lmdb_put(benchmark::State& state) { write_all(state, file()); }
void lmdb_put_disk(benchmark::State& state) {
  static const auto opened = open_store("file:" + place().file("disk") + "?durability=disk");
  write_all(state, **opened);
}

// LMDB's own calls on the same data, with its fastest settings.
struct bare {
  MDB_env* env = nullptr;
  MDB_dbi table = 0;
  bare() {
    MDB_txn* txn = nullptr;
    mdb_env_create(&env);
    mdb_env_set_mapsize(env, 1U << 30);
    mdb_env_open(env, place().file("bare").c_str(), MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD | MDB_NOSYNC, 0600);
    mdb_txn_begin(env, nullptr, 0, &txn);
    mdb_dbi_open(txn, nullptr, 0, &table);
    for (const auto& key : keys()) put(txn, key);
    mdb_txn_commit(txn);
  }
  int put(MDB_txn* txn, const std::string& key) const {
    MDB_val k{key.size(), const_cast<char*>(key.data())};
    MDB_val v{payload.size(), const_cast<char*>(payload.data())};
    return mdb_put(txn, table, &k, &v, 0);
  }
};
bare& plain() {
  static bare instance;
  return instance;
}

void bare_lmdb_get(benchmark::State& state) {
  auto& b = plain();
  MDB_txn* txn = nullptr;
  mdb_txn_begin(b.env, nullptr, MDB_RDONLY, &txn);
  mdb_txn_reset(txn);
  std::size_t i = 0;
  for (auto _ : state) {
    const auto& key = keys()[i % sessions];
    MDB_val k{key.size(), const_cast<char*>(key.data())};
    MDB_val v{};
    mdb_txn_renew(txn);
    if (mdb_get(txn, b.table, &k, &v) != 0) state.SkipWithError("not found");
    std::string copy(static_cast<const char*>(v.mv_data), v.mv_size);
    mdb_txn_reset(txn);
    benchmark::DoNotOptimize(copy.data());
    i += 7919;
  }
  mdb_txn_abort(txn);
}
void bare_lmdb_put(benchmark::State& state) {
  auto& b = plain();
  std::size_t i = 0;
  for (auto _ : state) {
    MDB_txn* txn = nullptr;
    mdb_txn_begin(b.env, nullptr, 0, &txn);
    b.put(txn, keys()[i % sessions]);
    if (mdb_txn_commit(txn) != 0) state.SkipWithError("not committed");
    i += 7919;
  }
}

BENCHMARK(memory_get)->ThreadRange(1, 2);
BENCHMARK(memory_put)->ThreadRange(1, 2);
BENCHMARK(bare_lmdb_get);
BENCHMARK(lmdb_get)->ThreadRange(1, 2);
BENCHMARK(bare_lmdb_put);
BENCHMARK(lmdb_put)->ThreadRange(1, 2);
BENCHMARK(lmdb_put_disk)->ThreadRange(1, 8)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
