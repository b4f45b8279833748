// The file store and processes: kill -9, several writers at once, fork.
#include <atomic>
#include <cerrno>
#include <charconv>
#include <lmdb.h>
#include <map>
#include <poll.h>
#include <random>
#include <signal.h>
#include <thread>
#include <vector>

#include "core/store/file_places.hpp"
#include "store/lmdb/registry.hpp"

namespace coatcheck::test {
namespace {

constexpr int keys = 40;

std::string key_of(long i) { return "k" + std::to_string(i % keys); }
long number(std::string_view text) {
  long value = -1;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Writes number after number, and tells the number to `out` once the store has acknowledged it.
[[noreturn]] void write_for_ever(const std::string& url, long from, int out) {
  auto opened = open_store(url);
  if (!opened) {
    std::fprintf(stderr, "writer: %s\n", opened.error().message.c_str());
    ::_exit(2);
  }
  auto& s = **opened;
  for (long i = from;; ++i) {
    std::string value = std::to_string(i) + " ";
    value.append(static_cast<std::size_t>(i % 7) * 700, 'v');
    // With a removal and a touch between, so that it is killed in those, too.
    if (i % 5 == 0) (void)remove(s, key_of(i));
    if (put(s, key_of(i), value, expectation::anything(), i % 3 == 0 ? "owner" : "").status != put_status::stored)
      ::_exit(3);
    if (i % 4 == 0) (void)touch(s, key_of(i), in_an_hour() + i);
    if (::write(out, &i, sizeof i) != static_cast<ssize_t>(sizeof i)) ::_exit(4);
  }
}

TEST(FileStoreProcesses, KillMinusNineLosesNoAcknowledgedWrite) {
  constexpr int cycles = 200;
  temporary_directory dir;
  const auto url = dir.url("?map_size=16777216");
  std::mt19937 random(20261121);
  std::map<std::string, long> acknowledged;
  long next = 1;
  int lost = 0;
  for (int cycle = 0; cycle < cycles; ++cycle) {
    int pipes[2];
    ASSERT_EQ(::pipe(pipes), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(pipes[0]);
      write_for_ever(url, next, pipes[1]);
    }
    ::close(pipes[1]);
    // Killed at any moment, also while it opens the file; in the first cycles while it makes it.
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 8000);
    while (std::chrono::steady_clock::now() < until) {
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself: " << WEXITSTATUS(status);
    long i = 0;
    while (::read(pipes[0], &i, sizeof i) == static_cast<ssize_t>(sizeof i)) {
      acknowledged[key_of(i)] = i;
      next = i + 1;
    }
    ::close(pipes[0]);

    const auto opened = open_store(url);
    ASSERT_TRUE(opened) << "cycle " << cycle << ": " << opened.error().message;
    for (const auto& [key, last] : acknowledged) {
      const auto got = get(**opened, key);
      // The writer may have got one number further than it told: a later value, or its removal just before.
      const bool in_flight = key == key_of(next) && got.status == get_status::absent && next % 5 == 0;
      if (in_flight) continue;
      ASSERT_EQ(got.status, get_status::found) << "cycle " << cycle << ", key " << key << ": " << got.why.message;
      if (number(got.value.bytes) < last) ++lost;
      EXPECT_EQ(got.value.bytes.size(), std::to_string(number(got.value.bytes)).size() + 1 +
                                            static_cast<std::size_t>(number(got.value.bytes) % 7) * 700);
    }
  }
  EXPECT_EQ(lost, 0);
  EXPECT_GT(next, cycles) << "hardly anything was written";
}

TEST(FileStoreProcesses, ProcessesThatMakeTheFileAtOnceAgree) {
  for (int round = 0; round < 20; ++round) {
    temporary_directory dir;
    int gate[2];
    ASSERT_EQ(::pipe(gate), 0);
    std::vector<pid_t> children;
    for (int p = 0; p < 4; ++p) {
      const pid_t child = ::fork();
      ASSERT_GE(child, 0);
      if (child == 0) {
        ::close(gate[1]);
        char nothing = 0;
        (void)!::read(gate[0], &nothing, 1);  // until the parent closes the gate's other end
        const auto opened = open_store(dir.url());
        if (!opened) std::fprintf(stderr, "child: %s\n", opened.error().message.c_str());
        ::_exit(opened && put(**opened, "p" + std::to_string(p), "v").status == put_status::stored ? 0 : 1);
      }
      children.push_back(child);
    }
    ::close(gate[0]);
    ::close(gate[1]);
    for (const auto child : children) {
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    auto s = open_or_throw(dir.url());
    for (int p = 0; p < 4; ++p) EXPECT_EQ(get(*s, "p" + std::to_string(p)).status, get_status::found);
  }
}

bool count_up(store& s, int times) {
  for (int i = 0; i < times; ++i) {
    auto current = get(s, "counter").value;
    for (;;) {
      auto stored = put(s, "counter", std::to_string(number(current.bytes) + 1), expectation::version(current.tag));
      if (stored.status == put_status::stored) break;
      if (stored.status != put_status::conflict) return false;
      current = std::move(stored.current);
    }
  }
  return true;
}

TEST(FileStoreProcesses, TwoProcessesLoseNoUpdateOfEachOther) {
  constexpr int times = 3000;
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  ASSERT_EQ(put(*s, "counter", "0").status, put_status::stored);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(count_up(*open_or_throw(dir.url()), times) ? 0 : 1);
  EXPECT_TRUE(count_up(*s, times));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(get(*s, "counter").value.bytes, std::to_string(2 * times));
}

TEST(FileStoreProcesses, ParentAndChildGoOnAfterFork) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  ASSERT_EQ(put(*s, "parent", "1").status, put_status::stored);
  EXPECT_TRUE(in_child([&] {
    const bool mine = get(*s, "parent").value.bytes == "1" && put(*s, "child", "1").status == put_status::stored;
    // A child of the child, and a handle that the child closes.
    const bool next = in_child([&] { return get(*s, "child").value.bytes == "1" && health(*s).known; });
    s->close();
    return mine && next && get(*s, "child").why.code == errc::store_closed;
  }));
  EXPECT_EQ(get(*s, "child").value.bytes, "1");
  EXPECT_EQ(put(*s, "parent", "2").status, put_status::stored);
  EXPECT_TRUE(in_child([&] { return get(*s, "parent").value.bytes == "2"; }));
}

TEST(FileStoreProcesses, AChildThatDoesNotUseTheStoreDoesNotDisturbTheParent) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  (void)put(*s, "key", "1");
  (void)get(*s, "key");
  EXPECT_TRUE(in_child([&] {
    s.reset();  // the destructor runs in the child
    return true;
  }));
  EXPECT_EQ(get(*s, "key").value.bytes, "1");
  EXPECT_EQ(put(*s, "key", "2").status, put_status::stored);
}

TEST(FileStoreProcesses, TheChildFindsTheFileFromAnotherDirectory) {
  temporary_directory dir;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  auto s = open_or_throw("file:sessions");
  std::filesystem::current_path(before);
  (void)put(*s, "key", "1");
  EXPECT_TRUE(in_child([&] { return get(*s, "key").value.bytes == "1"; }));
}

TEST(FileStoreProcesses, ForkWhileOtherThreadsWork) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  (void)put(*s, "key", "1");
  std::atomic<bool> stop{false};
  std::vector<std::thread> busy;
  for (int t = 0; t < 2; ++t) {
    busy.emplace_back([&, t] {
      for (int i = 0; !stop; ++i) {
        (void)put(*s, "busy" + std::to_string(t), std::to_string(i));
        (void)get(*s, "key");
        auto other = open_or_throw(dir.url());  // the registry is busy, too
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(in_child([&] {
      return get(*s, "key").value.bytes == "1" && put(*s, "from-child", std::to_string(i)).status == put_status::stored;
    }));
    EXPECT_EQ(get(*s, "from-child").value.bytes, std::to_string(i));
  }
  stop = true;
  for (auto& thread : busy) thread.join();
}

TEST(FileStoreThreads, CloseWhileOthersWorkIsClean) {
  temporary_directory dir;
  for (int round = 0; round < 50; ++round) {
    auto s = open_or_throw(dir.url());
    std::thread worker([&] {
      while (put(*s, "key", "v").status == put_status::stored && get(*s, "key").status == get_status::found) {
      }
    });
    (void)put(*s, "other", "v");
    s->close();
    worker.join();
    EXPECT_EQ(get(*s, "key").why.code, errc::store_closed);
  }
}

TEST(FileStoreThreads, WritersThatWaitShareACommit) {
  constexpr int writers = 16;
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  (void)put(*s, "key", "v");
  // Another process holds the file's writer lock until it is told, and counts the transactions since.
  int go[2];
  int told[2];
  ASSERT_EQ(::pipe(go), 0);
  ASSERT_EQ(::pipe(told), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto opened = lmdb_registry::acquire(dir.file(), {});
    char byte = 0;
    auto hold = [&](MDB_txn*) { return ::write(told[1], "l", 1) == 1 && ::read(go[0], &byte, 1) == 1 ? 0 : EIO; };
    ::_exit(opened && (*opened)->write(0, hold) == 0 ? 0 : 1);
  }
  char byte = 0;
  ASSERT_EQ(::read(told[0], &byte, 1), 1);
  const auto last_transaction = [&] {
    std::size_t id = 0;
    EXPECT_TRUE(in_child([&] {
      auto opened = lmdb_registry::acquire(dir.file(), {});
      if (!opened) return false;
      const auto tell = [&](MDB_txn* txn) {
        id = mdb_txn_id(txn);
        return ::write(told[1], &id, sizeof id) == sizeof id ? 0 : EIO;
      };
      return (*opened)->read(tell) == 0;
    }));
    EXPECT_EQ(::read(told[0], &id, sizeof id), static_cast<ssize_t>(sizeof id));
    return id;
  };
  const auto before = last_transaction();
  std::atomic<int> started{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < writers; ++t) {
    threads.emplace_back([&, t] {
      ++started;
      EXPECT_EQ(put(*s, "w" + std::to_string(t), "v").status, put_status::stored);
    });
  }
  while (started < writers) std::this_thread::yield();
  ASSERT_EQ(::write(go[1], "g", 1), 1);
  for (auto& thread : threads) thread.join();
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const auto after = last_transaction();
  EXPECT_LT(after - before, static_cast<std::size_t>(writers));
  for (int t = 0; t < writers; ++t) EXPECT_EQ(get(*s, "w" + std::to_string(t)).status, get_status::found);
  for (const int fd : {go[0], go[1], told[0], told[1]}) ::close(fd);
}

}  // namespace
}  // namespace coatcheck::test
