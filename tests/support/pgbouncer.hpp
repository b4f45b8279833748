// A real pgbouncer in transaction mode before a postgres_server, on a free loopback port. It dies with the test, and
// runs as the server does: it refuses to be root.
#pragma once

#include <fstream>
#include <signal.h>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include "support/postgres_server.hpp"

namespace coatcheck_test {

class pgbouncer {
 public:
  // Empty: not installed.
  static std::string program() {
    for (const char* at : {"/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"}) {
      if (::access(at, X_OK) == 0) return at;
    }
    return {};
  }
  // `sessions`: of the server, at most.
  pgbouncer(postgres_server& server, int sessions) : server_(server) {
    const std::string folder = server.directory();
    std::ofstream(folder + "/users.txt") << "\"coatcheck\" \"\"\n";
    for (int tries = 0; tries < 10; ++tries) {
      port_ = free_port();
      std::ofstream(folder + "/pgbouncer.ini")
          << "[databases]\npostgres = host=" << folder << " port=" << server.port() << " dbname=postgres\n"
          << "[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " << port_ << "\nunix_socket_dir =\n"
          << "auth_type = trust\nauth_file = " << folder << "/users.txt\npool_mode = transaction\n"
          << "max_client_conn = 200\ndefault_pool_size = " << sessions << "\n";
      process_ = server.spawn_beside({program(), folder + "/pgbouncer.ini"});
      while (::waitpid(process_, nullptr, WNOHANG) == 0) {
        if (accepts()) return;
        ::usleep(5000);
      }
    }
    throw std::runtime_error("pgbouncer does not start");
  }
  ~pgbouncer() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  pgbouncer(const pgbouncer&) = delete;
  pgbouncer& operator=(const pgbouncer&) = delete;

  [[nodiscard]] std::string url() const {
    return "postgresql://coatcheck@127.0.0.1:" + std::to_string(port_) + "/postgres?sslmode=disable&timeout=20000";
  }

 private:
  [[nodiscard]] bool accepts() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(static_cast<std::uint16_t>(port_));
    const bool up = ::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
    ::close(fd);
    return up;
  }
  postgres_server& server_;
  int port_ = 0;
  pid_t process_ = -1;
};

}  // namespace coatcheck_test
