// A real redis-server of a test's own, on a free loopback port (plain or TLS) and a Unix socket, without persistence.
// It can be killed, frozen and started again. It dies with the test.
#pragma once

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <hiredis/hiredis.h>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "support/child_process.hpp"

namespace coatcheck_test {

class redis_server {
 public:
  // Where redis-server is; empty: not installed.
  static std::string program() {
    for (const char* path : {"/usr/bin/redis-server", "/usr/local/bin/redis-server"}) {
      if (::access(path, X_OK) == 0) return path;
    }
    return {};
  }

  // What its port speaks TLS with.
  struct tls_port {
    std::string cert;
    std::string key;
    std::string ca;  // of clients' certificates
    bool wants_certificate = false;
    std::string versions = "TLSv1.2 TLSv1.3";
  };

  // `more` are further words of its command line ("--requirepass", "x").
  explicit redis_server(std::vector<std::string> more = {}, std::optional<tls_port> tls = std::nullopt)
      : more_(std::move(more)), tls_(std::move(tls)) {
    begin();
  }
  // A sentinel, with these lines in its file.
  struct sentinel {
    std::string lines;
    std::optional<tls_port> tls{};
  };
  explicit redis_server(const sentinel& as) : tls_(as.tls), sentinel_lines_(as.lines) { begin(); }
  ~redis_server() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  redis_server(const redis_server&) = delete;
  redis_server& operator=(const redis_server&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string socket() const { return directory_ + "/redis.sock"; }
  // "redis://127.0.0.1:PORT" ("rediss:" where that speaks TLS) and "redis+unix:///…/redis.sock".
  [[nodiscard]] std::string url(const std::string& host = "127.0.0.1") const {
    return (tls_ ? "rediss://" : "redis://") + host + ":" + std::to_string(port_);
  }
  [[nodiscard]] std::string unix_url() const { return "redis+unix://" + socket(); }

  // Starts it on the same port and socket, and waits until it accepts connections. False when it ended instead.
  bool start() {
    int out[2];
    if (::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
    const std::string port = std::to_string(port_);
    std::vector<std::string> words = {
        program(), "--port", tls_ ? "0" : port, "--bind",       "127.0.0.1", "--save",      "",  "--appendonly",
        "no",      "--dir",  directory_,        "--unixsocket", socket(),    "--daemonize", "no"};
    if (tls_) {
      for (const std::string& word :
           {std::string("--tls-port"), port, std::string("--tls-cert-file"), tls_->cert, std::string("--tls-key-file"),
            tls_->key, std::string("--tls-ca-cert-file"), tls_->ca, std::string("--tls-auth-clients"),
            std::string(tls_->wants_certificate ? "yes" : "no"), std::string("--tls-protocols"), tls_->versions}) {
        words.push_back(word);
      }
    }
    words.insert(words.end(), more_.begin(), more_.end());
    if (!sentinel_lines_.empty()) {
      const std::string file = directory_ + "/sentinel.conf";  // it writes there what it learns
      if (!std::filesystem::exists(file)) {
        std::ofstream to(file);
        to << "port " << (tls_ ? 0 : port_) << "\nbind 127.0.0.1\ndir " << directory_ << "\nunixsocket " << socket()
           << "\n";
        if (tls_) {
          to << "tls-port " << port_ << "\ntls-cert-file " << tls_->cert << "\ntls-key-file " << tls_->key
             << "\ntls-ca-cert-file " << tls_->ca << "\ntls-auth-clients no\ntls-replication yes\n";
        }
        to << sentinel_lines_;
      }
      words = {program(), file, "--sentinel"};
    }
    process_ = spawn(std::move(words), out[1]);
    ::close(out[1]);
    std::string log;
    char chunk[512];
    for (;;) {
      const ssize_t got = ::read(out[0], chunk, sizeof chunk);
      if (got <= 0) break;
      log.append(chunk, static_cast<std::size_t>(got));
      // The Unix socket is announced after the TCP port; a sentinel has none, and says only who it is.
      if (log.find("The server is now ready to accept connections at") != std::string::npos ||
          (!sentinel_lines_.empty() && log.find("Sentinel ID is") != std::string::npos)) {
        log_ = out[0];
        return true;
      }
    }
    ::close(out[0]);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
    return false;
  }
  void kill() {
    if (process_ < 0) return;
    end_child(process_);
    ::close(log_);
  }
  void restart() {
    kill();
    if (!start()) throw std::runtime_error("redis-server does not start again");
  }
  void freeze() { freeze_child(process_); }
  void thaw() { thaw_child(process_); }

  // Runs a command on a connection of its own and gives its answer as text.
  std::string command(const std::vector<std::string_view>& words) {
    const std::unique_ptr<redisContext, void (*)(redisContext*)> context(
        tls_ ? redisConnectUnix(socket().c_str()) : redisConnect("127.0.0.1", port_), redisFree);
    if (!context || context->err != 0) throw std::runtime_error("cannot connect to the test's Redis");
    std::vector<const char*> argv;
    std::vector<std::size_t> sizes;
    for (const std::string_view word : words) {
      argv.push_back(word.data());
      sizes.push_back(word.size());
    }
    const std::unique_ptr<redisReply, void (*)(void*)> reply(
        static_cast<redisReply*>(
            redisCommandArgv(context.get(), static_cast<int>(argv.size()), argv.data(), sizes.data())),
        freeReplyObject);
    return reply ? as_text(*reply) : std::string();
  }

 private:
  static std::string as_text(const redisReply& reply) {
    if (reply.type == REDIS_REPLY_INTEGER) return std::to_string(reply.integer);
    if (reply.type == REDIS_REPLY_NIL) return "(nil)";
    if (reply.type != REDIS_REPLY_ARRAY) return std::string(reply.str, static_cast<std::size_t>(reply.len));
    std::string all;
    for (std::size_t i = 0; i < reply.elements; ++i) all += as_text(*reply.element[i]) + "\n";
    return all;
  }

  void begin() {
    std::string name = (std::filesystem::temp_directory_path() / "coatcheck-redis-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    directory_ = name;
    // Another process may take the port between the look and the start: then try another one.
    for (int tries = 0; tries < 20 && process_ < 0; ++tries) {
      port_ = free_port();
      start();
    }
    if (process_ < 0) throw std::runtime_error("redis-server does not start");
  }

  std::vector<std::string> more_;
  std::optional<tls_port> tls_;
  std::string sentinel_lines_;  // empty: it is none
  std::string directory_;
  int port_ = 0;
  pid_t process_ = -1;
  int log_ = -1;
};

}  // namespace coatcheck_test
