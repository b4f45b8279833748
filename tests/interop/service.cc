// The C++ service of the interop tests; see conftest.py for what every service answers.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <httplib.h>
#include <iostream>
#include <string>
#include <thread>

#include "coatcheck/coatcheck.hpp"

namespace {

using coatcheck::json;

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set");
  return value;
}

void hold(const std::string& path) {
  std::ofstream(path + ".open").close();
  while (!std::filesystem::exists(path + ".go")) std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

void answer(httplib::Response& response, const json& body, const std::string& set_cookie) {
  if (!set_cookie.empty()) response.set_header("Set-Cookie", set_cookie);
  response.set_content(body.dump(), "application/json");
}

void serve() {
  auto sessions = coatcheck::sessions::from_environment();
  httplib::Server server;
  const auto open = [&](const httplib::Request& request) { return sessions.open(request.get_header_value("Cookie")); };

  server.Get("/session", [&](const auto& request, auto& response) {
    auto session = open(request);
    const json data = session.data();
    answer(response, data, sessions.commit(session));
  });
  server.Put("/session", [&](const auto& request, auto& response) {
    const json body = json::parse(request.body);
    auto session = open(request);
    if (body.contains("hold")) hold(body["hold"]);
    for (const auto& [key, value] : body["set"].items()) session.data()[key] = value;
    if (body.contains("maxAge")) session.set_cookie({{"maxAge", body["maxAge"]}});
    const json data = session.data();
    answer(response, data, sessions.commit(session));
  });
  server.Delete("/session", [&](const auto& request, auto& response) {
    auto session = open(request);
    answer(response, json::object(), sessions.destroy(session));
  });
  server.Post("/login", [&](const auto& request, auto& response) {
    auto session = open(request);
    sessions.regenerate(session);
    const json data = session.data();
    answer(response, data, sessions.commit(session));
  });
  server.set_exception_handler([](const auto&, auto& response, std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const coatcheck::exception& why) {
      response.status = why.code() == coatcheck::errc::session_gone ? 409 : 500;
      answer(response, {{"error", why.name()}}, "");
    } catch (const std::exception& why) {
      response.status = 500;
      answer(response, {{"error", why.what()}}, "");
    }
  });
  server.listen("127.0.0.1", std::stoi(setting("PORT")));
}

}  // namespace

int main() {
  try {
    serve();
  } catch (const std::exception& why) {
    std::cerr << "service: " << why.what() << "\n";
    return 1;
  }
}
