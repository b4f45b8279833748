// The locks of a store file: who waits for whom, whoever dies, and processes in PID namespaces of their own.
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <lmdb.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <thread>
#include <vector>

#include "core/store/file_places.hpp"
#include "store/lmdb/registry.hpp"

namespace coatcheck::test {
namespace {

// Two ends to wait at: what one process tells another.
class signal_pipe {
 public:
  signal_pipe() {
    if (::pipe(ends_) != 0) throw std::runtime_error("pipe failed");
  }
  ~signal_pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  signal_pipe(const signal_pipe&) = delete;
  signal_pipe& operator=(const signal_pipe&) = delete;
  bool tell() const { return ::write(ends_[1], "!", 1) == 1; }
  bool wait() const {
    char byte = 0;
    return ::read(ends_[0], &byte, 1) == 1;
  }

 private:
  int ends_[2];
};

pid_t start(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body() ? 0 : 1);
  return child;
}
bool ended_well(pid_t child) {
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Process 1 of a PID namespace of its own, as the service of a container is.
pid_t start_container(const std::function<bool()>& body) {
  return start([&] {
    if (::unshare(CLONE_NEWPID) != 0) return false;
    return ended_well(start([&] { return ::getpid() == 1 && body(); }));
  });
}

lmdb_env& open_env(const std::string& path) {
  auto opened = lmdb_registry::acquire(path, {});
  if (!opened) throw std::runtime_error(opened.error().message);
  return **opened;
}

// The kernel's list of locks has a line for each that somebody waits for.
bool somebody_waits_for(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return false;
  const std::string inode = ":" + std::to_string(info.st_ino) + " ";
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);)
    if (line.find("->") != std::string::npos && line.find(inode) != std::string::npos) return true;
  return false;
}

bool count_up(const std::string& url, int times) {
  auto opened = open_store(url);
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().message.c_str());
    return false;
  }
  auto& s = **opened;
  for (int i = 0; i < times; ++i) {
    auto current = get(s, "counter").value;
    for (;;) {
      long value = -1;
      std::from_chars(current.bytes.data(), current.bytes.data() + current.bytes.size(), value);
      auto stored = put(s, "counter", std::to_string(value + 1), expectation::version(current.tag));
      if (stored.status == put_status::stored) break;
      if (stored.status != put_status::conflict) {
        std::fprintf(stderr, "%s\n", stored.why.message.c_str());
        return false;
      }
      current = std::move(stored.current);
    }
  }
  return true;
}

TEST(FileStoreContainers, ProcessesWithOneIdLoseNoUpdateOfEachOther) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to make PID namespaces";
  constexpr int times = 2000;
  temporary_directory dir;
  { ASSERT_EQ(put(*open_or_throw(dir.url()), "counter", "0").status, put_status::stored); }
  const auto body = [&] { return count_up(dir.url(), times); };
  const pid_t a = start_container(body);
  const pid_t b = start_container(body);
  EXPECT_TRUE(count_up(dir.url(), times));
  EXPECT_TRUE(ended_well(a));
  EXPECT_TRUE(ended_well(b));
  EXPECT_EQ(get(*open_or_throw(dir.url()), "counter").value.bytes, std::to_string(3 * times));
}

// Every reader looks at pages that the writers replace all the time: a wrong reuse shows as a torn value.
TEST(FileStoreContainers, ReadersSeeWholeValuesWhateverOthersWrite) {
  const bool root = ::geteuid() == 0;
  temporary_directory dir;
  const auto url = dir.url("?map_size=8388608");
  { (void)put(*open_or_throw(url), "warm", "up"); }
  const auto value_of = [](int i) {
    return std::string(static_cast<std::size_t>(1 + i % 20) * 900, char('a' + i % 26));
  };
  const auto whole = [](std::string_view v) {
    return v.size() % 900 == 0 && v.find_first_not_of(v.front()) == std::string_view::npos;
  };
  constexpr int keys = 30;
#ifdef __SANITIZE_THREAD__
  constexpr int rounds = 200;  // each byte that is read is written down: 600 take a minute
#else
  constexpr int rounds = 600;
#endif
  const auto key_of = [](int i) { return "k" + std::to_string(i % keys); };
  // All keys in one transaction, and once more: the same.
  const auto look = [&](const lmdb_env& env, MDB_txn* txn) {
    std::array<std::string, keys> first;
    for (int i = 0; i < 2 * keys; ++i) {
      get_result got;
      if (env.tables().get(txn, key_of(i), 0, got) != 0 || got.status == get_status::unknown) return EIO;
      if (!got.value.bytes.empty() && !whole(got.value.bytes)) return EIO;
      if (i >= keys && got.value.bytes != first[static_cast<std::size_t>(i % keys)]) return EIO;
      if (i < keys) first[static_cast<std::size_t>(i)] = std::move(got.value.bytes);
      if (i % 8 == 0) std::this_thread::yield();
    }
    return 0;
  };
  const auto body = [&] {
    auto s = open_or_throw(url);
    auto& env = open_env(dir.file());
    std::atomic<bool> good{true};
    std::atomic<int> writing{1};
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&] {
        while (writing > 0 && good)
          if (env.read([&](MDB_txn* txn) { return look(env, txn); }) != 0) good = false;
      });
    }
    for (int i = 0; i < rounds && good; ++i) {
      if (put(*s, key_of(i * 7), value_of(i)).status != put_status::stored) good = false;
      if (i % 3 == 0 && remove(*s, key_of(i * 11)).status == remove_status::unknown) good = false;
    }
    writing = 0;
    for (auto& thread : threads) thread.join();
    return good.load();
  };
  const pid_t a = root ? start_container(body) : start(body);
  const pid_t b = root ? start_container(body) : start(body);
  const pid_t c = start(body);
  EXPECT_TRUE(ended_well(a));
  EXPECT_TRUE(ended_well(b));
  EXPECT_TRUE(ended_well(c));
}

