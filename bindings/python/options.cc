// Keyword arguments to engine_options.
#include "options.hpp"

#include <optional>
#include <pybind11/stl.h>
#include <string_view>
#include <vector>

#include "coatcheck/option_words.hpp"

#include "errors.hpp"
#include "py_clock.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

// The arguments, each taken once; what is left over at the end was misspelt.
class reader {
 public:
  explicit reader(const py::dict& arguments) : left_(py::reinterpret_steal<py::dict>(PyDict_Copy(arguments.ptr()))) {
    if (!left_) throw py::error_already_set();
  }

  // Leaves `into` as it is when the argument is missing or None.
  template <class T>
  void take(const char* name, T& into) {
    if (const py::object given = pop(name); !given.is_none()) into = convert<T>(name, given);
  }
  template <class T>
  void take(const char* name, std::optional<T>& into) {
    if (const py::object given = pop(name); !given.is_none()) into = convert<T>(name, given);
  }
  template <class T>
  void take_word(const char* name, T& into) {
    std::string given;
    take(name, given);
    if (given.empty()) return;
    if (const auto read = read_word(name, given, into); !read) throw_error(read.error());
  }
  py::object pop(const char* name) {
    if (!left_.contains(name)) return py::none();
    py::object value = left_[name];
    if (PyDict_DelItemString(left_.ptr(), name) != 0) throw py::error_already_set();
    return value;
  }
  void finish() const {
    if (left_.empty()) return;
    throw py::type_error("unknown option: " + std::string(py::str((*left_.begin()).first)));
  }

 private:
  template <class T>
  static T convert(const char* name, const py::object& given) {
    try {
      return given.cast<T>();
    } catch (const py::cast_error&) {
      throw py::type_error(std::string(name) + ": wrong type " + Py_TYPE(given.ptr())->tp_name + ", or out of range");
    }
  }
  py::dict left_;
};

[[nodiscard]] std::string secret_bytes(const py::handle& secret, const std::string& option) {
  // str as UTF-8, like the other languages. The type alone is named: the value is a secret.
  if (py::isinstance<py::str>(secret) || py::isinstance<py::bytes>(secret)) return secret.cast<std::string>();
  throw py::type_error(option + " must be str or bytes, not " + Py_TYPE(secret.ptr())->tp_name);
}

[[nodiscard]] key_ring read_keys(reader& from) {
  std::string option = "secret";
  from.take("secret_option", option);
  std::vector<std::string> secrets;
  const py::object given = from.pop("secrets");
  if (given.is_none()) throw_error({errc::invalid_secret, option + " is required"});
  if (py::isinstance<py::str>(given) || py::isinstance<py::bytes>(given)) {
    secrets.push_back(secret_bytes(given, option));
  } else if (!py::isinstance<py::sequence>(given)) {
    throw py::type_error(option + " must be str, bytes or a list of them, not " + Py_TYPE(given.ptr())->tp_name);
  } else {
    for (const py::handle secret : py::reinterpret_borrow<py::sequence>(given)) {
      secrets.push_back(secret_bytes(secret, option));
    }
  }
  auto keys = key_ring::from_secrets(secrets, option);
  if (!keys) throw_error(keys.error());
  return std::move(*keys);
}

// The store's URL with the layer that `encrypt` asks for: True, False or a word.
[[nodiscard]] std::string read_store(reader& from) {
  std::string url;
  from.take("store", url);
  auto how = encryption::off;
  if (const py::object given = from.pop("encrypt"); py::isinstance<py::bool_>(given)) {
    how = given.cast<bool>() ? encryption::required : encryption::off;
  } else if (py::isinstance<py::str>(given)) {
    if (const auto read = read_word("encrypt", given.cast<std::string>(), how); !read) throw_error(read.error());
  } else if (!given.is_none()) {
    throw py::type_error(std::string("encrypt must be a bool or a word, not ") + Py_TYPE(given.ptr())->tp_name);
  }
  auto layered = encrypted_url(url, how);
  if (!layered) throw_error(layered.error());
  return *std::move(layered);
}

// A list of dicts: format, and url, secrets, cookie_name, max_age, keep where they matter.
void read_sources(const py::object& given, setup& into) {
  if (given.is_none()) return;
  for (const py::handle one : given) {
    reader from(one.cast<py::dict>());
    foreign_source source;
    std::string url;
    from.take("format", source.format);
    from.take("url", url);
    from.take("secrets", source.secrets);
    from.take("cookie_name", source.cookie_name);
    from.take("max_age", source.max_age);
    from.take("keep", source.keep);
    from.finish();
    into.options.migrate_from.push_back(std::move(source));
    into.foreign_urls.push_back(std::move(url));
  }
}

// A name, or a dict with node and cookie.
void read_affinity(const py::object& given, affinity_options& into) {
  if (given.is_none()) return;
  if (py::isinstance<py::str>(given)) {
    into.node = given.cast<std::string>();
  } else if (py::isinstance<py::dict>(given)) {
    reader from(given.cast<py::dict>());
    from.take("node", into.node);
    from.take("cookie", into.cookie);
    from.finish();
  } else {
    throw py::type_error("affinity must be a node's name, or a dict with node and cookie");
  }
  if (into.node.empty()) throw_error({errc::invalid_option, "affinity: node is required"});
}

