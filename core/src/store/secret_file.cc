// One small file in one read: see secret_file.hpp.
#include "store/secret_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace coatcheck {
namespace {

constexpr std::size_t longest_secret = 4096;

}  // namespace

result<std::string> read_secret_file(std::string_view path) {
  const std::string name(path);
  const int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe would wait for its writer
  if (fd < 0) return {errc::invalid_option, std::strerror(errno)};
  struct stat found {};
  std::string text(longest_secret + 3, '\0');
  ssize_t got = -1;
  const bool regular = ::fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
  if (regular) got = ::read(fd, text.data(), text.size());
  const int code = errno;
  ::close(fd);
  if (!regular) return {errc::invalid_option, "it is no file"};
  if (got < 0) return {errc::invalid_option, std::strerror(code)};
  text.resize(static_cast<std::size_t>(got));
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) return {errc::invalid_option, "the file is empty"};
  if (text.size() > longest_secret) return {errc::invalid_option, "the file is longer than a password: over 4 KiB"};
  if (text.find('\0') != std::string::npos) return {errc::invalid_option, "there is a NUL in the file"};
  return text;
}

}  // namespace coatcheck
