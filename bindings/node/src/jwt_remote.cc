// Key sets at a URL: the core decides when to fetch and what to believe, node/lib/jwt/remote.js fetches.
#include <array>
#include <utility>

#include "coatcheck/jose/remote_key_set.hpp"

#include "jwt_handles.hpp"
#include "jwt_options.hpp"
#include "method.hpp"

namespace coatcheck::node {
namespace {

using namespace jose;

epoch_ms to_time(napi_env env, napi_value value) noexcept {
  std::int64_t out = 0;
  napi_get_value_int64(env, value, &out);
  return out;
}

// prepare(kid, now) → { advice, epoch, keys, fetch: { ticket, url, etag, timeout, maxBytes } | undefined, why }.
napi_value prepare(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  text kid;
  if (!kid.read(env, given[0])) return throw_type_error(env, "kid must be a string");
  key_plan plan = self_of<remote_key_set>(given.data)->prepare(kid.view(), to_time(env, given[1]));
  constexpr std::array<const char*, 4> words = {"use", "fetch", "wait", "unavailable"};
  const Napi::Object out = Napi::Object::New(env);
  out.Set("advice", words[static_cast<std::size_t>(plan.advice)]);
  out.Set("epoch", static_cast<double>(plan.epoch));
  if (plan.advice == key_advice::use) out.Set("keys", Napi::Value(env, wrap_jwt_key_set(env, std::move(plan.keys))));
  if (plan.advice == key_advice::unavailable) out.Set("why", Napi::Value(env, make_error(env, plan.why)));
  if (plan.fetch) {
    const Napi::Object fetch = Napi::Object::New(env);
    fetch.Set("ticket", static_cast<double>(plan.fetch->ticket));
    fetch.Set("url", plan.fetch->url);
    fetch.Set("etag", plan.fetch->etag);
    fetch.Set("timeout", static_cast<double>(plan.fetch->timeout));
    fetch.Set("maxBytes", static_cast<double>(plan.fetch->max_bytes));
    out.Set("fetch", fetch);
  }
  return out;
}

// finish(ticket, { status, body, etag, cacheControl, age }, now) → undefined, or an Error that says what was wrong.
napi_value finish(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  const Napi::Object from = object_of(env, given[1]);
  const std::string body = string_option(from, "body");
  const std::string etag = string_option(from, "etag");
  const std::string cache_control = string_option(from, "cacheControl");
  const std::string age = string_option(from, "age");
  key_response response{.body = body, .etag = etag, .cache_control = cache_control, .age = age};
  number_option(from, "status", response.status);
  const auto ok = self_of<remote_key_set>(given.data)
                      ->finish(static_cast<std::uint64_t>(to_time(env, given[0])), response, to_time(env, given[2]));
  return ok ? nullptr : make_error(env, ok.error());
}

// fail(ticket, reason, now)
napi_value fail(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  text reason;
  if (!reason.read(env, given[1])) return throw_type_error(env, "reason must be a string");
  self_of<remote_key_set>(given.data)
      ->fail(static_cast<std::uint64_t>(to_time(env, given[0])), reason.view(), to_time(env, given[2]));
  return nullptr;
}

// report(verifier's skipped lines) → [Error, lines] of those that were not told yet; undefined: there are none.
napi_value report(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  const auto found = self_of<remote_key_set>(given.data)->report(text_list(Napi::Value(env, given[0])));
  if (found.lines.empty()) return nullptr;
  const auto out = Napi::Array::New(env);
  out.Set(0U, Napi::Value(env, make_error(env, found.why)));
  out.Set(1U, Napi::Value(env, make_lines(env, found.lines)));
  return out;
}

}  // namespace

napi_value jwt_create_remote(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  const Napi::Object from = object_of(env, given[0]);
  remote_key_set_options options;
  options.url = string_option(from, "url");
  options.allow_http = bool_option(from, "allowHttp");
  if (!algorithms_option(from, "defaultAlgorithms", options.default_algs)) return throw_error(env, unknown_algorithm);
  number_option(from, "defaultAge", options.default_age);
  number_option(from, "leastAge", options.least_age);
  number_option(from, "greatestAge", options.greatest_age);
  number_option(from, "staleFor", options.stale_for);
  number_option(from, "cooldown", options.cooldown);
  number_option(from, "timeout", options.timeout);
  number_option(from, "maxBytes", options.max_bytes);
  auto made = remote_key_set::create(std::move(options));
  if (!made) return throw_error(env, made.error());
  const auto self = std::make_shared<remote_key_set>(*std::move(made));
  napi_value object = nullptr;
  napi_create_object(env, &object);
  add_method(env, object, "prepare", prepare, self);
  add_method(env, object, "finish", finish, self);
  add_method(env, object, "fail", fail, self);
  add_method(env, object, "report", report, self);
  return object;
}

}  // namespace coatcheck::node
