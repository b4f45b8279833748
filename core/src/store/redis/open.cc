// From a Redis URL to a store: names, limits and the server's address.
#include <algorithm>
#include <optional>
#include <utility>

#include "crypto/digest.hpp"
#include "net/redis/link.hpp"
#include "store/envelope.hpp"
#include "store/redis/names.hpp"
#include "store/redis/store.hpp"
#include "store/redis/topology.hpp"

namespace coatcheck {
namespace {

constexpr std::uint16_t default_port = 6379;
constexpr std::uint64_t max_database = 1'000'000;
constexpr std::size_t max_prefix = 64;
constexpr std::uint64_t max_queue = 1'000'000;

std::string escape_glob(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("*?[]^-\\").find(c) != std::string_view::npos) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

result<unsigned> parse_database(std::string_view text) {
  std::uint64_t number = 0;
  const bool digits = !text.empty() && text.size() <= 7 &&
                      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  for (const char c : digits ? text : std::string_view()) {
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (!digits || number > max_database) {
    return {errc::invalid_url, "store URL: the database must be a number from 0 to 1000000"};
  }
  return static_cast<unsigned>(number);
}

// What may stand in the URL itself and as a parameter, as the clients of Redis take it. Both, and different: refused.
result<std::string_view> one_of(std::string_view what, std::string_view in_url, std::optional<std::string_view> given) {
  if (given && !in_url.empty() && in_url != *given) {
    return {errc::invalid_url, "store URL: the " + std::string(what) + " is given twice, and differs"};
  }
  return given ? *given : in_url;
}

// What stands before an id there, where nobody says otherwise; nothing: no layout that is known.
std::optional<std::string_view> prefix_of_layout(std::string_view layout) {
  if (layout == "connect-redis") return "sess:";
  if (layout == "flask-session") return "session:";
  if (layout == "starsessions") return "starsessions.";
  return std::nullopt;
}

result<void> fill_user(const parsed_url& url, net::redis_target& target) {
  const auto user = one_of("user", url.user, url.parameter("username"));
  const auto password = one_of("password", url.password, url.parameter("password"));
  if (!user || !password) {
    return user ? password.error() : user.error();
  }
  const bool has_password = url.has_password || url.parameter("password");
  if (has_password ? password->empty() : !user->empty()) {
    return {errc::invalid_url, "store URL: a user needs a password, as in redis://user:password@host"};
  }
  target.user = *user;
  target.password = *password;
  return {};
}

result<void> fill_database(std::string_view in_url, const parsed_url& url, net::redis_target& target) {
  const auto text = one_of("database", in_url, url.parameter("db"));
  if (!text) {
    return text.error();
  }
  if (text->empty() && !url.parameter("db")) {
    return {};
  }
  auto database = parse_database(*text);
  if (!database) {
    return database.error();
  }
  target.database = *database;
  return {};
}

result<void> fill_tcp(const parsed_url& url, net::redis_target& target) {
  if (url.host.empty()) {
    return {errc::invalid_url, "store URL: redis: needs a host, as in redis://127.0.0.1:6379"};
  }
  if (auto filled = fill_database(std::string_view(url.path).substr(url.path.empty() ? 0 : 1), url, target); !filled) {
    return filled;
  }
  const std::uint16_t port = url.port == 0 ? default_port : url.port;
  target.where = [to = net::endpoint{url.host, port, {}}] { return to; };
  return {};
}

result<void> fill_unix(const parsed_url& url, net::redis_target& target) {
  if (!url.host.empty() || url.port != 0 || url.path.size() < 2 || url.path[0] != '/') {
    return {errc::invalid_url, "store URL: redis+unix: needs an absolute path, as in redis+unix:///run/redis.sock"};
  }
  if (auto filled = fill_database({}, url, target); !filled) {
    return filled;
  }
  if (auto found = net::unix_address(url.path); !found) {
    return found.error();
  }
  target.where = [to = net::endpoint{{}, 0, url.path}] { return to; };
  return {};
}

// Which way there is, by the scheme.
result<std::shared_ptr<net::redis_route>> open_route(const parsed_url& url, net::redis_target target,
                                                     const net::link_options& chosen, driver& loop) {
  const bool sentinel = url.scheme == "redis+sentinel";
  if (sentinel || url.scheme == "redis+cluster") {
    const auto in_path = sentinel || url.path.empty() ? std::string_view() : std::string_view(url.path).substr(1);
    if (auto filled = fill_database(in_path, url, target); !filled && !url.host.empty()) {
      return filled.error();
    }
    return sentinel ? open_redis_sentinel(url, std::move(target), chosen, loop)
                    : open_redis_cluster(url, std::move(target), chosen, loop);
  }
  if (auto filled = url.scheme == "redis" ? fill_tcp(url, target) : fill_unix(url, target); !filled) {
    return filled.error();
  }
  return std::shared_ptr<net::redis_route>(net::redis_link::create(std::move(target), chosen, loop));
}

// What a URL may ask for; sentinels have a user of their own.
result<void> known_parameters(const parsed_url& url) {
  if (url.scheme == "redis+sentinel") {
    return url.only(
        {"timeout", "prefix", "queue", "db", "username", "password", "layout", "sentinel_user", "sentinel_password"});
  }
  return url.only({"timeout", "prefix", "queue", "db", "username", "password", "layout"});
}

}  // namespace

redis_names::redis_names(std::string_view prefix)
    : values_(std::string(prefix) + "s:{"),
      marks_(std::string(prefix) + "w:{"),
      indexes_(std::string(prefix) + "o:"),
      pattern_(escape_glob(values_) + "*}") {}

std::string_view redis_names::key_of(std::string_view name) const noexcept {
  if (!name.starts_with(values_) || !name.ends_with(end)) {
    return {};
  }
  name.remove_prefix(values_.size());
  name.remove_suffix(end.size());
  return valid_key(name) ? name : std::string_view();
}

std::string redis_names::digest(std::string_view owner) {
  static constexpr char digits[] = "0123456789abcdef";
  constexpr std::size_t used = 16;  // 128 bits: nobody finds a second owner with the same ones
  const crypto::sha256_digest full = crypto::sha256(owner);
  std::string out;
  for (std::size_t i = 0; i < used; ++i) {
    out += digits[full[i] >> 4];
    out += digits[full[i] & 15];
  }
  return out;
}

bool valid_walk_cursor(std::string_view cursor) noexcept {
  const auto dash = cursor.find('-');
  const auto more = dash == std::string_view::npos ? std::string_view() : cursor.substr(dash);
  return valid_cursor(cursor.substr(0, dash)) && more.size() <= 15 && std::all_of(more.begin(), more.end(), [](char c) {
           return c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool valid_cursor(std::string_view cursor) noexcept {
  return cursor.size() <= 20 && std::all_of(cursor.begin(), cursor.end(), [](char c) { return c >= '0' && c <= '9'; });
}

result<std::shared_ptr<store>> open_redis_store(const parsed_url& url, const store_options& options) {
  if (options.loop == nullptr) {
    return {errc::invalid_option, "a Redis store needs an event loop (store_options::loop)"};
  }
  if (auto known = known_parameters(url); !known) {
    return known.error();
  }
  const auto timeout = url.number("timeout", 250, 1, 60'000);
  if (!timeout) {
    return timeout.error();
  }
  const auto queue = url.number("queue", 16'384, 1, max_queue);
  if (!queue) {
    return queue.error();
  }
  const auto layout = url.parameter("layout");
  std::optional<std::string_view> usual = "cc:";
  if (layout) usual = prefix_of_layout(*layout);
  if (!usual) {
    return {errc::invalid_url, "store URL: layout must be connect-redis, flask-session or starsessions"};
  }
  const std::string_view prefix = url.parameter("prefix").value_or(*usual);
  if (prefix.size() > max_prefix ||
      std::any_of(prefix.begin(), prefix.end(), [](char c) { return c <= ' ' || c > '~'; })) {
    return {errc::invalid_url, "store URL: prefix must be at most 64 printable ASCII characters without a space"};
  }
  net::redis_target target;
  if (auto filled = fill_user(url, target); !filled) {
    return filled.error();
  }
  net::link_options chosen;
  chosen.timeout = static_cast<duration_ms>(*timeout);
  chosen.queue = static_cast<std::size_t>(*queue);
  if (url.scheme == "redis+cluster" && !layout) {
    if (auto fit = check_cluster_prefix(prefix); !fit) {
      return fit.error();
    }
  }
  auto route = open_route(url, std::move(target), chosen, *options.loop);
  if (!route) {
    return route.error();
  }
  if (layout) {
    return make_foreign_redis_store(*std::move(route), prefix);
  }
  return make_redis_store(*std::move(route), redis_names(prefix),
                          options.time != nullptr ? *options.time : system_clock());
}

}  // namespace coatcheck
