// The checks on a store file before LMDB sees it.
#include "store/lmdb/file.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include "store/lmdb/errors.hpp"

namespace coatcheck {
namespace {

namespace fs = std::filesystem;

struct descriptor {
  int fd = -1;
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

error in_the_way(const std::string& path, const char* what) {
  return {errc::store_format, "store file '" + path + "' is " + what + ", not a file"};
}

error system_error(int code, const std::string& path) {
  if (code == ELOOP)
    return {errc::store_permission, "store file '" + path + "' is a symbolic link: name the file itself"};
  if (code == EISDIR) return in_the_way(path, "a directory");
  return lmdb_error(code, path, "open");
}

// What a file must be, whoever made it.
result<void> check_mode(const struct stat& info, const struct stat& directory, const std::string& path) {
  if (S_ISLNK(info.st_mode)) return system_error(ELOOP, path);
  if (S_ISDIR(info.st_mode)) return in_the_way(path, "a directory");
  if (!S_ISREG(info.st_mode)) return in_the_way(path, "a device or a pipe");
  if ((info.st_mode & S_IWOTH) != 0)
    return {errc::store_permission, "store file '" + path + "' may be written by every user: chmod o-w it"};
  const bool foreign = info.st_uid != ::geteuid() && info.st_uid != 0;
  if (foreign && (directory.st_mode & S_IWOTH) != 0)
    return {errc::store_permission, "store file '" + path +
                                        "' belongs to another user and lies in a directory that every user may write: "
                                        "keep it in a directory of its own"};
  return {};
}

// LMDB's first page: a page header of 16 bytes, then magic, version, address, map size, and the page size.
result<void> check_header(int fd, std::uint64_t size, const std::string& path) {
  constexpr std::uint32_t magic = 0xBEEFC0DE;
  struct {
    unsigned char page_header[16];
    std::uint32_t magic;
    std::uint32_t version;
    std::uint64_t address;
    std::uint64_t map_size;
    std::uint32_t page_size;
  } header{};
  static_assert(offsetof(decltype(header), page_size) == 40);
  if (size == 0) return {};
  const error foreign{errc::store_format, "store file '" + path + "' is not a coatcheck store: it is no LMDB file"};
  if (::pread(fd, &header, 44, 0) != 44 || header.magic != magic) return foreign;
  const auto page = header.page_size;
  if (header.version != 1 || page < 512 || page > 65536 || (page & (page - 1)) != 0)
    return {errc::store_format, "store file '" + path + "' is an LMDB file of another version"};
  if (size < 2ULL * page)
    return {errc::store_format, "store file '" + path + "' is cut short: move it away and start a new one"};
  return {};
}

result<store_file> inspect(int fd, const std::string& path, const struct stat& directory) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return lmdb_error(errno, path, "open");
  if (auto ok = check_mode(info, directory, path); !ok) return ok.error();
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (auto ok = check_header(fd, size, path); !ok) return ok.error();
  return store_file{path, info.st_dev, info.st_ino, size};
}

}  // namespace

result<store_file> prepare_store_file(const std::string& path) {
  if (path.empty()) return {errc::invalid_url, "store URL: file: needs a path, for instance file:./sessions"};
  const fs::path given(path);
  const auto name = given.filename();
  if (name.empty() || name == "." || name == "..") return in_the_way(path, "a directory");
  std::error_code failed;
  const auto directory = fs::canonical(given.has_parent_path() ? given.parent_path() : fs::path("."), failed);
  if (failed) {
    if (failed.value() == EACCES) return lmdb_error(EACCES, path, "open");
    return {errc::store_unavailable, "store file '" + path + "': its directory does not exist: make it first"};
  }
  const std::string whole = (directory / name).string();
  struct stat directory_info {};
  if (::stat(directory.c_str(), &directory_info) != 0) return lmdb_error(errno, path, "open");

  // O_NONBLOCK: a pipe must not hold us up. Closing this descriptor harms no lock: ours belong to their descriptors.
  constexpr int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  for (int attempt = 0; attempt < 8; ++attempt) {
    descriptor file{::open(whole.c_str(), flags)};
    if (file.fd >= 0) return inspect(file.fd, whole, directory_info);
    if (errno != ENOENT) return system_error(errno, whole);
    descriptor made{::open(whole.c_str(), flags | O_CREAT | O_EXCL, 0600)};
    if (made.fd >= 0) return inspect(made.fd, whole, directory_info);
    if (errno != EEXIST) return system_error(errno, whole);
  }
  return {errc::store_unavailable, "store file '" + whole + "' appears and disappears"};
}

int file_watch::look() noexcept {
  struct stat info {};
  if (::lstat(file_.path.c_str(), &info) != 0) return errno == ENOENT || errno == ENOTDIR ? file_gone : 0;
  if (info.st_dev != file_.device || info.st_ino != file_.inode) return file_gone;
  // A store file never shrinks.
  const auto size = static_cast<std::uint64_t>(info.st_size);
  auto seen = size_.load(std::memory_order_relaxed);
  if (size < seen) return file_cut;
  while (size > seen && !size_.compare_exchange_weak(seen, size, std::memory_order_relaxed)) {
  }
  return 0;
}

int file_watch::look_sometimes() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  auto next = next_look_.load(std::memory_order_relaxed);
  if (now.tv_sec < next) return 0;
  const std::int64_t after = now.tv_sec + 1;
  return next_look_.compare_exchange_strong(next, after, std::memory_order_relaxed) ? look() : 0;
}

int file_watch::found(std::size_t snapshot, std::size_t at_least) noexcept {
  if (snapshot < at_least) return file_overwritten;
  auto seen = newest_.load(std::memory_order_relaxed);
  while (snapshot > seen && !newest_.compare_exchange_weak(seen, snapshot, std::memory_order_release)) {
  }
  return 0;
}

}  // namespace coatcheck
