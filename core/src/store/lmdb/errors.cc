// LMDB's and the system's error numbers as errors of the store contract.
#include "store/lmdb/errors.hpp"

#include <cerrno>
#include <lmdb.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace coatcheck {

bool needs_reopening(int code) noexcept {
  return code == file_gone || code == file_cut || code == file_overwritten || code == MDB_PANIC;
}

error lmdb_error(int code, std::string_view path, std::string_view doing) {
  const std::string file = "store file '" + std::string(path) + "'";
  const auto changed = [&](const char* how) {
    return error{errc::store_unavailable,
                 file + " was " + how +
                     " while it was open. It is opened again now; leave it alone while services "
                     "run, and use clear() to log everybody out"};
  };
  const std::string reason = std::string(doing) + ": " + mdb_strerror(code);
  switch (code) {
    case MDB_MAP_FULL:
      return {errc::store_full, file +
                                    " is full: its map_size was fixed when it was made. Move it away and start a new "
                                    "one with ?map_size=BYTES, or let sessions expire sooner; reads go on"};
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return {errc::store_full, file + " cannot grow (" + reason + "): make room on its disk; reads go on"};
    case EACCES:
    case EPERM:
    case EROFS:
      return {errc::store_permission, file + ": no permission to " + reason};
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
      return {errc::store_format, file + " is not a coatcheck store (" + reason + ")"};
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
      return {errc::store_format, file + " is damaged (" + reason + "): move it away and start a new one"};
    case file_gone:
      return changed("removed or replaced");
    case file_cut:
      return changed("cut short");
    case file_overwritten:
      return changed("overwritten");
    default:
      return {errc::store_unavailable, file + ": " + reason};
  }
}

int no_space_or(int code, const std::string& path) {
  constexpr std::uint64_t little = 4ULL << 20;  // more than one commit usually adds
  if (code != EIO) return code;
  struct statvfs disk {};
  if (::statvfs(path.c_str(), &disk) == 0 && static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize < little)
    return ENOSPC;
  struct stat file {};
  rlimit limit{};
  if (::stat(path.c_str(), &file) == 0 && ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      static_cast<std::uint64_t>(file.st_size) + little > limit.rlim_cur)
    return EFBIG;
  return code;
}

}  // namespace coatcheck
