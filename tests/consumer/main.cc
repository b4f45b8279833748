// A program of somebody else's: opens a session, stores it, and reads it back under the cookie it was given.
#include <coatcheck/coatcheck.hpp>
#include <iostream>
#include <string>

int main() {
  coatcheck::sessions sessions("memory:", "a secret of at least thirty-two bytes");
  auto session = sessions.open("");
  session.data()["user"] = "ada";
  const std::string set_cookie = sessions.commit(session);

  auto again = sessions.open(set_cookie.substr(0, set_cookie.find(';')));
  const bool good = !again.fresh() && again.data()["user"] == "ada";
  std::cout << (good ? "consumer: ok" : "consumer: the session was not found again") << "\n";
  return good ? 0 : 1;
}
