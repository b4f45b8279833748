// For tests of the file store: a directory that goes with the test, and one-line calls of a store.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

#include "coatcheck/store.hpp"

namespace coatcheck::test {

class temporary_directory {
 public:
  temporary_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "coatcheck-store-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  ~temporary_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;

  [[nodiscard]] std::string file(std::string_view name = "sessions") const { return path_ + "/" + std::string(name); }
  [[nodiscard]] std::string url(std::string_view parameters = {}) const {
    return "file:" + file() + std::string(parameters);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

[[nodiscard]] inline epoch_ms in_an_hour() { return system_clock().now() + 3'600'000; }

[[nodiscard]] inline std::shared_ptr<store> open_or_throw(const std::string& url, const clock* time = nullptr) {
  auto opened = open_store(url, {time, nullptr});
  if (!opened) throw std::runtime_error(opened.error().message);
  return *std::move(opened);
}

[[nodiscard]] inline get_result get(store& s, std::string_view key) {
  return complete<get_result>([&](auto done) { s.get(key, done); });
}
[[nodiscard]] inline put_result put(store& s, std::string_view key, std::string_view bytes,
                                    expectation expect = expectation::anything(), std::string_view owner = {},
                                    epoch_ms expires_at = in_an_hour()) {
  return complete<put_result>([&](auto done) { s.put(key, bytes, expires_at, expect, owner, done); });
}
[[nodiscard]] inline touch_result touch(store& s, std::string_view key, epoch_ms expires_at) {
  return complete<touch_result>([&](auto done) { s.touch(key, expires_at, done); });
}
[[nodiscard]] inline remove_result remove(store& s, std::string_view key) {
  return complete<remove_result>([&](auto done) { s.remove(key, done); });
}
[[nodiscard]] inline count_result prune(store& s, std::size_t limit) {
  return complete<count_result>([&](auto done) { s.prune(limit, done); });
}
[[nodiscard]] inline stats_result stats(store& s) {
  return complete<stats_result>([&](auto done) { s.stats(done); });
}
[[nodiscard]] inline count_result health(store& s) {
  return complete<count_result>([&](auto done) { s.health(done); });
}
[[nodiscard]] inline std::uint64_t remove_owner(store& s, std::string_view owner) {
  const auto out = complete<count_result>([&](auto done) { s.remove_owner(owner, {}, done); });
  EXPECT_TRUE(out.known) << out.why.message;
  return out.count;
}

// Runs `body` in a child process; true when it returned true. The child ends without running destructors.
[[nodiscard]] inline bool in_child(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    bool good = false;
    try {
      good = body();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "child: %s\n", e.what());
    }
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace coatcheck::test
