// Opening a store file: what is made, what is shared, and what is refused, with the exact error.
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <lmdb.h>
#include <sys/stat.h>

#include "core/store/file_places.hpp"

namespace coatcheck::test {
namespace {

namespace fs = std::filesystem;

errc error_of(const std::string& url) {
  const auto opened = open_store(url);
  EXPECT_FALSE(opened) << url;
  if (opened) return errc::invalid_state;
  EXPECT_FALSE(opened.error().message.empty());
  return opened.error().code;
}

void write_file(const std::string& path, std::string_view bytes) { std::ofstream(path, std::ios::binary) << bytes; }

// An LMDB file of somebody else's.
void make_lmdb(const std::string& path, const char* table, const char* key, const char* value) {
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi dbi = 0;
  ASSERT_EQ(mdb_env_create(&env), 0);
  ASSERT_EQ(mdb_env_set_maxdbs(env, 8), 0);
  ASSERT_EQ(mdb_env_open(env, path.c_str(), MDB_NOSUBDIR, 0600), 0);
  ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &txn), 0);
  ASSERT_EQ(mdb_dbi_open(txn, table, table != nullptr ? MDB_CREATE : 0, &dbi), 0);
  MDB_val k{std::strlen(key), const_cast<char*>(key)};
  MDB_val v{std::strlen(value), const_cast<char*>(value)};
  ASSERT_EQ(mdb_put(txn, dbi, &k, &v, 0), 0);
  ASSERT_EQ(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
}

TEST(FileStore, KeepsSessionsBetweenTwoOpenings) {
  temporary_directory dir;
  (void)put(*open_or_throw(dir.url()), "key", "value");
  EXPECT_EQ(get(*open_or_throw(dir.url()), "key").value.bytes, "value");
}

TEST(FileStore, IsOneFileForItsOwnerAlone) {
  temporary_directory dir;
  const auto old = ::umask(0);
  auto s = open_or_throw(dir.url());
  ::umask(old);
  (void)put(*s, "key", "value");
  for (const auto& entry : fs::directory_iterator(dir.path())) EXPECT_EQ(entry.path(), dir.file());
  EXPECT_EQ(fs::status(dir.file()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST(FileStore, OneFileUnderManyNamesIsOneEnvironment) {
  temporary_directory dir;
  auto a = open_or_throw(dir.url());
  fs::create_directory_symlink(dir.path(), dir.path() + "/again");
  fs::create_hard_link(dir.file(), dir.file("other-name"));
  const std::string names[] = {"file:" + dir.path() + "/./sessions", "file:" + dir.path() + "/again/sessions",
                               "file://" + dir.path() + "/again/./again/sessions", "file:" + dir.file("other-name")};
  for (const auto& name : names) {
    auto b = open_or_throw(name);
    ASSERT_EQ(put(*b, "key", name).status, put_status::stored);
    EXPECT_EQ(get(*a, "key").value.bytes, name);
  }
}

TEST(FileStore, AnEmptyFileBecomesAStore) {
  temporary_directory dir;
  write_file(dir.file(), "");
  auto s = open_or_throw(dir.url());
  EXPECT_EQ(put(*s, "key", "value").status, put_status::stored);
}

TEST(FileStore, TheMapSizeIsTheFilesOwn) {
  temporary_directory dir;
  (void)put(*open_or_throw(dir.url("?map_size=4194304")), "key", "value");
  EXPECT_EQ(error_of(dir.url("?map_size=8388608")), errc::invalid_option);
  EXPECT_TRUE(open_store(dir.url("?map_size=4194304")));
  auto s = open_or_throw(dir.url());
  EXPECT_EQ(stats(*s).stats.max_bytes, 4'194'304U);
  EXPECT_EQ(error_of(dir.url("?map_size=8388608")), errc::invalid_option);
}

TEST(FileStore, OneDurabilityPerFileAndProcess) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url("?durability=disk"));
  EXPECT_TRUE(open_store(dir.url()));
  EXPECT_EQ(error_of(dir.url("?durability=process")), errc::invalid_option);
  s->close();
  EXPECT_TRUE(open_store(dir.url("?durability=process")));
}

// Hosts that hold a lock of their own around a write ask the store, not the URL.
TEST(FileStore, WhetherWritesWaitIsWhatTheEnvironmentDoes) {
  temporary_directory dir;
  const auto plain = open_or_throw(dir.url());
  EXPECT_FALSE(plain->capabilities().may_block);
  plain->close();
  const auto escaped = open_or_throw(dir.url("?durability=%64isk"));
  EXPECT_TRUE(escaped->capabilities().may_block);
  EXPECT_TRUE(open_or_throw(dir.url())->capabilities().may_block) << "as the process has it open already";
  EXPECT_FALSE(open_or_throw("memory:durability-disk")->capabilities().may_block);
  EXPECT_FALSE(open_or_throw("file:" + dir.file("durability=disk"))->capabilities().may_block);
}

TEST(FileStore, TheDirectoryMustExist) {
  temporary_directory dir;
  EXPECT_EQ(error_of("file:" + dir.path() + "/none/sessions"), errc::store_unavailable);
  EXPECT_FALSE(fs::exists(dir.path() + "/none"));
}

TEST(FileStore, WhatIsNoFileIsRefused) {
  temporary_directory dir;
  fs::create_directory(dir.file("directory"));
  ASSERT_EQ(::mkfifo(dir.file("pipe").c_str(), 0600), 0);
  for (const std::string& path : {dir.path(), dir.path() + "/", dir.path() + "/.", dir.file("directory"),
                                  dir.file("pipe"), std::string("/dev/null")})
    EXPECT_EQ(error_of("file:" + path), errc::store_format) << path;
}

TEST(FileStore, ALinkInPlaceOfTheFileIsRefused) {
  temporary_directory dir;
  { auto s = open_or_throw(dir.url()); }
  fs::create_symlink(dir.file(), dir.file("link"));
  EXPECT_EQ(error_of("file:" + dir.file("link")), errc::store_permission);
}

TEST(FileStore, AFileThatEveryUserMayWriteIsRefused) {
  temporary_directory dir;
  { auto s = open_or_throw(dir.url()); }
  fs::permissions(dir.file(), fs::perms::others_write, fs::perm_options::add);
  EXPECT_EQ(error_of(dir.url()), errc::store_permission);
}

TEST(FileStore, AnotherUsersFileInAPublicDirectoryIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to make a file of another user";
  temporary_directory dir;
  { auto s = open_or_throw(dir.url()); }
  ASSERT_EQ(::chown(dir.file().c_str(), 65534, 65534), 0);
  EXPECT_TRUE(open_store(dir.url()));
  fs::permissions(dir.path(), fs::perms::all | fs::perms::sticky_bit);
  EXPECT_EQ(error_of(dir.url()), errc::store_permission);
}

TEST(FileStore, NoPermissionIsAnErrorOfItsOwn) {
  temporary_directory dir;
  { auto s = open_or_throw(dir.url()); }
  fs::permissions(dir.path(), fs::perms::all);
  const auto denied = [&] {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return false;
    const auto opened = open_store(dir.url());
    return !opened && opened.error().code == errc::store_permission &&
           opened.error().message.find(dir.file()) != std::string::npos;
  };
  if (::geteuid() != 0) fs::permissions(dir.file(), fs::perms::none);
  EXPECT_TRUE(in_child(denied));
}

TEST(FileStore, ADirectoryThatMayNotBeWrittenIsNoPermission) {
  temporary_directory dir;
  fs::permissions(dir.path(),
                  fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
  EXPECT_TRUE(in_child([&] {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return false;
    const auto opened = open_store(dir.url());
    return !opened && opened.error().code == errc::store_permission;
  }));
  fs::permissions(dir.path(), fs::perms::owner_all);
}

TEST(FileStore, AFileOfAnotherKindIsRefusedAndLeftAsItIs) {
  temporary_directory dir;
  const std::string contents[] = {"x", "hello, this is no store\n", std::string(4096, '\0'), std::string(100'000, 'A'),
                                  std::string("SQLite format 3\0", 16) + std::string(8192, '\1')};
  for (const auto& bytes : contents) {
    write_file(dir.file(), bytes);
    EXPECT_EQ(error_of(dir.url()), errc::store_format);
    EXPECT_EQ(fs::file_size(dir.file()), bytes.size());
  }
}

TEST(FileStore, AnotherProgramsLmdbFileIsRefused) {
  temporary_directory dir;
  make_lmdb(dir.file(), nullptr, "their", "data");
  EXPECT_EQ(error_of(dir.url()), errc::store_format);
  make_lmdb(dir.file("second"), "sessions", "their", "data");
  EXPECT_EQ(error_of("file:" + dir.file("second")), errc::store_format);
}

TEST(FileStore, AnotherFormatVersionIsRefused) {
  temporary_directory dir;
  { auto s = open_or_throw(dir.url()); }
  make_lmdb(dir.file(), "meta", "format", "coatcheck-store 3");
  EXPECT_EQ(error_of(dir.url()), errc::store_format);
}

TEST(FileStore, ADamagedEntryIsUnknownNeverAbsent) {
  temporary_directory dir;
  { auto s = open_or_throw(dir.url()); }
  make_lmdb(dir.file(), "sessions", "key", "no envelope");
  auto s = open_or_throw(dir.url());
  const auto got = get(*s, "key");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_EQ(got.why.code, errc::record_damaged);
  EXPECT_EQ(got.why.message.find("envelope"), std::string::npos);
  EXPECT_EQ(put(*s, "key", "v", expectation::nothing()).status, put_status::unknown);
  EXPECT_EQ(put(*s, "key", "v", expectation::version(etag("x"))).status, put_status::unknown);
  EXPECT_EQ(touch(*s, "key", in_an_hour()).status, touch_status::unknown);
  EXPECT_EQ(remove(*s, "key").status, remove_status::removed);
  EXPECT_EQ(get(*s, "key").status, get_status::absent);
}

// A page that is missing at the end of the file would end the process with SIGBUS as soon as it is read.
TEST(FileStore, AFileThatWasCutIsRefusedOrWhole) {
  temporary_directory dir;
  constexpr int entries = 300;
  {
    auto s = open_or_throw(dir.url("?map_size=4194304"));
    for (int i = 0; i < entries; ++i)
      ASSERT_EQ(put(*s, "k" + std::to_string(i), std::string(i % 10 == 0 ? 9000 : 700, 'v'), {}, "owner").status,
                put_status::stored);
  }
  std::ifstream in(dir.file(), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  int refused = 0;
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{100}, std::size_t{4095}, std::size_t{4096}, std::size_t{8191}, std::size_t{8192},
        std::size_t{8193}, std::size_t{12'288}, whole.size() / 4, whole.size() / 2, whole.size() - 40'960,
        whole.size() - 8192, whole.size() - 4096, whole.size() - 1}) {
    const auto path = dir.file("cut" + std::to_string(size));
    write_file(path, std::string_view(whole).substr(0, size));
    for (int attempt = 0; attempt < 2; ++attempt) {
      const auto opened = open_store("file:" + path);
      if (!opened) {
        EXPECT_EQ(opened.error().code, errc::store_format) << size << ": " << opened.error().message;
        EXPECT_EQ(fs::file_size(path), size);
        ++refused;
        continue;
      }
      for (int i = 0; i < entries; ++i)
        ASSERT_EQ(get(**opened, "k" + std::to_string(i)).value.bytes.size(), i % 10 == 0 ? 9000U : 700U) << size;
    }
  }
  EXPECT_GE(refused, 20);
}

TEST(FileStore, HealthNoticesThatTheFileWasRemoved) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url());
  EXPECT_TRUE(health(*s).known);
  fs::remove(dir.file());
  const auto bad = health(*s);
  EXPECT_FALSE(bad.known);
  EXPECT_EQ(bad.why.code, errc::store_unavailable);
}

}  // namespace
}  // namespace coatcheck::test
