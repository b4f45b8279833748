// One open store file.
#include "store/lmdb_env.hpp"

#include <cerrno>
#include <charconv>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "crypto/random.hpp"
#include "store/lmdb_errors.hpp"

namespace coatcheck {
namespace {

constexpr std::string_view format_name = "coatcheck-store 1";
constexpr unsigned max_readers = 1024;  // the first process that opens a file sizes its reader table

class transaction {
 public:
  ~transaction() {
    if (txn_ != nullptr) mdb_txn_abort(txn_);
  }
  [[nodiscard]] int begin(MDB_env* env, unsigned flags) { return mdb_txn_begin(env, nullptr, flags, &txn_); }
  [[nodiscard]] int commit() { return mdb_txn_commit(std::exchange(txn_, nullptr)); }
  [[nodiscard]] MDB_txn* get() const noexcept { return txn_; }

 private:
  MDB_txn* txn_ = nullptr;
};

// Threads begin their search of the pool at different places.
std::size_t pool_hint() noexcept {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed);
  return mine;
}

const char* name_of(durability safety) noexcept { return safety == durability::disk ? "disk" : "process"; }

}  // namespace

result<std::unique_ptr<lmdb_env>> lmdb_env::open(const store_file& file, const lmdb_options& options) {
  std::unique_ptr<lmdb_env> out(new lmdb_env(file));
  if (auto ok = out->start(options); !ok) return ok.error();
  return out;
}

lmdb_env::~lmdb_env() {
  if (env_ == nullptr || generation_ != crypto::fork_generation()) return;
  for (auto& slot : pool_)
    if (auto* txn = slot.txn.exchange(nullptr); txn != nullptr) mdb_txn_abort(txn);
  mdb_env_close(env_);
}

error lmdb_env::failure(int code) const { return lmdb_error(code, file_.path, "open"); }

result<void> lmdb_env::agrees_with(const lmdb_options& options) const {
  const std::string file = "store file '" + file_.path + "'";
  if (options.map_size && *options.map_size != map_size_)
    return {errc::invalid_option, file + " was made with map_size=" + std::to_string(map_size_) + ", not " +
                                      std::to_string(*options.map_size) + ": leave the parameter out"};
  if (options.safety && *options.safety != safety_)
    return {errc::invalid_option, file + " is already open in this process with durability=" + name_of(safety_) +
                                      ", not " + name_of(*options.safety)};
  return {};
}

result<void> lmdb_env::start(const lmdb_options& options) {
  generation_ = crypto::fork_generation();
  safety_ = options.safety.value_or(durability::process);
  int rc = mdb_env_create(&env_);
  if (rc == 0) rc = mdb_env_set_maxreaders(env_, max_readers);
  if (rc == 0) rc = mdb_env_set_maxdbs(env_, lmdb_tables::count);
  // A file that has one says its map size itself.
  const bool fresh = file_.size == 0;
  if (rc == 0 && fresh) rc = mdb_env_set_mapsize(env_, mapped_size(options.map_size.value_or(default_map_size)));
  const unsigned sync = safety_ == durability::process ? MDB_NOSYNC : 0;
  if (rc == 0) rc = mdb_env_open(env_, file_.path.c_str(), MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD | sync, 0600);
  if (rc != 0) return failure(rc);

  int fd = -1;
  struct stat info {};
  if (mdb_env_get_fd(env_, &fd) != 0 || ::fstat(fd, &info) != 0 || info.st_dev != file_.device ||
      info.st_ino != file_.inode)
    return {errc::store_permission, "store file '" + file_.path + "' was replaced while it was being opened"};
  if (auto ok = check_whole(); !ok) return ok;

  int dead = 0;
  (void)mdb_reader_check(env_, &dead);
  bool foreign = false;
  rc = open_tables(map_size_, foreign);
  if (rc == MDB_NOTFOUND && !foreign) rc = make_tables(options.map_size.value_or(default_map_size), foreign);
  if (foreign || rc == MDB_INCOMPATIBLE)
    return {errc::store_format, "store file '" + file_.path +
                                    "' is an LMDB file, but not a coatcheck store of this version (" +
                                    std::string(format_name) + ")"};
  if (rc != 0) return failure(rc);

  MDB_envinfo mapped{};
  if (rc = mdb_env_info(env_, &mapped); rc != 0) return failure(rc);
  // Another process made the file at the same time with a larger size, or one that was killed never recorded its own.
  // Nobody has a transaction in this environment yet.
  if (mapped.me_mapsize < mapped_size(map_size_)) rc = mdb_env_set_mapsize(env_, mapped_size(map_size_));
  if (rc != 0) return failure(rc);
  if (auto ok = agrees_with(options); !ok) return ok;
  room_ = std::make_unique<lmdb_room>(env_, map_size_);
  writer_ = std::make_unique<lmdb_writer>(env_, tables_);
  return {};
}

