// One open store file.
#include "store/lmdb/env.hpp"

#include <cerrno>
#include <charconv>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "crypto/random.hpp"
#include "store/lmdb/errors.hpp"

namespace coatcheck {
namespace {

constexpr std::string_view format_name = "coatcheck-store 2";

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

const char* name_of(durability safety) noexcept { return safety == durability::disk ? "disk" : "process"; }

}  // namespace

result<std::unique_ptr<lmdb_env>> lmdb_env::open(const store_file& file, const lmdb_options& options) {
  std::unique_ptr<lmdb_env> out(new lmdb_env(file));
  if (auto ok = out->start(options); !ok) return ok.error();
  return out;
}

lmdb_env::~lmdb_env() {
  if (env_ == nullptr || generation_ != crypto::fork_generation()) return;
  if (readers_ != nullptr) readers_->drop();
  mdb_env_close(env_);
}

void lmdb_env::forget_locks() noexcept {
  lock_.forget();
  if (readers_ != nullptr) readers_->forget();
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
  writer_turn turn(lock_);
  int rc = lock_.open(file_);
  if (rc == 0) rc = mdb_env_create(&env_);
  if (rc == 0) rc = mdb_env_set_maxdbs(env_, lmdb_tables::count);
  // LMDB makes the first pages of an empty file: one process at a time. A file that has some says its map size itself.
  const bool fresh = file_.size == 0;
  if (rc == 0 && fresh) rc = turn.take();
  if (rc == 0 && fresh) rc = mdb_env_set_mapsize(env_, mapped_size(options.map_size.value_or(default_map_size)));
  constexpr unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NORDAHEAD;
  const unsigned sync = safety_ == durability::process ? MDB_NOSYNC : 0;
  if (rc == 0) rc = mdb_env_open(env_, file_.path.c_str(), flags | sync, 0600);
  if (rc != 0) return failure(rc);

  int fd = -1;
  struct stat info {};
  if (mdb_env_get_fd(env_, &fd) != 0 || ::fstat(fd, &info) != 0 || info.st_dev != file_.device ||
      info.st_ino != file_.inode)
    return failure(file_gone);
  if (auto ok = check_whole(turn); !ok) return ok;

  readers_ = std::make_unique<lmdb_readers>(env_, file_, watch_);
  bool foreign = false;
  rc = open_tables(map_size_, foreign);
  if (rc == MDB_NOTFOUND && !foreign) {
    // Another process may be making them.
    rc = turn.take();
    if (rc == 0) rc = open_tables(map_size_, foreign);
  }
  if (rc == MDB_NOTFOUND && !foreign) rc = make_tables(options.map_size.value_or(default_map_size));
  if (foreign || rc == MDB_INCOMPATIBLE)
    return {errc::store_format, "store file '" + file_.path +
                                    "' is an LMDB file, but not a coatcheck store of this version (" +
                                    std::string(format_name) + ")"};
  if (rc != 0) return failure(rc);

  MDB_envinfo mapped{};
  if (rc = mdb_env_info(env_, &mapped); rc != 0) return failure(rc);
  // A process that was killed while it made the file never recorded its size. Nobody has a transaction here yet.
  if (mapped.me_mapsize < mapped_size(map_size_)) rc = mdb_env_set_mapsize(env_, mapped_size(map_size_));
  if (rc != 0) return failure(rc);
  if (auto ok = agrees_with(options); !ok) return ok;
  room_ = std::make_unique<lmdb_room>(env_, map_size_);
  writer_ = std::make_unique<lmdb_writer>(env_, tables_, lock_, watch_);
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
  return readers_->open_tables([&](MDB_txn* txn) {
    MDB_dbi main = 0;
    MDB_stat stat{};
    int rc = mdb_dbi_open(txn, nullptr, 0, &main);
    if (rc == 0) rc = mdb_stat(txn, main, &stat);
    if (rc == 0) rc = tables_.open(txn, 0);
    if (rc == 0) rc = read_format(txn, recorded_size, foreign);
    if (rc == MDB_NOTFOUND) foreign = stat.ms_entries != 0;
    return rc;
  });
}

int lmdb_env::make_tables(std::uint64_t map_size) {
  transaction txn;
  int rc = txn.begin(env_, 0);
  if (rc == 0) rc = lock_.lock_out_readers(mdb_txn_id(txn.get()));
  if (rc == 0) rc = tables_.open(txn.get(), MDB_CREATE);
  if (rc != 0) return rc;
  map_size_ = map_size;
  rc = tables_.write_meta(txn.get(), "format", format_name);
  if (rc == 0) rc = tables_.write_meta(txn.get(), "map_size", std::to_string(map_size));
  return rc == 0 ? txn.commit() : rc;
}

// Reading a page behind the end of the file would end the process (SIGBUS). LMDB may leave pages at the end
// unwritten, but those are free: any other missing page means that the file was cut.
result<void> lmdb_env::check_whole(writer_turn& turn) {
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

  // Without writers, looking needs no other lock.
  if (rc = turn.take(); rc != 0) return failure(rc);
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

}  // namespace coatcheck
