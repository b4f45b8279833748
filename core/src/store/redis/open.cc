// From a Redis URL to a store: names, limits and the server's address.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "net/redis/link.hpp"
#include "store/envelope.hpp"
#include "store/layers/near_cache.hpp"
#include "store/layers/near_cache_url.hpp"
#include "store/owner_digest.hpp"
#include "store/redis/changes.hpp"
#include "store/redis/eviction.hpp"
#include "store/redis/names.hpp"
#include "store/redis/store.hpp"
#include "store/redis/topology.hpp"
#include "store/secret_file.hpp"
#include "store/tls_parameters.hpp"

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

// What a layout's name says; `prefix` is what stands before an id there, where nobody says otherwise.
struct known_layout {
  std::string_view name;
  std::string_view prefix;
  record_layout layout;
};
constexpr known_layout known_layouts[] = {
    {"connect-redis", "sess:", record_layout::connect_redis},
    {"flask-session", "session:", record_layout::flask_session},
    {"starsessions", "starsessions.", record_layout::starsessions},
};

// The rules of connect-redis, by the names that they have there. The other layouts are read alone.
result<redis_layout_rules> rules_of(const known_layout& known, const parsed_url& url) {
  redis_layout_rules out;
  out.layout = known.layout;
  for (const std::string_view name : {"ttl", "disableTouch", "disableTTL"}) {
    if (url.parameter(name) && known.layout != record_layout::connect_redis) {
      return {errc::invalid_url, "store URL: " + std::string(name) + " is for layout=connect-redis alone"};
    }
  }
  const auto ttl = layout_ttl(url);
  if (!ttl) return ttl.error();
  const auto no_touch = url.flag("disableTouch");
  if (!no_touch) return no_touch.error();
  const auto endless = url.flag("disableTTL");
  if (!endless) return endless.error();
  out.lifetime = *ttl;
  out.lifetime_given = url.parameter("ttl").has_value();
  out.expires = !*endless;
  out.touches = out.expires && !*no_touch;
  return out;
}

result<void> fill_user(const parsed_url& url, net::redis_target& target) {
  const auto user = one_of("user", url.user, url.parameter("username"));
  const auto password = one_of("password", url.password, url.parameter("password"));
  if (!user || !password) {
    return user ? password.error() : user.error();
  }
  const bool has_password = url.has_password || url.parameter("password");
  const auto file = url.parameter("password_file");
  if (file && has_password) {
    return {errc::invalid_url, "store URL: password_file is given beside a password: take one of them away"};
  }
  if (has_password ? password->empty() : !user->empty() && !file) {
    return {errc::invalid_url, "store URL: a user needs a password, as in redis://user:password@host"};
  }
  target.user = *user;
  target.password = *password;
  if (file) {
    // What is wrong with it is found out now, and not by the first request.
    if (auto first = read_secret_file(*file); !first) {
      return {errc::invalid_url, "store URL: password_file: " + first.error().message};
    }
    target.login = [user = target.user, path = std::string(*file)]() -> result<net::redis_login> {
      auto secret = read_secret_file(path);
      if (!secret) return {errc::store_unavailable, "the password_file for Redis: " + secret.error().message};
      return net::redis_login{user, *std::move(secret)};
    };
  }
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
    return {errc::invalid_url,
            "store URL: " + url.scheme + ": needs a host, as in " + url.scheme + "://127.0.0.1:6379"};
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

bool of_sentinels(const parsed_url& url) { return url.scheme.ends_with("+sentinel"); }
bool of_cluster(const parsed_url& url) { return url.scheme.ends_with("+cluster"); }
bool has_several_servers(const parsed_url& url) { return of_sentinels(url) || of_cluster(url); }
bool over_tls(const parsed_url& url) { return url.scheme.starts_with("rediss"); }

// Where one server is.
result<void> fill_server(const parsed_url& url, net::redis_target& target) {
  return url.scheme == "redis+unix" ? fill_unix(url, target) : fill_tcp(url, target);
}

result<std::shared_ptr<net::redis_route>> open_topology(const parsed_url& url, net::redis_target& target,
                                                        const net::link_options& chosen, driver& loop) {
  const bool sentinel = of_sentinels(url);
  const auto in_path = sentinel || url.path.empty() ? std::string_view() : std::string_view(url.path).substr(1);
  if (auto filled = fill_database(in_path, url, target); !filled && !url.host.empty()) {
    return filled.error();
  }
  return sentinel ? open_redis_sentinel(url, target, chosen, loop) : open_redis_cluster(url, target, chosen, loop);
}

// What a URL may ask for; sentinels have a user of their own.
result<void> known_parameters(const parsed_url& url) {
  std::vector<std::string_view> known = {"timeout",  "prefix",        "queue",      "db",        "username",
                                         "password", "password_file", "near_cache", "max_stale", "layout",
                                         "ttl",      "disableTouch",  "disableTTL"};
  const auto add = [&](std::initializer_list<std::string_view> more) { known.insert(known.end(), more); };
  if (of_sentinels(url)) add({"sentinel_user", "sentinel_password"});
  if (has_several_servers(url)) add({"read_from"});
  if (of_sentinels(url) && over_tls(url)) add({"sentinel_tls"});
  if (over_tls(url)) known.insert(known.end(), std::begin(tls_parameters), std::end(tls_parameters));
  return url.only(known);
}

}  // namespace