// 0, or MDB_NOTFOUND when nothing was ever made in it. `foreign`: something else was.
int lmdb_env::read_format(MDB_txn* txn, std::uint64_t& recorded_size, bool& foreign) const {
  std::string_view text;
  int rc = tables_.read_meta(txn, "format", text);
  if (rc != 0) return rc;
  foreign = text != format_name;
  if (foreign) return 0;
  rc = tables_.read_meta(txn, "map_size", text);
  if (rc != 0) return rc;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), recorded_size);
  foreign = failed != std::errc() || end != text.data() + text.size() || recorded_size < min_map_size ||
            recorded_size > max_map_size;
  return 0;
}

int lmdb_env::open_tables(std::uint64_t& recorded_size, bool& foreign) {
  transaction txn;
  int rc = txn.begin(env_, MDB_RDONLY);
  if (rc != 0) return rc;
  MDB_dbi main = 0;
  MDB_stat stat{};
  rc = mdb_dbi_open(txn.get(), nullptr, 0, &main);
  if (rc == 0) rc = mdb_stat(txn.get(), main, &stat);
  if (rc == 0) rc = tables_.open(txn.get(), 0);
  if (rc == 0) rc = read_format(txn.get(), recorded_size, foreign);
  if (rc == MDB_NOTFOUND) foreign = stat.ms_entries != 0;
  return rc == 0 && !foreign ? txn.commit() : rc;  // committed: so the handles of the tables stay
}

int lmdb_env::make_tables(std::uint64_t map_size, bool& foreign) {
  transaction txn;
  int rc = txn.begin(env_, 0);
  if (rc != 0) return rc;
  rc = tables_.open(txn.get(), MDB_CREATE);
  if (rc != 0) return rc;
  rc = read_format(txn.get(), map_size_, foreign);
  if (rc != MDB_NOTFOUND) return rc == 0 && !foreign ? txn.commit() : rc;  // another process was faster
  map_size_ = map_size;
  rc = tables_.write_meta(txn.get(), "format", format_name);
  if (rc == 0) rc = tables_.write_meta(txn.get(), "map_size", std::to_string(map_size));
  return rc == 0 ? txn.commit() : rc;
}

// Reading a page behind the end of the file would end the process (SIGBUS). LMDB may leave pages at the end
// unwritten, but those are free: any other missing page means that the file was cut.
result<void> lmdb_env::check_whole() {
  MDB_envinfo info{};
  MDB_stat stat{};
  int rc = mdb_env_info(env_, &info);
  if (rc == 0) rc = mdb_env_stat(env_, &stat);
  int fd = -1;
  if (rc == 0) rc = mdb_env_get_fd(env_, &fd);
  if (rc != 0) return failure(rc);
  const error cut{errc::store_format, "store file '" + file_.path + "' is cut short: move it away and start a new one"};
  struct stat on_disk {};
  const auto missing = [&] {
    return ::fstat(fd, &on_disk) != 0 || static_cast<std::size_t>(on_disk.st_size) / stat.ms_psize <= info.me_last_pgno;
  };
  if (!missing()) return {};

  transaction txn;  // keeps other processes from writing while we look
  if (rc = txn.begin(env_, 0); rc != 0) return failure(rc);
  if (rc = mdb_env_info(env_, &info); rc != 0) return failure(rc);
  if (!missing()) return {};
  const auto pages = info.me_last_pgno + 1;
  if (pages > info.me_mapsize / stat.ms_psize) return cut;
  const auto size = on_disk.st_size;
  if (::ftruncate(fd, static_cast<off_t>(pages * stat.ms_psize)) != 0) return failure(errno);
  std::vector<bool> free(pages, false);
  bool whole = mark_free_pages(env_, free) == 0;
  for (auto page = static_cast<std::size_t>(size) / stat.ms_psize; page < pages; ++page) whole = whole && free[page];
  if (whole) return {};
  if (::ftruncate(fd, size) != 0) return failure(errno);
  return cut;
}

int lmdb_env::begin_read(MDB_txn*& txn) {
  const auto hint = pool_hint();
  for (std::size_t i = 0; i < pool_size; ++i) {
    auto& slot = pool_[(hint + i) % pool_size].txn;
    if (slot.load(std::memory_order_relaxed) == nullptr) continue;
    txn = slot.exchange(nullptr, std::memory_order_acquire);
    if (txn == nullptr) continue;
    const int rc = mdb_txn_renew(txn);
    if (rc == 0) return 0;
    mdb_txn_abort(txn);
    break;
  }
  int rc = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  if (rc == MDB_READERS_FULL) {
    int dead = 0;
    if (mdb_reader_check(env_, &dead) == 0) rc = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  }
  return rc;
}

void lmdb_env::end_read(MDB_txn* txn) noexcept {
  mdb_txn_reset(txn);
  const auto hint = pool_hint();
  for (std::size_t i = 0; i < pool_size; ++i) {
    MDB_txn* empty = nullptr;
    if (pool_[(hint + i) % pool_size].txn.compare_exchange_strong(empty, txn, std::memory_order_release,
                                                                  std::memory_order_relaxed))
      return;
  }
  mdb_txn_abort(txn);
}

}  // namespace coatcheck
