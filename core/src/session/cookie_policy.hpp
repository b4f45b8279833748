// The session cookie: its name on this kind of request, and the Set-Cookie that says what the options and the
// session's own settings (snapshot.cookie) ask for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/cookie.hpp"
#include "coatcheck/engine.hpp"

namespace coatcheck::session {

// What one session's record says of its cookie; unset: as the options say. Members of the JSON object that are
// unknown (a newer coatcheck's) are passed over; a known one of a wrong type is an error.
struct cookie_settings {
  std::optional<std::optional<duration_ms>> max_age;  // set to nullopt: a cookie of the browser session
  std::optional<epoch_ms> expires;                    // a fixed end: nothing moves it
  std::optional<std::string> domain;
  std::optional<std::string> path;
  std::optional<bool> http_only;
  std::optional<bool> secure;
  std::optional<coatcheck::same_site> same_site;
  std::optional<bool> partitioned;
  std::optional<cookie_priority> priority;
  // The same as JSON, unknown members included: what is stored, so that a record does not tell which language wrote it.
  // Empty: no settings.
  std::string text;

  [[nodiscard]] static result<cookie_settings> parse(std::string_view json);
};

class cookie_policy {
 public:
  [[nodiscard]] static result<cookie_policy> create(cookie_options options);

  [[nodiscard]] std::string_view name(bool secure_request) const noexcept {
    return secure_request ? secure_name_ : plain_name_;
  }
  // How long the session lasts without a request: the cookie's age where it has one.
  [[nodiscard]] duration_ms idle(const cookie_settings& settings, const session_policy& policy) const noexcept;
  // Whether the browser keeps the cookie after it closes, so that its date has to move with the session.
  [[nodiscard]] bool persistent(const cookie_settings& settings) const noexcept;

  struct written {
    std::string header;     // empty when withheld
    bool withheld = false;  // must be Secure, and the request is not
  };
  [[nodiscard]] result<written> write(std::string_view value, const cookie_settings& settings, epoch_ms expires_at,
                                      epoch_ms now, bool secure_request) const;
  // Of a session without settings of its own; points into this object.
  [[nodiscard]] set_cookie attributes(bool secure_request) const { return resolve({}, secure_request).cookie; }
  [[nodiscard]] std::string clear(const cookie_settings& settings, bool secure_request) const;
  // The same for a cookie of another name, set with these options.
  [[nodiscard]] std::string clear_named(std::string_view name, bool secure_request) const;
  // The same for every other domain and path with which these options can have set it: what an older configuration, or
  // a session with settings of its own, left in the browser stands beside today's cookie.
  [[nodiscard]] std::vector<std::string> clear_others(const cookie_settings& settings, bool secure_request) const;

 private:
  struct resolved {
    set_cookie cookie;
    bool withheld = false;
  };
  [[nodiscard]] resolved resolve(const cookie_settings& settings, bool secure_request) const;
  [[nodiscard]] result<std::string> print(const set_cookie& cookie) const;

  cookie_options options_;
  std::string plain_name_;
  std::string secure_name_;
};

}  // namespace coatcheck::session
