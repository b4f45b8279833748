// Options as JavaScript objects into the core's structs. Cold: runs when a middleware is made.
#include "options.hpp"

#include "coatcheck/option_words.hpp"

#include "jwt_handles.hpp"
#include "method.hpp"

namespace coatcheck::node {

result<merge_rules> read_merge_rules(const Napi::Value& from) {
  std::vector<std::pair<std::string, std::string>> by_path;
  if (from.IsArray()) {
    const auto list = from.As<Napi::Array>();
    for (std::uint32_t i = 0; i < list.Length(); ++i) {
      const auto pair = list.Get(i).As<Napi::Array>();
      by_path.emplace_back(pair.Get(0U).As<Napi::String>(), pair.Get(1U).As<Napi::String>());
    }
  }
  return merge_rules::create(by_path);
}

namespace {

std::string string_of(const Napi::Object& from, const char* name) {
  const Napi::Value value = from.Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

void read_bool(const Napi::Object& from, const char* name, bool& into) {
  const Napi::Value value = from.Get(name);
  if (value.IsBoolean()) into = value.As<Napi::Boolean>().Value();
}

void read_milliseconds(const Napi::Object& from, const char* name, duration_ms& into) {
  const Napi::Value value = from.Get(name);
  if (value.IsNumber()) into = value.As<Napi::Number>().Int64Value();
}

void read_milliseconds(const Napi::Object& from, const char* name, std::optional<duration_ms>& into) {
  const Napi::Value value = from.Get(name);
  if (value.IsNumber()) into = value.As<Napi::Number>().Int64Value();
}

void read_size(const Napi::Object& from, const char* name, std::size_t& into) {
  const Napi::Value value = from.Get(name);
  if (value.IsNumber()) into = static_cast<std::size_t>(value.As<Napi::Number>().Int64Value());
}

// Leaves `into` as it is where the member is no text. A word that is not known is an error, never a default.
template <class T>
result<void> take_word(const Napi::Object& from, const char* name, T& into) {
  const Napi::Value value = from.Get(name);
  if (!value.IsString()) return {};
  return read_word(name, value.As<Napi::String>().Utf8Value(), into);
}

result<void> read_cookie(const Napi::Object& from, cookie_options& into) {
  into.name = string_of(from, "name");
  if (const Napi::Value age = from.Get("maxAge"); age.IsNumber()) into.max_age = age.As<Napi::Number>().Int64Value();
  into.domain = string_of(from, "domain");
  if (const auto path = string_of(from, "path"); !path.empty()) into.path = path;
  read_bool(from, "httpOnly", into.http_only);
  read_bool(from, "partitioned", into.partitioned);
  const Napi::Value secure = from.Get("secure");
  if (secure.IsBoolean()) into.secure = secure.As<Napi::Boolean>().Value() ? secure_mode::always : secure_mode::never;
  const Napi::Value same_site = from.Get("sameSite");
  if (same_site.IsBoolean()) into.same_site = same_site_mode::unset;
  if (auto read = take_word(from, "sameSite", into.same_site); !read) return read;
  return take_word(from, "priority", into.priority);
}

result<void> read_policy(const Napi::Object& from, session_policy& into) {
  read_milliseconds(from, "idleTimeout", into.idle_timeout);
  read_milliseconds(from, "regenerateGrace", into.regenerate_grace);
  read_milliseconds(from, "absoluteTimeout", into.absolute_timeout);
  if (const Napi::Value share = from.Get("touchShare"); share.IsNumber()) {
    into.touch_share = share.As<Napi::Number>().DoubleValue();
  }
  read_size(from, "maxPayload", into.max_payload);
  read_size(from, "maxMembers", into.max_members);
  read_size(from, "idBytes", into.id_bytes);
  if (const Napi::Value retries = from.Get("conflictRetries"); retries.IsNumber()) {
    into.conflict_retries = retries.As<Napi::Number>().Int32Value();
  }
  read_bool(from, "rolling", into.rolling);
  read_bool(from, "saveUninitialized", into.save_uninitialised);
  read_bool(from, "resave", into.resave);
  read_bool(from, "removedEnds", into.removed_ends);
  if (auto read = take_word(from, "onConflict", into.on_conflict); !read) return read;
  if (auto read = take_word(from, "loneSurrogates", into.halves); !read) return read;
  auto rules = read_merge_rules(from.Get("merge"));
  if (!rules) return rules.error();
  into.merge = *std::move(rules);
  return {};
}

result<void> read_tokens(const Napi::Object& from, token_session_options& into) {
  if (auto read = take_word(from, "mode", into.mode); !read) return read;
  read_milliseconds(from, "accessTtl", into.access_ttl);
  read_milliseconds(from, "refreshGrace", into.refresh_grace);
  read_bool(from, "checkEpoch", into.check_epoch);
  const Napi::Value keys = from.Get("keys");
  if (!keys.IsArray()) return {};
  const auto list = keys.As<Napi::Array>();
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    // Only keys: node/lib/options.js has checked them.
    if (const auto one = unwrap_shared<jwt_key_handle>(from.Env(), list.Get(i))) into.keys.push_back(one->key);
  }
  return {};
}

// [{ format, url, secrets, cookieName, maxAge, keep }, …]
result<void> read_sources(const Napi::Value& from, driver* loop, engine_options& into) {
  if (!from.IsArray()) return {};
  const auto list = from.As<Napi::Array>();
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const auto one = list.Get(i).As<Napi::Object>();
    foreign_source source;
    source.format = string_of(one, "format");
    source.cookie_name = string_of(one, "cookieName");
    if (const Napi::Value age = one.Get("maxAge"); age.IsNumber()) {
      source.max_age = age.As<Napi::Number>().Int64Value();
    }
    read_bool(one, "keep", source.keep);
    if (const Napi::Value secrets = one.Get("secrets"); secrets.IsArray()) {
      const auto all = secrets.As<Napi::Array>();
      for (std::uint32_t at = 0; at < all.Length(); ++at) {
        static_cast<void>(read_bytes(all.Get(at), source.secrets.emplace_back()));
      }
    }
    if (const auto url = string_of(one, "url"); !url.empty()) {
      auto opened = coatcheck::open_store(url, {into.time, loop, nullptr});
      if (!opened) return opened.error();
      source.where = *std::move(opened);
    }
    into.migrate_from.push_back(std::move(source));
  }
  return {};
}

}  // namespace