TEST(FileStoreLocks, AReaderKeepsItsSnapshotAndHoldsUpNobodyButTheWriterAfterTheNext) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  (void)put(*s, "key", "0");
  signal_pipe reading;
  signal_pipe go_on;
  const pid_t reader = start([&] {
    auto& env = open_env(dir.file());
    const auto value = [&](MDB_txn* txn) {
      get_result got;
      return env.tables().get(txn, "key", 0, got) == 0 ? got.value.bytes : "none";
    };
    return env.read([&](MDB_txn* txn) {
      const auto before = value(txn);
      if (!reading.tell() || !go_on.wait()) return EIO;
      return before == "0" && value(txn) == "0" ? 0 : EIO;
    }) == 0;
  });
  ASSERT_TRUE(reading.wait());
  EXPECT_EQ(put(*s, "key", "1").status, put_status::stored);
  EXPECT_EQ(get(*s, "key").value.bytes, "1");
  std::atomic<bool> written{false};
  std::thread writer([&] {
    for (int i = 2; i < 20; ++i) EXPECT_EQ(put(*s, "key", std::to_string(i)).status, put_status::stored);
    written = true;
  });
  while (!written && !somebody_waits_for(dir.file())) std::this_thread::yield();
  EXPECT_FALSE(written);
  EXPECT_EQ(get(*s, "key").value.bytes, "1");
  ASSERT_TRUE(go_on.tell());
  writer.join();
  EXPECT_EQ(get(*s, "key").value.bytes, "19");
  EXPECT_TRUE(ended_well(reader));
}

TEST(FileStoreLocks, AReaderDoesNotWaitForAWriter) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  signal_pipe writing;
  signal_pipe go_on;
  for (int round = 0; round < 2; ++round) {  // snapshots with even numbers and with odd ones
    (void)put(*s, "key", "0");
    const pid_t writer = start([&] {
      return open_env(dir.file()).write(0, [&](MDB_txn*) { return writing.tell() && go_on.wait() ? 0 : EIO; }) == 0;
    });
    ASSERT_TRUE(writing.wait());
    for (int i = 0; i < 100; ++i) ASSERT_EQ(get(*s, "key").value.bytes, "0");
    ASSERT_TRUE(go_on.tell());
    EXPECT_TRUE(ended_well(writer));
  }
}

TEST(FileStoreLocks, WhoeverDiesLeavesNoLockBehind) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  (void)put(*s, "key", "0");
  auto die = [](MDB_txn*) { return ::kill(::getpid(), SIGKILL); };
  for (int round = 0; round < 20; ++round) {
    for (const bool writes : {false, true}) {
      const pid_t child = start([&] {
        auto& env = open_env(dir.file());
        return (writes ? env.write(0, die) : env.read(die)) == 0;
      });
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      ASSERT_TRUE(WIFSIGNALED(status));
      for (int i = 0; i < 4; ++i) ASSERT_EQ(put(*s, "key", std::to_string(i)).status, put_status::stored);
      ASSERT_EQ(get(*s, "key").value.bytes, "3");
    }
  }
}

// A child has the descriptors of its parent, and with them its locks: also one that forks while others read.
TEST(FileStoreLocks, AChildDoesNotKeepTheLocksOfAParentThatDied) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  (void)put(*s, "key", "0");
  signal_pipe forked;
  signal_pipe end;
  const pid_t parent = start([&] {
    return open_env(dir.file()).read([&](MDB_txn*) {
      std::thread([&] { (void)start([&] { return forked.tell() && end.wait(); }); }).join();
      return ::kill(::getpid(), SIGKILL);
    }) == 0;
  });
  int status = 0;
  ASSERT_EQ(::waitpid(parent, &status, 0), parent);
  ASSERT_TRUE(forked.wait());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(put(*s, "key", std::to_string(i)).status, put_status::stored);
  EXPECT_TRUE(end.tell());
}

}  // namespace
}  // namespace coatcheck::test
