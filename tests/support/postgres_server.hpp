// A real PostgreSQL of a test's own, on a free loopback port and a Unix socket in its data directory, without fsync.
// It can be killed, frozen and started again, and have a standby. It dies with the test. PostgreSQL does not run as
// root: there it runs as `postgres` or `nobody`.
#pragma once

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "support/child_process.hpp"

namespace coatcheck_test {

class postgres_server {
 public:
  // The directory of its programs; empty: not installed.
  static std::string programs() {
    for (int version = 30; version >= 14; --version) {
      const std::string at = "/usr/lib/postgresql/" + std::to_string(version) + "/bin";
      if (::access((at + "/initdb").c_str(), X_OK) == 0) return at;
    }
    return ::access("/usr/bin/initdb", X_OK) == 0 ? "/usr/bin" : "";
  }

  // `more` are further settings ("max_connections=5").
  explicit postgres_server(std::vector<std::string> more = {}) : more_(std::move(more)) {
    make_directory();
    // What initdb makes is the same each time, and takes it a second: later servers of a process start from a copy.
    static const pattern first(*this);
    run({"/bin/cp", "-a", first.directory, data()});
    // Whoever is not the superuser needs a password, over TCP.
    std::ofstream(data() + "/pg_hba.conf") << "local all all trust\nlocal replication all trust\n"
                                           << "host all coatcheck 127.0.0.1/32 trust\n"
                                           << "host all all 127.0.0.1/32 scram-sha-256\n";
    begin();
  }
  // A standby of `primary`, which it follows.
  static postgres_server* standby_of(const postgres_server& primary) { return new postgres_server(primary); }
  ~postgres_server() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  postgres_server& operator=(const postgres_server&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::string data() const { return directory_ + "/data"; }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  // With a '?' already, so that parameters follow with '&'.
  [[nodiscard]] std::string url() const { return "postgresql://coatcheck@" + address() + "/postgres?sslmode=disable"; }
  [[nodiscard]] std::string unix_url() const {
    return "postgresql:///postgres?user=coatcheck&host=" + directory_ + "&port=" + std::to_string(port_);
  }

  // Starts it on the same port and waits until it accepts connections. False when it ended instead.
  bool start() {
    int out[2];
    if (::pipe(out) != 0) throw std::runtime_error("pipe failed");
    std::vector<std::string> words = {programs() + "/postgres", "-D", data(),     "-k", directory_, "-p",
                                      std::to_string(port_),    "-h", "127.0.0.1"};
    for (const char* setting : {"fsync=off", "wal_retrieve_retry_interval=100", "full_page_writes=off",
                                "shared_buffers=16MB", "logging_collector=off"}) {
      words.insert(words.end(), {"-c", setting});
    }
    for (const std::string& setting : more_) words.insert(words.end(), {"-c", setting});
    process_ = start_program(std::move(words), out[1]);
    ::close(out[1]);
    std::string log;
    char chunk[512];
    for (;;) {
      const ssize_t got = ::read(out[0], chunk, sizeof chunk);
      if (got <= 0) break;
      log.append(chunk, static_cast<std::size_t>(got));
      if (log.find("ready to accept") != std::string::npos) {
        // Whoever writes to a pipe that nobody reads is stopped by it: PostgreSQL's log goes on.
        std::thread([fd = out[0]] {
          char rest[4096];
          while (::read(fd, rest, sizeof rest) > 0) {
          }
          ::close(fd);
        }).detach();
        return true;
      }
    }
    ::close(out[0]);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
    last_log_ = log;
    return false;
  }
  // As a machine that fails: without a word to anybody.
  void kill() {
    if (process_ < 0) return;
    ::kill(process_, SIGQUIT);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  void restart() {
    kill();
    if (!start()) throw std::runtime_error("PostgreSQL does not start again: " + last_log_);
  }
  // Every process of it: the postmaster's own, and those of connections.
  void freeze() { signal_all(SIGSTOP); }
  void thaw() { signal_all(SIGCONT); }
  void promote() { run({programs() + "/pg_ctl", "promote", "-D", data(), "-w", "-s"}); }

  // Runs SQL by psql and gives what it answers.
  std::string sql(const std::string& text) const {
    const std::string command = programs() + "/psql -X -q -A -t -v ON_ERROR_STOP=1 -h " + directory_ + " -p " +
                                std::to_string(port_) + " -U coatcheck postgres 2>&1 <<'END_OF_SQL'\n" + text +
                                "\nEND_OF_SQL\n";
    FILE* const pipe = ::popen(command.c_str(), "r");
    std::string out;
    char chunk[512];
    for (std::size_t got = 0; (got = ::fread(chunk, 1, sizeof chunk, pipe)) > 0;) out.append(chunk, got);
    if (::pclose(pipe) != 0) throw std::runtime_error("psql: " + out);
    while (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
  }

  // Another program, as the user that the server runs as, which dies with the test. Its output is dropped.
  pid_t spawn_beside(std::vector<std::string> words) {
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    const pid_t child = start_program(std::move(words), nowhere);
    ::close(nowhere);
    return child;
  }

 private:
  struct pattern {
    explicit pattern(postgres_server& by) : directory(by.directory_ + ".new") {
      if (::mkdir(directory.c_str(), 0700) != 0 || ::chown(directory.c_str(), by.user_, by.group_) != 0) {
        throw std::runtime_error("mkdir failed");
      }
      by.run({programs() + "/initdb", "-D", directory, "-U", "coatcheck", "-A", "trust", "--no-sync", "-E", "UTF8",
              "--locale=C"});
    }
    ~pattern() {
      std::error_code ignored;
      std::filesystem::remove_all(directory, ignored);
    }
    std::string directory;
  };
  postgres_server(const postgres_server& primary) : more_(primary.more_) {
    make_directory();
    run({programs() + "/pg_basebackup", "-D", data(), "-h", primary.directory_, "-p", std::to_string(primary.port_),
         "-U", "coatcheck", "-R", "-c", "fast", "--no-sync"});
    begin();
  }
  void make_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "coatcheck-postgres-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    directory_ = name;
    if (::getuid() == 0) {
      const passwd* who = ::getpwnam("postgres");
      if (who == nullptr) who = ::getpwnam("nobody");
      user_ = who->pw_uid;
      group_ = who->pw_gid;
      if (::chown(name.c_str(), user_, group_) != 0) throw std::runtime_error("chown failed");
    }
    ::chmod(name.c_str(), 0755);
  }
  void begin() {
    // Another process may take the port between the look and the start: then try another one.
    for (int tries = 0; tries < 10 && process_ < 0; ++tries) {
      port_ = free_port();
      start();
    }
    if (process_ < 0) throw std::runtime_error("PostgreSQL does not start: " + last_log_);
  }
  // As another user where this one is root, in whose folders that one has no business.
  pid_t start_program(std::vector<std::string> words, int output) {
    return spawn(std::move(words), output, SIGQUIT, [this, output] {
      if (::getuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(group_) != 0 || ::setuid(user_) != 0))
        ::_exit(126);
      if (::chdir("/") != 0) ::_exit(1);
      ::dup2(output, 1);
      ::dup2(output, 2);
      for (int fd = 3; fd < 256; ++fd) ::close(fd);
      ::setenv("LC_ALL", "C", 1);
    });
  }
  void run(std::vector<std::string> words) {
    int out[2];
    if (::pipe(out) != 0) throw std::runtime_error("pipe failed");
    const pid_t child = start_program(words, out[1]);
    ::close(out[1]);
    std::string log;
    char chunk[512];
    for (ssize_t got = 0; (got = ::read(out[0], chunk, sizeof chunk)) > 0;)
      log.append(chunk, static_cast<std::size_t>(got));
    ::close(out[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (status != 0) throw std::runtime_error(words[0] + " failed: " + log);
  }
  void signal_all(int number) {
    const std::string command = "pkill -" + std::to_string(number) + " -P " + std::to_string(process_) + "; kill -" +
                                std::to_string(number) + " " + std::to_string(process_);
    (void)!std::system(command.c_str());
  }
  std::vector<std::string> more_;
  std::string directory_;
  std::string last_log_;
  uid_t user_ = ::getuid();
  gid_t group_ = ::getgid();
  int port_ = 0;
  pid_t process_ = -1;
};

}  // namespace coatcheck_test
