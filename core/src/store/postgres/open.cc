// From a PostgreSQL URL to a store: what is ours is taken out, the rest is libpq's.
#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "net/postgres/pool.hpp"
#include "store/layers/near_cache.hpp"
#include "store/layers/near_cache_url.hpp"
#include "store/postgres/changes.hpp"
#include "store/postgres/statements.hpp"
#include "store/postgres/store.hpp"

namespace coatcheck {
namespace {

constexpr std::uint16_t default_postgres_port = 5432;
constexpr std::uint64_t longest_queue = 1'000'000;
constexpr std::uint64_t usual_idle = 60'000;  // ms; a server process is some MB and one of max_connections
constexpr std::string_view pg_simple_layout = "connect-pg-simple";
constexpr std::string_view pg_simple_table = "session";

// libpq's parameters that a URL may hold (libpq 18). Left out: those that would make it block, ask the terminal, speak
// another protocol, or change what our statements mean.
constexpr std::string_view libpq_parameters[] = {"application_name",
                                                 "channel_binding",
                                                 "fallback_application_name",
                                                 "gssdelegation",
                                                 "gssencmode",
                                                 "gsslib",
                                                 "keepalives",
                                                 "keepalives_count",
                                                 "keepalives_idle",
                                                 "keepalives_interval",
                                                 "krbsrvname",
                                                 "min_protocol_version",
                                                 "max_protocol_version",
                                                 "options",
                                                 "passfile",
                                                 "require_auth",
                                                 "requirepeer",
                                                 "scram_client_key",
                                                 "scram_server_key",
                                                 "ssl_max_protocol_version",
                                                 "ssl_min_protocol_version",
                                                 "sslcert",
                                                 "sslcertmode",
                                                 "sslcompression",
                                                 "sslcrl",
                                                 "sslcrldir",
                                                 "sslkey",
                                                 "sslmode",
                                                 "sslnegotiation",
                                                 "sslpassword",
                                                 "sslrootcert",
                                                 "sslsni",
                                                 "target_session_attrs",
                                                 "tcp_user_timeout"};
// Ours, and the parts of a URL that may also stand as parameters, as libpq has it.
constexpr std::string_view own_parameters[] = {
    "timeout",   "queue",  "pool",         "table",      "prepare", "layout", "ttl",  "disableTouch", "near_cache",
    "max_stale", "notify", "idle_timeout", "partitions", "host",    "port",   "user", "password",     "dbname"};

error wrong(std::string text) { return {errc::invalid_url, "store URL: " + std::move(text)}; }

bool is_one_of(std::string_view name, const std::string_view* from, const std::string_view* to) {
  return std::find(from, to, name) != to;
}

result<void> check_names(const parsed_url& url) {
  for (const auto& [name, value] : url.parameters) {
    if (is_one_of(name, std::begin(own_parameters), std::end(own_parameters)) ||
        is_one_of(name, std::begin(libpq_parameters), std::end(libpq_parameters))) {
      continue;
    }
    parsed_url one = url;
    one.parameters = {{name, value}};
    std::vector<std::string_view> known(std::begin(own_parameters), std::end(own_parameters));
    known.emplace_back("and most of libpq's (sslmode, sslrootcert, application_name, target_session_attrs)");
    return one.only(known);
  }
  return {};
}

result<std::string> part(const parsed_url& url, std::string_view name, std::string in_url) {
  const auto given = url.parameter(name);
  if (given && !in_url.empty() && in_url != *given) {
    return wrong("the " + std::string(name) + " is given twice, and differs");
  }
  return given ? std::string(*given) : std::move(in_url);
}

result<void> fill_hosts(const parsed_url& url, net::pg_target& target) {
  const auto add = [&](std::string host, std::uint16_t port) {
    target.hosts.push_back({std::move(host), port == 0 ? default_postgres_port : port});
  };
  const auto host = url.parameter("host");
  const auto port = url.number("port", default_postgres_port, 1, 65'535);
  if (!port) return port.error();
  if (host && !url.host.empty()) return wrong("the host is given twice");
  if (url.parameter("port") && url.port != 0) return wrong("the port is given twice");
  if (host && (host->empty() || host->find(',') != std::string_view::npos)) {
    return wrong("?host= takes one host, or the directory of a Unix socket; write several as in postgresql://a,b/db");
  }
  const auto usual = static_cast<std::uint16_t>(*port);
  add(host ? std::string(*host) : url.host, url.port == 0 ? usual : url.port);
  for (std::size_t i = 1; i < url.hosts.size(); ++i) {
    add(url.hosts[i].host, url.hosts[i].port == 0 ? usual : url.hosts[i].port);
  }
  return {};
}

result<void> fill_parameters(const parsed_url& url, net::pg_target& target) {
  auto user = part(url, "user", url.user);
  auto password = part(url, "password", url.password);
  auto database = part(url, "dbname", url.path.empty() ? std::string() : url.path.substr(1));
  if (!user) return user.error();
  if (!password) return password.error();
  if (!database) return database.error();
  const auto add = [&](std::string name, std::string value) {
    target.parameters.emplace_back(std::move(name), std::move(value));
  };
  if (!user->empty()) add("user", *std::move(user));
  if (!password->empty()) add("password", *std::move(password));
  if (!database->empty()) add("dbname", *std::move(database));
  for (const auto& [name, value] : url.parameters) {
    if (is_one_of(name, std::begin(libpq_parameters), std::end(libpq_parameters))) add(name, value);
  }
  const auto unless_given = [&](const char* name, const char* value) {
    if (!url.parameter(name)) add(name, value);
  };
  unless_given("fallback_application_name", "coatcheck");
  unless_given("gssencmode", "disable");  // its handshake may block
  // One host at a time is given to libpq, so what compares hosts can't be asked of it.
  const auto attributes = url.parameter("target_session_attrs").value_or("any");
  if (attributes != "any" && attributes != "read-write" && attributes != "read-only" && attributes != "primary" &&
      attributes != "standby") {
    return wrong("target_session_attrs must be any, read-write, read-only, primary or standby");
  }
  if (target.hosts.size() > 1) unless_given("target_session_attrs", "read-write");
  add("client_encoding", "UTF8");
  return {};
}

result<std::string> table_of(const parsed_url& url) {
  const auto layout = url.parameter("layout");
  if (layout && *layout != pg_simple_layout) return wrong("layout must be connect-pg-simple");
  const auto table = url.parameter("table").value_or(layout ? pg_simple_table : default_postgres_table);
  if (!is_table_name(table)) {
    return wrong("table must be NAME or SCHEMA.NAME, each of at most 40 letters, digits and underscores");
  }
  return std::string(table);
}

result<postgres_layout_rules> layout_rules_of(const parsed_url& url) {
  postgres_layout_rules out;
  for (const std::string_view name : {"ttl", "disableTouch"}) {
    if (url.parameter(name) && !url.parameter("layout")) {
      return wrong(std::string(name) + " is for layout=connect-pg-simple alone");
    }
  }
  const auto ttl = layout_ttl(url);
  if (!ttl) return ttl.error();
  const auto no_touch = url.flag("disableTouch");
  if (!no_touch) return no_touch.error();
  out.lifetime = *ttl;
  out.lifetime_given = url.parameter("ttl").has_value();
  out.touches = !*no_touch;
  return out;
}

// 0: the table is one.
result<std::uint64_t> partitions_of(const parsed_url& url) {
  if (url.parameter("partitions") && url.parameter("layout")) {
    return wrong("partitions is not for the table of another package (layout=)");
  }
  return url.number("partitions", 0, 2, most_postgres_partitions);
}

// Whether the table is to tell of its changes: a near-cache needs it, and where another service has one, writers need
// not know.
result<bool> tells_of(const parsed_url& url, bool near) {
  const auto notify = url.parameter("notify").value_or(near ? "on" : "off");
  if (notify != "on" && notify != "off") return wrong("notify must be on or off");
  if (notify == "off" && near) return wrong("a near-cache needs a table that tells of its changes: notify=on");
  if (notify == "on" && url.parameter("layout"))
    return wrong("notify is not for the table of another package (layout=)");
  return notify == "on";
}

}  // namespace

result<std::string> postgres_schema_sql(const parsed_url& url) {
  if (auto known = check_names(url); !known) return known.error();
  const auto table = table_of(url);
  if (!table) return table.error();
  const auto tells = tells_of(url, url.parameter("near_cache").has_value());
  if (!tells) return tells.error();
  const auto partitions = partitions_of(url);
  if (!partitions) return partitions.error();
  if (url.parameter("layout")) {
    return schema_script("a table of sessions as connect-pg-simple's table.sql has it", postgres_layout_schema(*table));
  }
  return schema_script("coatcheck's table of sessions, version " + std::to_string(postgres_schema_version),
                       schema_statements(*table, {*tells, static_cast<unsigned>(*partitions)}));
}

result<std::shared_ptr<store>> open_postgres_store(const parsed_url& url, const store_options& options) {
  if (options.loop == nullptr) {
    return {errc::invalid_option, "a PostgreSQL store needs an event loop (store_options::loop)"};
  }
  if (auto known = check_names(url); !known) return known.error();
  if (!url.has_authority) return wrong("write postgresql://host/database");
  const auto timeout = url.number("timeout", 1000, 1, 60'000);
  const auto queue = url.number("queue", 16'384, 1, longest_queue);
  const auto pool = url.number("pool", 4, 1, 64);
  const auto idle = url.number("idle_timeout", usual_idle, 0, 86'400'000);
  const auto partitions = partitions_of(url);
  const auto table = table_of(url);
  const auto rules = layout_rules_of(url);
  for (const auto* number : {&timeout, &queue, &pool, &idle, &partitions}) {
    if (!*number) return number->error();
  }
  if (!table) return table.error();
  if (!rules) return rules.error();
  const auto prepare = url.parameter("prepare").value_or("on");
  if (prepare != "on" && prepare != "off") return wrong("prepare must be on or off");
  const auto near = near_cache_of(url, options);
  if (!near) return near.error();
  if (*near && prepare == "off") {
    return {
        errc::invalid_url,
        "store URL: a near-cache listens on a connection of its own, which a pooler in transaction mode (prepare=off) "
        "does not give: take one of them away"};
  }
  const auto tells = tells_of(url, near->has_value());
  if (!tells) return tells.error();
  net::pg_target target;
  target.prepare = prepare == "on";
  if (auto filled = fill_hosts(url, target); !filled) return filled.error();
  if (auto filled = fill_parameters(url, target); !filled) return filled.error();
  const auto pq = net::load_libpq();
  if (!pq) return pq.error();
  net::pg_bounds bounds;
  bounds.timeout = static_cast<duration_ms>(*timeout);
  bounds.queue = static_cast<std::size_t>(*queue);
  bounds.connections = static_cast<std::size_t>(*pool);
  bounds.idle = static_cast<duration_ms>(*idle);
  bounds.statements = postgres_statements::count;
  auto made = net::pg_pool::create(**pq, target, bounds, *options.loop);
  const clock& time = options.time != nullptr ? *options.time : system_clock();
  if (url.parameter("layout")) return make_postgres_layout_store(std::move(made), *table, *rules, time);
  auto sessions = make_postgres_store(std::move(made), *table,
                                      {.tells = *tells, .partitions = static_cast<unsigned>(*partitions)}, time);
  if (!*near) return sessions;
  auto changes = make_postgres_changes(**pq, std::move(target), bounds, *table, (*near)->max_stale, *options.loop);
  return std::shared_ptr<store>(
      std::make_shared<near_cache>(std::move(sessions), std::move(changes), **near, *options.loop, time));
}

}  // namespace coatcheck