redis_names redis_names::plain(std::string_view prefix) {
  redis_names out;
  out.values_ = prefix;
  out.pattern_ = escape_glob(prefix) + "*";
  out.end_ = {};
  return out;
}

redis_names::redis_names(std::string_view prefix)
    : values_(std::string(prefix) + "s:{"),
      marks_(std::string(prefix) + "w:{"),
      indexes_(std::string(prefix) + "o:"),
      pattern_(escape_glob(values_) + "*}") {}

std::string_view redis_names::key_of(std::string_view name) const noexcept {
  if (!name.starts_with(values_) || !name.ends_with(end_)) {
    return {};
  }
  name.remove_prefix(values_.size());
  name.remove_suffix(end_.size());
  return valid_key(name) ? name : std::string_view();
}

std::string redis_names::digest(std::string_view owner) { return owner_digest(owner); }

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
  known_layout layout{{}, "cc:", record_layout::own};
  if (const auto name = url.parameter("layout")) {
    const auto found = std::find_if(std::begin(known_layouts), std::end(known_layouts),
                                    [&](const known_layout& one) { return one.name == *name; });
    if (found == std::end(known_layouts)) {
      return {errc::invalid_url, "store URL: layout must be connect-redis, flask-session or starsessions"};
    }
    layout = *found;
  }
  const auto rules = rules_of(layout, url);
  if (!rules) return rules.error();
  const std::string_view prefix = url.parameter("prefix").value_or(layout.prefix);
  if (prefix.size() > max_prefix ||
      std::any_of(prefix.begin(), prefix.end(), [](char c) { return c <= ' ' || c > '~'; })) {
    return {errc::invalid_url, "store URL: prefix must be at most 64 printable ASCII characters without a space"};
  }
  const auto near = near_cache_of(url, options);
  if (!near) {
    return near.error();
  }
  net::redis_target target;
  if (auto filled = fill_user(url, target); !filled) {
    return filled.error();
  }
  if (!options.may_forget) target.on_memory = warn_of_eviction(*options.loop);
  net::link_options chosen;
  chosen.timeout = static_cast<duration_ms>(*timeout);
  chosen.queue = static_cast<std::size_t>(*queue);
  if (over_tls(url)) {
    auto transports = tls_of(url);
    if (!transports) return transports.error();
    chosen.make_transport = *std::move(transports);
  }
  const bool own = layout.layout == record_layout::own;
  if (of_cluster(url) && own) {
    if (auto fit = check_cluster_prefix(prefix); !fit) {
      return fit.error();
    }
  }
  std::shared_ptr<net::redis_route> route;
  if (has_several_servers(url)) {
    auto made = open_topology(url, target, chosen, *options.loop);
    if (!made) return made.error();
    route = *std::move(made);
  } else {
    if (auto filled = fill_server(url, target); !filled) return filled.error();
    route = net::redis_link::create(target, chosen, *options.loop);
  }
  const clock& time = options.time != nullptr ? *options.time : system_clock();
  if (!own) return make_redis_layout_store(std::move(route), prefix, *rules, time);
  const redis_names names(prefix);
  auto sessions = make_redis_store(route, names, time);
  if (!*near) return sessions;
  const duration_ms max_stale = (*near)->max_stale;
  auto changes =
      has_several_servers(url)
          ? make_redis_fleet_changes(std::move(route), std::move(target), names, max_stale, chosen, *options.loop)
          : make_redis_changes(std::move(target), names, max_stale, chosen, *options.loop);
  return std::shared_ptr<store>(
      std::make_shared<near_cache>(std::move(sessions), std::move(changes), **near, *options.loop, time));
}

}  // namespace coatcheck