// A dict with size in bytes, and max_stale in ms or None.
[[nodiscard]] std::optional<near_cache_options> read_near(const py::object& given) {
  if (given.is_none()) return std::nullopt;
  if (!py::isinstance<py::dict>(given)) throw py::type_error("near_cache must be a dict with size and max_stale");
  reader from(given.cast<py::dict>());
  double size = 0;
  std::optional<double> max_stale;
  from.take("size", size);
  from.take("max_stale", max_stale);
  from.finish();
  auto near = read_near_cache(size, max_stale);
  if (!near) throw_error(near.error());
  return *near;
}

}  // namespace

result<void> open_stores(engine_options& options, const std::string& url, const std::vector<std::string>& foreign_urls,
                         driver* loop, const std::optional<near_cache_options>& near) {
  auto own = coatcheck::open_store(url, {options.time, loop, &options.keys, near});
  if (!own) return own.error();
  options.where = *std::move(own);
  for (std::size_t at = 0; at < foreign_urls.size(); ++at) {
    if (foreign_urls[at].empty()) continue;
    if (const auto remote = needs_driver(foreign_urls[at]); loop == nullptr && remote && *remote) {
      return {errc::invalid_option,
              "migrate_from: records on a remote store can be adopted by sessions on a remote store alone"};
    }
    auto opened = coatcheck::open_store(foreign_urls[at], {options.time, loop, &options.keys});
    if (!opened) return opened.error();
    options.migrate_from[at].where = *std::move(opened);
  }
  return {};
}

merge_rules read_merge_rules(const py::object& given) {
  std::vector<std::pair<std::string, std::string>> by_path;
  if (!given.is_none()) {
    if (!py::isinstance<py::dict>(given)) throw py::type_error("merge must be a dict of rules by path");
    for (const auto& [path, rule] : given.cast<py::dict>()) {
      if (!py::isinstance<py::str>(path) || !py::isinstance<py::str>(rule)) {
        throw py::type_error("merge must be a dict of rules by path, all of them str");
      }
      by_path.emplace_back(path.cast<std::string>(), rule.cast<std::string>());
    }
  }
  auto rules = merge_rules::create(by_path);
  if (!rules) throw_error(rules.error());
  return *std::move(rules);
}

setup read_setup(const py::dict& arguments) {
  reader from(arguments);
  setup made{.options = {.keys = read_keys(from), .where = nullptr, .cookie = {}, .policy = {}, .time = nullptr},
             .url = {},
             .clock = nullptr};
  made.url = read_store(from);
  made.near = read_near(from.pop("near_cache"));
  from.take("clock", made.clock);
  made.options.time = made.clock ? static_cast<const clock*>(made.clock.get()) : &python_clock();
  read_sources(from.pop("migrate_from"), made);
  read_affinity(from.pop("affinity"), made.options.affinity);

  cookie_options& cookie = made.options.cookie;
  from.take("cookie_name", cookie.name);
  from.take("max_age", cookie.max_age);
  from.take("domain", cookie.domain);
  from.take("path", cookie.path);
  from.take("http_only", cookie.http_only);
  from.take_word("secure", cookie.secure);
  from.take_word("same_site", cookie.same_site);
  from.take("partitioned", cookie.partitioned);
  from.take_word("priority", cookie.priority);
  from.take_word("cookie_style", cookie.style);

  session_policy& policy = made.options.policy;
  from.take("idle_timeout", policy.idle_timeout);
  from.take("absolute_timeout", policy.absolute_timeout);
  from.take("regenerate_grace", policy.regenerate_grace);
  from.take("touch_share", policy.touch_share);
  from.take("rolling", policy.rolling);
  from.take("save_uninitialised", policy.save_uninitialised);
  from.take_word("on_conflict", policy.on_conflict);
  from.take_word("lone_surrogates", policy.halves);
  policy.merge = read_merge_rules(from.pop("merge"));
  from.take("conflict_retries", policy.conflict_retries);
  from.take("max_payload", policy.max_payload);
  from.take("max_members", policy.max_members);
  from.take("id_bytes", policy.id_bytes);

  token_session_options& tokens = made.options.tokens;
  from.take_word("mode", tokens.mode);
  from.take("access_ttl", tokens.access_ttl);
  from.take("refresh_grace", tokens.refresh_grace);
  from.take("check_epoch", tokens.check_epoch);
  from.take("token_keys", tokens.keys);
  from.finish();
  return made;
}

refresh_setup read_refresh_setup(const py::dict& arguments) {
  reader from(arguments);
  refresh_setup made{.options = {.keys = read_keys(from)}, .url = {}, .clock = nullptr};
  made.url = read_store(from);
  from.take("clock", made.clock);
  made.options.time = made.clock ? static_cast<const clock*>(made.clock.get()) : &python_clock();
  from.take("idle_timeout", made.options.idle_timeout);
  from.take("absolute_timeout", made.options.absolute_timeout);
  from.take("grace", made.options.grace);
  from.finish();
  return made;
}

bool answers_in_the_call(const std::string& url) {
  const auto needed = needs_driver(url);
  if (!needed) throw_error(needed.error());
  return !*needed;
}

}  // namespace coatcheck::python
