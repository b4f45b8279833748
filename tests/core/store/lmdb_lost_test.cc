// A store file that somebody removes, replaces, cuts or overwrites while services have it open: what can be noticed is
// an unknown outcome with a message that says what happened, and then the store goes on with what the path leads to.
#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "core/store/file_places.hpp"

namespace coatcheck::test {
namespace {

namespace fs = std::filesystem;

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {(std::istreambuf_iterator<char>(in)), {}};
}

// A service of its own that puts one session into the file.
bool another_service_puts(const std::string& url, std::string_view key, std::string_view value) {
  return in_child([&] { return put(*open_or_throw(url), key, value).status == put_status::stored; });
}

// Reads until an outcome is unknown: a reader looks at the path once a second.
get_result read_until_noticed(store& s, std::string_view key) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (;;) {
    auto got = get(s, key);
    if (got.status == get_status::unknown || std::chrono::steady_clock::now() > until) return got;
    std::this_thread::yield();
  }
}

void expect_message(const error& why, const std::string& path, std::string_view what) {
  EXPECT_EQ(why.code, errc::store_unavailable);
  for (const auto part : {std::string_view(path), what, std::string_view("clear()")})
    EXPECT_NE(why.message.find(part), std::string::npos) << why.message;
}

enum class way { remove, rename_over, move_away };

class LostFile : public testing::TestWithParam<way> {
 protected:
  void lose() {
    switch (GetParam()) {
      case way::remove:
        fs::remove(dir.file());
        break;
      case way::rename_over: {
        {
          (void)put(*open_or_throw("file:" + dir.file("other")), "other", "v");
        }
        fs::rename(dir.file("other"), dir.file());
        break;
      }
      case way::move_away:
        fs::rename(dir.file(), dir.file("away"));
        break;
    }
  }
  temporary_directory dir;
};

TEST_P(LostFile, AWriterSaysSoAndGoesOnWithTheNewOne) {
  auto a = open_or_throw(dir.url());
  ASSERT_EQ(put(*a, "alice", "1").status, put_status::stored);
  lose();
  ASSERT_TRUE(another_service_puts(dir.url(), "bob", "2"));
  const auto lost = put(*a, "alice", "3");
  ASSERT_EQ(lost.status, put_status::unknown);
  expect_message(lost.why, dir.file(), "removed or replaced");
  // From now on both see the same.
  EXPECT_EQ(get(*a, "alice").status, get_status::absent);
  EXPECT_EQ(get(*a, "bob").value.bytes, "2");
  EXPECT_EQ(put(*a, "carol", "4").status, put_status::stored);
  EXPECT_TRUE(in_child([&] {
    auto b = open_or_throw(dir.url());
    return get(*b, "carol").value.bytes == "4" && remove(*b, "bob").status == remove_status::removed;
  }));
  EXPECT_EQ(get(*a, "bob").status, get_status::absent) << "a logout at the other service";
}

TEST_P(LostFile, AReaderSaysSoWithinASecond) {
  auto a = open_or_throw(dir.url());
  (void)put(*a, "alice", "1");
  (void)get(*a, "alice");
  lose();
  ASSERT_TRUE(another_service_puts(dir.url(), "bob", "2"));
  expect_message(read_until_noticed(*a, "alice").why, dir.file(), "removed or replaced");
  EXPECT_EQ(get(*a, "bob").value.bytes, "2");
}

TEST_P(LostFile, TouchRemoveAndHealthSaySoToo) {
  for (int operation = 0; operation < 3; ++operation) {
    auto a = open_or_throw(dir.url());
    (void)put(*a, "alice", "1");
    lose();
    error why;
    if (operation == 0) why = touch(*a, "alice", in_an_hour()).why;
    if (operation == 1) why = remove(*a, "alice").why;
    if (operation == 2) why = health(*a).why;
    expect_message(why, dir.file(), "removed or replaced");
    EXPECT_TRUE(health(*a).known);
  }
}

TEST_P(LostFile, AChildOfForkNoticesToo) {
  auto a = open_or_throw(dir.url());
  (void)put(*a, "alice", "1");
  EXPECT_TRUE(in_child([&] {
    if (get(*a, "alice").value.bytes != "1") return false;
    lose();
    return put(*a, "alice", "2").status == put_status::unknown && put(*a, "alice", "3").status == put_status::stored;
  }));
  EXPECT_EQ(put(*a, "alice", "4").status, put_status::unknown);
  EXPECT_EQ(get(*a, "alice").value.bytes, "3");
}

INSTANTIATE_TEST_SUITE_P(Ways, LostFile, testing::Values(way::remove, way::rename_over, way::move_away));

