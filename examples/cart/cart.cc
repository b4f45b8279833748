// The cart in C++: cpp-httplib for HTTP, coatcheck::sessions for the session.
//
// Each item is a top-level key of the session ("item:tea": 2). Changes to different keys are merged, so
// two columns that add at the same moment both succeed.
#include <chrono>
#include <cstdlib>
#include <httplib.h>
#include <iostream>
#include <string>
#include <thread>

#include "coatcheck/coatcheck.hpp"

namespace {

using coatcheck::json;

json cart_of(coatcheck::session& session) {
  json items = json::object();
  for (const auto& [key, value] : session.data().items()) {
    if (key.starts_with("item:")) items[key.substr(5)] = value;
  }
  return {{"items", items}, {"user", session.data().value("user", json())}};
}

void answer(httplib::Response& response, const json& body, const std::string& set_cookie) {
  if (!set_cookie.empty()) response.set_header("Set-Cookie", set_cookie);
  response.set_content(body.dump(), "application/json");
}

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set");
  return value;
}

void serve() {
  auto sessions = coatcheck::sessions::from_environment();
  httplib::Server server;

  const auto open = [&](const httplib::Request& request) { return sessions.open(request.get_header_value("Cookie")); };

  server.Get("/cart", [&](const auto& request, auto& response) {
    auto session = open(request);
    const json cart = cart_of(session);
    answer(response, cart, sessions.commit(session));
  });

  server.Post("/cart", [&](const auto& request, auto& response) {
    auto session = open(request);
    const json body = json::parse(request.body);
    auto& count = session.data()["item:" + body.at("item").template get<std::string>()];
    count = count.is_null() ? 1 : count.template get<int>() + 1;
    const json cart = cart_of(session);
    answer(response, cart, sessions.commit(session));
  });

  // Who logs in gets a new session id; the cart comes along.
  server.Post("/login", [&](const auto& request, auto& response) {
    auto session = open(request);
    sessions.regenerate(session);
    session.data()["user"] = json::parse(request.body).at("user");
    const json cart = cart_of(session);
    answer(response, cart, sessions.commit(session));
  });

  server.Post("/logout", [&](const auto& request, auto& response) {
    auto session = open(request);
    const std::string set_cookie = sessions.destroy(session);
    answer(response, cart_of(session), set_cookie);
  });

  // Writes at its end. If somebody logged out meanwhile, the commit says so and nothing is written.
  server.Get("/slow", [&](const auto& request, auto& response) {
    auto session = open(request);
    session.data()["slow"] = "written by C++";
    std::this_thread::sleep_for(std::chrono::milliseconds(std::stoi(request.get_param_value("ms"))));
    answer(response, {{"done", true}}, sessions.commit(session));
  });

  server.set_exception_handler([](const auto&, auto& response, std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const coatcheck::exception& why) {
      response.status = why.code() == coatcheck::errc::session_gone ? 409 : 503;
      answer(response, {{"error", why.name()}}, "");
    } catch (const std::exception&) {
      response.status = 400;
      answer(response, {{"error", "bad request"}}, "");
    }
  });

  server.listen("127.0.0.1", std::stoi(setting("PORT")));
}

}  // namespace

int main() {
  try {
    serve();
  } catch (const std::exception& why) {
    std::cerr << "cart: " << why.what() << "\n";
    return 1;
  }
}
