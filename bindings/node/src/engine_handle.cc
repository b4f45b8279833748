// The engine as a JavaScript object: one native call at a request's start, at most one at its end.
//
// A session travels as one string, so that opening one costs one JavaScript value and nothing has to be freed
// when a request is abandoned:
//   touch due ("0" or "1") id \n expires_at \n cookie settings \n packed snapshot \n payload
// JavaScript takes it apart only when somebody looks at the session.
#include <algorithm>
#include <charconv>
#include <napi.h>

#include "handles.hpp"
#include "method.hpp"
#include "options.hpp"

namespace coatcheck::node {
namespace {

// Flags of commit(), the same numbers as in node/lib/native.js.
constexpr std::uint32_t secure_flag = 1;
constexpr std::uint32_t save_flag = 2;
constexpr std::uint32_t presented_flag = 4;
constexpr std::uint32_t want_session_flag = 8;
constexpr std::uint32_t exact_flag = 16;  // a transaction; its attempt stands in the bits from the 8th on
constexpr std::uint32_t attempt_shift = 8;

std::string describe(const snapshot& session, bool touch_due) {
  const auto packed = session.pack();
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, session.expires_at).ptr;
  std::string out;
  out.reserve(8 + sizeof digits + session.id.size() + session.cookie.size() + packed.size() + session.payload.size());
  out += touch_due ? '1' : '0';
  out += session.id;
  out += '\n';
  out.append(digits, end);
  out += '\n';
  out += session.cookie;
  out += '\n';
  out += packed;
  out += '\n';
  out += session.payload;
  return out;
}

// The part of describe()'s line that a commit needs. No part before the payload holds a line feed.
result<snapshot> restore(std::string_view described) {
  for (int line = 0; line < 3; ++line) {
    const auto end = described.find('\n');
    if (end == std::string_view::npos) return error{errc::invalid_state, "the session's base is malformed"};
    described.remove_prefix(end + 1);
  }
  const auto end = described.find('\n');
  if (end == std::string_view::npos) return error{errc::invalid_state, "the session's base is malformed"};
  return snapshot::unpack(described.substr(0, end), described.substr(end + 1));
}

// A string when found, the reason's number when fresh, an Error when unknown. Of a record that is there and can't be
// read the Error has a `base`, for destroy(). [reason, base] where the request carries several live sessions: a base to
// commit or destroy with, which ends them. [-1, base]: another package's session, to be stored as a new one.
napi_value opened_to_js(napi_env env, opened&& got, std::uint32_t) {
  switch (got.status) {
    case open_status::found:
      return make_string(env, describe(got.session, got.touch_due));
    case open_status::fresh:
    case open_status::adopted: {
      const bool adopted = got.status == open_status::adopted;
      const napi_value reason = make_number(env, adopted ? -1 : static_cast<double>(got.reason));
      if (got.session.rivals.empty() && !adopted) return reason;
      napi_value out = nullptr;
      napi_create_array_with_length(env, 2, &out);
      napi_set_element(env, out, 0, reason);
      napi_set_element(env, out, 1, make_string(env, describe(got.session, false)));
      return out;
    }
    case open_status::unknown:
      break;
  }
  const napi_value out = make_error(env, got.why);
  if (got.session.unreadable) napi_set_named_property(env, out, "base", make_string(env, describe(got.session, false)));
  return out;
}

// The status as a number when there is nothing else to say; else
// [status, Set-Cookie, session, Error, whether the cookie was withheld from an insecure request].
napi_value committed_to_js(napi_env env, committed&& got, std::uint32_t flags) {
  const bool stands = got.status == commit_status::unchanged || got.status == commit_status::stored ||
                      got.status == commit_status::merged || got.status == commit_status::touched ||
                      got.status == commit_status::untouched || got.status == commit_status::stale;
  const bool want_session = stands && (flags & want_session_flag) != 0;
  const napi_value status = make_number(env, static_cast<double>(got.status));
  const bool has_error = !stands || got.status == commit_status::untouched;
  if (!has_error && got.set_cookie.empty() && !want_session && !got.cookie_withheld) return status;
  napi_value out = nullptr;
  napi_create_array_with_length(env, 5, &out);
  napi_set_element(env, out, 0, status);
  if (!got.set_cookie.empty())
    napi_set_element(env, out, 1, make_string(env, set_cookie_lines(got.clearing, got.set_cookie)));
  if (want_session) napi_set_element(env, out, 2, make_string(env, describe(got.session, false)));
  if (has_error) napi_set_element(env, out, 3, make_error(env, got.why));
  napi_value withheld = nullptr;
  napi_get_boolean(env, got.cookie_withheld, &withheld);
  napi_set_element(env, out, 4, withheld);
  return out;
}

// The Set-Cookie that clears the cookie ("" for none), or an Error.
napi_value destroyed_to_js(napi_env env, destroyed&& got, std::uint32_t) {
  if (got.status == remove_status::unknown) return make_error(env, got.why);
  return make_string(env, set_cookie_lines(got.clearing, got.set_cookie));
}

napi_value regenerated_to_js(napi_env env, engine::regenerated&& got, std::uint32_t) {
  if (got.status == remove_status::unknown) return make_error(env, got.why);
  if (got.status == remove_status::absent) return make_number(env, 0);
  return make_string(env, describe(got.session, false));
}

template <class R, class Start>
napi_value answer(napi_env env, const std::shared_ptr<engine_handle>& self, napi_value slot, std::uint32_t flags,
                  napi_value (*to_js)(napi_env, R&&, std::uint32_t), Start&& start) {
  return run_in_slot<R>(env, self->keeper->where, self, to_uint32(env, slot), flags, to_js, std::forward<Start>(start));
}

// open(cookieHeader, secure, slot)
napi_value open(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  const auto& self = self_of<engine_handle>(given.data);
  text header;
  if (!header.read(env, given[0], text::encoding::latin1)) return throw_type_error(env, "Cookie must be a string");
  return answer<opened>(env, self, given[2], 0, opened_to_js, [&](auto done) {
    self->engine->open({header.view(), to_bool(env, given[1])}, done);
  });
}

// load(id, slot)
napi_value load(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const auto& self = self_of<engine_handle>(given.data);
  text id;
  if (!id.read(env, given[0]) || !id.present()) return throw_type_error(env, "id must be a string");
  return answer<opened>(env, self, given[1], 0, opened_to_js, [&](auto done) { self->engine->load(id.view(), done); });
}

// inspect(key, slot): a session as the store lists it, without its id
napi_value inspect(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const auto& self = self_of<engine_handle>(given.data);
  text key;
  if (!key.read(env, given[0]) || !key.present()) return throw_type_error(env, "key must be a string");
  return answer<opened>(env, self, given[1], 0, opened_to_js,
                        [&](auto done) { self->engine->inspect(key.view(), done); });
}

// commit(base, payload, cookieSettings, id, flags, slot, owner); base undefined: a new session.
napi_value commit(napi_env env, napi_callback_info info) {
  const arguments<7> given(env, info);
  const auto& self = self_of<engine_handle>(given.data);
  const std::uint32_t flags = to_uint32(env, given[4]);
  text base;
  text payload;
  text cookie;
  text id;
  text owner;
  if (!base.read(env, given[0]) || !payload.read(env, given[1]) || !cookie.read(env, given[2]) ||
      !id.read(env, given[3]) || !owner.read(env, given[6])) {
    return throw_type_error(env, "a session is committed as text");
  }
  commit_request request;
  request.base.payload = "{}";
  if (base.present()) {
    auto restored = restore(base.view());
    if (!restored) return throw_error(env, restored.error());
    request.base = *std::move(restored);
  }
  if (payload.present()) request.payload.emplace(payload.view());
  request.printed = true;  // by JSON.stringify
  if (cookie.present()) request.cookie.emplace(cookie.view());
  if (owner.present()) request.owner.emplace(owner.view());
  request.id = id.view();
  request.secure = (flags & secure_flag) != 0;
  request.save = (flags & save_flag) != 0;
  request.presented = (flags & presented_flag) != 0;
  if ((flags & exact_flag) != 0) request.exact = static_cast<int>(flags >> attempt_shift);
  return answer<committed>(env, self, given[5], flags, committed_to_js,
                           [&](auto done) { self->engine->commit(std::move(request), done); });
}

// destroy(base, secure, slot)
napi_value destroy(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  const auto& self = self_of<engine_handle>(given.data);
  text base;
  if (!base.read(env, given[0]) || !base.present()) return throw_type_error(env, "base must be a string");
  const auto session = restore(base.view());
  if (!session) return throw_error(env, session.error());
  return answer<destroyed>(env, self, given[2], 0, destroyed_to_js,
                           [&](auto done) { self->engine->destroy(*session, to_bool(env, given[1]), done); });
}

// regenerate(base, slot, id); id undefined: the engine makes one
napi_value regenerate(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  const auto& self = self_of<engine_handle>(given.data);
  text base;
  text id;
  if (!base.read(env, given[0]) || !base.present() || !id.read(env, given[2])) {
    return throw_type_error(env, "base must be a string");
  }
  const auto session = restore(base.view());
  if (!session) return throw_error(env, session.error());
  return answer<engine::regenerated>(env, self, given[1], 0, regenerated_to_js,
                                     [&](auto done) { self->engine->regenerate(*session, done, id.view()); });
}

// cookieAttributes(secure) → { secure, sameSite, partitioned }; sameSite false: not sent.
napi_value cookie_attributes(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  const auto cookie = self_of<engine_handle>(given.data)->engine->cookie_attributes(to_bool(env, given[0]));
  auto out = Napi::Object::New(env);
  out.Set("secure", cookie.secure);
  out.Set("partitioned", cookie.partitioned);
  if (cookie.same_site == same_site::unset) {
    out.Set("sameSite", false);
  } else {
    out.Set("sameSite", cookie.same_site == same_site::strict ? "strict"
                        : cookie.same_site == same_site::none ? "none"
                                                              : "lax");
  }
  return out;
}

// clearingCookie(secure, cookieSettings) → Set-Cookie
napi_value clearing_cookie(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  text settings;
  if (!settings.read(env, given[1])) return throw_type_error(env, "cookie settings must be text");
  const auto& self = self_of<engine_handle>(given.data);
  return make_string(env, self->engine->clearing_cookie(to_bool(env, given[0]), settings.view()));
}

// endTable() → a Uint8Array: what each combination of facts calls for (coatcheck/life_cycle.hpp)
napi_value end_table(napi_env env, napi_callback_info info) {
  const arguments<0> given(env, info);
  const auto table = self_of<engine_handle>(given.data)->engine->end_table();
  auto out = Napi::Uint8Array::New(env, table.size());
  std::copy(table.begin(), table.end(), out.Data());
  return out;
}

// responseHeaders(sendsCookie, looked) → bits
napi_value response_headers(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const auto& of = *self_of<engine_handle>(given.data)->engine;
  return make_number(env, of.response_headers(to_bool(env, given[0]), to_bool(env, given[1])));
}

// cookieName(secure)
napi_value cookie_name(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  return make_string(env, self_of<engine_handle>(given.data)->engine->cookie_name(to_bool(env, given[0])));
}

}  // namespace