TEST(LostFiles, HandlesOfOneProcessShareWhatIsOpenedAgain) {
  temporary_directory dir;
  auto a = open_or_throw(dir.url());
  auto b = open_or_throw(dir.url());
  (void)put(*a, "key", "1");
  fs::remove(dir.file());
  EXPECT_EQ(put(*a, "key", "2").status, put_status::unknown);
  EXPECT_EQ(put(*a, "key", "3").status, put_status::stored);
  EXPECT_EQ(get(*b, "key").value.bytes, "3");
  EXPECT_EQ(put(*b, "key", "4").status, put_status::stored);
  EXPECT_EQ(get(*a, "key").value.bytes, "4");
}

TEST(LostFiles, NothingOfTheOldOneIsKept) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  const auto descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  (void)put(*s, "key", "1");
  (void)get(*s, "key");
  const auto before = descriptors();
  for (int i = 0; i < 20; ++i) {
    fs::remove(dir.file());
    EXPECT_EQ(put(*s, "key", "2").status, put_status::unknown);
    EXPECT_EQ(put(*s, "key", "3").status, put_status::stored);
    EXPECT_EQ(get(*s, "key").value.bytes, "3");
  }
  EXPECT_EQ(descriptors(), before);
  const auto maps = read_file("/proc/self/maps");  // a sanitizer's own are there, too
  EXPECT_EQ(maps.find(dir.file() + " (deleted)"), std::string::npos) << maps;
}

TEST(LostFiles, AFileThatCannotBeOpenedAgainStaysUnknownUntilItCan) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  (void)put(*s, "key", "1");
  fs::remove(dir.file());
  fs::create_directory(dir.file());
  EXPECT_EQ(put(*s, "key", "2").status, put_status::unknown);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get(*s, "key").why.code, errc::store_format);
  fs::remove(dir.file());
  EXPECT_EQ(put(*s, "key", "3").status, put_status::stored);
}

TEST(LostFiles, ThreadsInTheMiddleOfTheirWork) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::atomic<int> noticed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      const auto key = "k" + std::to_string(t);
      while (!stop) {
        const auto stored = put(*s, key, "v");
        if (stored.status == put_status::unknown && stored.why.code != errc::store_unavailable) ++wrong;
        const auto got = get(*s, key);
        if (got.status == get_status::found && got.value.bytes != "v") ++wrong;
        if (stored.status == put_status::unknown || got.status == get_status::unknown) ++noticed;
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    const int before = noticed;
    while (!fs::remove(dir.file())) std::this_thread::yield();  // nobody has made the next one yet
    while (noticed == before) std::this_thread::yield();
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  (void)put(*s, "last", "v");
  EXPECT_EQ(put(*s, "last", "v").status, put_status::stored);
}

TEST(LostFiles, AFileThatWasEmptiedIsMadeAnew) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  (void)put(*s, "key", "1");
  fs::resize_file(dir.file(), 0);
  const auto lost = put(*s, "key", "2");
  ASSERT_EQ(lost.status, put_status::unknown);
  expect_message(lost.why, dir.file(), "cut short");
  EXPECT_EQ(put(*s, "key", "3").status, put_status::stored);
  EXPECT_TRUE(in_child([&] { return get(*open_or_throw(dir.url()), "key").value.bytes == "3"; }));
}

TEST(LostFiles, AFileThatWasCutIsRefusedUntilItIsMovedAway) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  for (int i = 0; i < 300; ++i) (void)put(*s, "k" + std::to_string(i), std::string(2000, 'v'));
  fs::resize_file(dir.file(), fs::file_size(dir.file()) / 2);
  expect_message(put(*s, "key", "2").why, dir.file(), "cut short");
  EXPECT_EQ(put(*s, "key", "3").why.code, errc::store_format);
  EXPECT_EQ(get(*s, "key").why.code, errc::store_format);
  fs::rename(dir.file(), dir.file("away"));
  EXPECT_EQ(put(*s, "key", "4").status, put_status::stored);
}

TEST(LostFiles, AnOlderCopyWrittenOverTheFileIsNoticed) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  (void)put(*s, "key", "old");
  const auto copy = read_file(dir.file());
  for (int i = 0; i < 50; ++i) (void)put(*s, "key", std::string(100, 'n'));
  std::fstream(dir.file(), std::ios::in | std::ios::out | std::ios::binary) << copy;
  expect_message(get(*s, "key").why, dir.file(), "overwritten");
  EXPECT_EQ(get(*s, "key").value.bytes, "old");
  EXPECT_EQ(put(*s, "key", "new").status, put_status::stored);
}

}  // namespace
}  // namespace coatcheck::test
