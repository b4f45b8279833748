// The locks of a store file.
#include "store/lmdb/lock.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lmdb/errors.hpp"

namespace coatcheck {
namespace {

constexpr off_t writer_byte = off_t{1} << 60;
constexpr off_t snapshot_byte = writer_byte + 1;  // and the one behind it

int set_lock(int fd, int command, short type, off_t start, off_t length) noexcept {
  struct flock what {};
  what.l_type = type;
  what.l_whence = SEEK_SET;
  what.l_start = start;
  what.l_len = length;
  int rc = 0;
  do {
    rc = ::fcntl(fd, command, &what);
  } while (rc != 0 && errno == EINTR);
  return rc == 0 ? 0 : errno;
}

off_t byte_of(std::size_t snapshot) noexcept { return snapshot_byte + static_cast<off_t>(snapshot & 1); }

}  // namespace

int lmdb_lock::open(const store_file& file) noexcept {
  const int fd = ::open(file.path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return errno == ENOENT || errno == ELOOP ? file_gone : errno;
  struct stat info {};
  if (::fstat(fd, &info) != 0 || info.st_dev != file.device || info.st_ino != file.inode) {
    ::close(fd);
    return file_gone;
  }
  fd_.store(fd, std::memory_order_relaxed);
  return 0;
}

int lmdb_lock::lock_writer() noexcept { return set_lock(fd_, F_OFD_SETLKW, F_WRLCK, writer_byte, 1); }

int lmdb_lock::lock_out_readers(std::size_t snapshot) noexcept {
  return set_lock(fd_, F_OFD_SETLKW, F_WRLCK, byte_of(snapshot), 1);
}

int lmdb_lock::try_lock_snapshot(std::size_t snapshot) noexcept {
  const int rc = set_lock(fd_, F_OFD_SETLK, F_RDLCK, byte_of(snapshot), 1);
  return rc == EACCES ? EAGAIN : rc;
}

int lmdb_lock::wait_lock_snapshot(std::size_t snapshot) noexcept {
  return set_lock(fd_, F_OFD_SETLKW, F_RDLCK, byte_of(snapshot), 1);
}

void lmdb_lock::unlock() noexcept { (void)set_lock(fd_, F_OFD_SETLK, F_UNLCK, writer_byte, 3); }

void lmdb_lock::forget() noexcept {
  if (const int fd = fd_.exchange(-1, std::memory_order_relaxed); fd >= 0) ::close(fd);
}

}  // namespace coatcheck