// createEngine(keys, store, { cookie, policy, tokens }) → engine; throws what is wrong with the options.
napi_value create_engine(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  const auto keys = unwrap_shared<keys_handle>(env, given[0]);
  const auto keeper = unwrap_shared<store_handle>(env, given[1]);
  const Napi::Value options(env, given[2]);
  if (!keys || !keeper || !options.IsObject())
    return throw_type_error(env, "an engine needs keys, a store and options");
  engine_options wanted{keys->keys, keeper->store, {}, {}, &keeper->where->clock(), {}, {}};
  if (const auto read = read_engine_options(options.As<Napi::Object>(), keeper->where->driver(), wanted); !read) {
    return throw_error(env, read.error());
  }
  for (const auto& source : wanted.migrate_from) {
    if (source.where) keeper->where->close_at_end(source.where);
  }
  auto created = engine::create(std::move(wanted));
  if (!created) return throw_error(env, created.error());

  const auto self = std::make_shared<engine_handle>(engine_handle{keeper, *std::move(created)});
  napi_value object = nullptr;
  napi_create_object(env, &object);
  add_method(env, object, "open", open, self);
  add_method(env, object, "load", load, self);
  add_method(env, object, "inspect", inspect, self);
  add_method(env, object, "commit", commit, self);
  add_method(env, object, "destroy", destroy, self);
  add_method(env, object, "regenerate", regenerate, self);
  add_method(env, object, "clearingCookie", clearing_cookie, self);
  add_method(env, object, "cookieAttributes", cookie_attributes, self);
  add_method(env, object, "cookieName", cookie_name, self);
  add_method(env, object, "endTable", end_table, self);
  add_method(env, object, "responseHeaders", response_headers, self);
  return object;
}

}  // namespace coatcheck::node