result<void> read_engine_options(const Napi::Object& from, driver* loop, engine_options& into) {
  if (const Napi::Value cookie = from.Get("cookie"); cookie.IsObject()) {
    if (auto read = read_cookie(cookie.As<Napi::Object>(), into.cookie); !read) return read;
  }
  if (const Napi::Value policy = from.Get("policy"); policy.IsObject()) {
    if (auto read = read_policy(policy.As<Napi::Object>(), into.policy); !read) return read;
  }
  if (const Napi::Value tokens = from.Get("tokens"); tokens.IsObject()) {
    if (auto read = read_tokens(tokens.As<Napi::Object>(), into.tokens); !read) return read;
  }
  if (const Napi::Value affinity = from.Get("affinity"); affinity.IsObject()) {
    into.affinity.node = string_of(affinity.As<Napi::Object>(), "node");
    if (auto cookie = string_of(affinity.As<Napi::Object>(), "cookie"); !cookie.empty()) into.affinity.cookie = cookie;
  }
  return read_sources(from.Get("migrateFrom"), loop, into);
}

void read_refresh_options(const Napi::Object& from, refresh_options& into) {
  read_milliseconds(from, "idleTimeout", into.idle_timeout);
  read_milliseconds(from, "absoluteTimeout", into.absolute_timeout);
  read_milliseconds(from, "grace", into.grace);
}

result<void> read_set_cookie(const Napi::Object& from, owned_set_cookie& into) {
  into.name = string_of(from, "name");
  into.value = string_of(from, "value");
  into.domain = string_of(from, "domain");
  into.path = string_of(from, "path");
  set_cookie& cookie = into.cookie;
  cookie.name = into.name;
  cookie.value = into.value;
  cookie.domain = into.domain;
  cookie.path = into.path;
  if (const Napi::Value at = from.Get("expires"); at.IsNumber()) cookie.expires = at.As<Napi::Number>().Int64Value();
  if (const Napi::Value age = from.Get("maxAge"); age.IsNumber()) cookie.max_age = age.As<Napi::Number>().Int64Value();
  read_bool(from, "httpOnly", cookie.http_only);
  read_bool(from, "secure", cookie.secure);
  read_bool(from, "partitioned", cookie.partitioned);
  if (auto read = take_word(from, "priority", cookie.priority); !read) return read;
  return take_word(from, "sameSite", cookie.same_site);
}

bool read_bytes(const Napi::Value& from, std::string& into) {
  if (from.IsString()) {
    into = from.As<Napi::String>().Utf8Value();
    return true;
  }
  if (from.IsTypedArray()) {
    const auto array = from.As<Napi::TypedArray>();
    const auto* bytes = static_cast<const char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
    into.assign(bytes, array.ByteLength());
    return true;
  }
  return false;
}

}  // namespace coatcheck::node
