// Servers as children of a test: started, killed, frozen, and never left behind when the test dies.
#pragma once

#include <cstdint>
#include <functional>
#include <netinet/in.h>
#include <random>
#include <signal.h>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace coatcheck_test {

// A loopback port that nobody has at the moment. It is none of those that the system gives to outgoing connections
// (32768 and more): one of these would keep a server that was killed from coming back to its port, or, asked for while
// nobody listens there, be connected to itself.
inline int free_port() {
  static std::mt19937 random{std::random_device{}()};
  for (int tries = 0; tries < 1000; ++tries) {
    const int port = std::uniform_int_distribution<int>(11'000, 21'999)(random);  // a cluster's bus has 10,000 more
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
    ::close(fd);
    if (bound) return port;
  }
  throw std::runtime_error("no free port");
}

// Runs a program. It gets `last_signal` when this process ends. `output`: where what it says goes; -1: to where ours
// goes. `prepare` runs in the child, before anything else.
inline pid_t spawn(std::vector<std::string> words, int output = -1, int last_signal = SIGKILL,
                   const std::function<void()>& prepare = {}) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  if (prepare) prepare();
  ::prctl(PR_SET_PDEATHSIG, last_signal);
  if (::getppid() != parent) ::_exit(1);
  if (output >= 0) ::dup2(output, 1);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

// Kills it, if it runs: then `process` is -1.
inline void end_child(pid_t& process) {
  if (process < 0) return;
  ::kill(process, SIGKILL);
  ::waitpid(process, nullptr, 0);
  process = -1;
}

inline void freeze_child(pid_t process) {
  ::kill(process, SIGSTOP);
  ::waitpid(process, nullptr, WUNTRACED);  // returns once it has stopped
}
inline void thaw_child(pid_t process) { ::kill(process, SIGCONT); }

}  // namespace coatcheck_test
