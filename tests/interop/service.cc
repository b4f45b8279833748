// The C++ service of the interop tests; see conftest.py for what every service answers.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <httplib.h>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>

#include "coatcheck/coatcheck.hpp"
#include "coatcheck/event_loop.hpp"
#include "coatcheck/option_words.hpp"
#include "coatcheck/refresh_tokens.hpp"

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

coatcheck::sessions_options options() {
  coatcheck::sessions_options out;
  if (const char* encrypt = std::getenv("ENCRYPT")) {
    const auto read = coatcheck::read_word("ENCRYPT", encrypt, out.encrypt);
    if (!read) throw coatcheck::exception(read.error());
  }
  const char* mode = std::getenv("MODE");
  if (mode == nullptr) return out;
  out.tokens.mode =
      std::string(mode) == "jwt" ? coatcheck::session_mode::jwt_signed : coatcheck::session_mode::jwt_sealed;
  out.tokens.access_ttl = std::stoi(setting("ACCESS_TTL"));
  out.tokens.check_epoch = true;
  if (const char* keys = std::getenv("TOKEN_KEYS")) {
    for (const json& jwk : json::parse(keys)) {
      out.tokens.keys.push_back(coatcheck::value_or_throw(coatcheck::jose::key::from_jwk(jwk.dump())));
    }
  }
  return out;
}

std::string store_url() {
  return coatcheck::value_or_throw(coatcheck::encrypted_url(setting("COATCHECK_STORE"), options().encrypt));
}

// Refresh tokens on one loop, for one request after the other.
class token_desk {
 public:
  token_desk()
      : keys_(coatcheck::value_or_throw(coatcheck::key_ring::from_secret(setting("COATCHECK_SECRET")))),
        where_(coatcheck::value_or_throw(coatcheck::open_store(store_url(), {.loop = &loop_, .keys = &keys_}))),
        tokens_(coatcheck::value_or_throw(coatcheck::refresh_tokens::create({.keys = keys_, .where = where_}))) {}
  ~token_desk() { where_->close(); }
  token_desk(const token_desk&) = delete;
  token_desk& operator=(const token_desk&) = delete;

  template <class R, class Start>
  R run(Start&& start) {
    const std::lock_guard lock(mutex_);
    return loop_.wait<R>([&](coatcheck::completion<R> done) { start(*tokens_, done); });
  }

 private:
  std::mutex mutex_;
  coatcheck::event_loop loop_;
  coatcheck::key_ring keys_;
  std::shared_ptr<coatcheck::store> where_;
  std::shared_ptr<coatcheck::refresh_tokens> tokens_;
};

void refuse(httplib::Response& response, const coatcheck::error& why) {
  response.status = 401;
  answer(response, {{"error", coatcheck::name_of(why.code)}}, "");
}

void serve_tokens(httplib::Server& server, token_desk& desk) {
  using namespace coatcheck;
  server.Post("/tokens", [&](const auto& request, auto& response) {
    const std::string owner = json::parse(request.body)["owner"];
    const auto got = desk.run<issue_result>([&](auto& tokens, auto done) { tokens.issue(owner, "", "{}", done); });
    if (got.status != issue_status::issued) return refuse(response, got.why);
    answer(response, {{"token", got.token}, {"family", got.family.id}}, "");
  });
  server.Post("/tokens/refresh", [&](const auto& request, auto& response) {
    const std::string token = json::parse(request.body)["token"];
    const auto got = desk.run<refresh_result>([&](auto& tokens, auto done) { tokens.refresh(token, done); });
    if (got.status != refresh_status::rotated) return refuse(response, got.why);
    answer(response, {{"token", got.token}, {"repeated", got.repeated}, {"family", got.family.id}}, "");
  });
  server.Post("/tokens/revoke", [&](const auto& request, auto& response) {
    const std::string owner = json::parse(request.body)["owner"];
    const auto got = desk.run<revoke_all_result>([&](auto& tokens, auto done) { tokens.revoke_all(owner, "", done); });
    if (!got.known) return refuse(response, got.why);
    answer(response, {{"count", got.count}}, "");
  });
}

void serve() {
  auto sessions = coatcheck::sessions::from_environment(options());
  token_desk desk;
  httplib::Server server;
  serve_tokens(server, desk);
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
    session.set_owner(data.value("user", ""));
    answer(response, data, sessions.commit(session));
  });
  server.Post("/count", [&](const auto& request, auto& response) {
    const int times = json::parse(request.body)["times"];
    auto session = open(request);
    for (int i = 0; i < times; ++i) {
      (void)sessions.transact(session, [](json& data) { data["n"] = data["n"].template get<int>() + 1; });
    }
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
