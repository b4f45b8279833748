// Records of another package, written and read as ours: see session/layout.hpp.
#include "session/layout.hpp"

#include <utility>

#include "peers/express_record.hpp"
#include "session/express_cookie.hpp"
#include "session/record.hpp"
#include "store/envelope.hpp"
#include "text/surrogates.hpp"

namespace coatcheck::session {
namespace {

constexpr duration_ms usual_idle = 3'600'000;
constexpr duration_ms usual_grace = 30'000;

std::string_view package_of(record_layout layout) noexcept {
  switch (layout) {
    case record_layout::own:
      return "coatcheck";
    case record_layout::connect_redis:
      return "connect-redis";
    case record_layout::flask_session:
      return "Flask-Session";
    case record_layout::starsessions:
      return "starsessions";
    case record_layout::connect_pg_simple:
      return "connect-pg-simple";
  }
  return {};
}

error unfit(errc code, std::string_view what, record_layout layout) {
  return {code, std::string(what).append(" in the layout of ").append(package_of(layout))};
}

}  // namespace

result<session_layout> session_layout::create(engine_options& options) {
  session_layout out;
  const auto can = options.where->capabilities();
  session_policy& policy = options.policy;
  out.layout_ = can.layout;
  if (out.own()) {
    if (!policy.idle_timeout) policy.idle_timeout = usual_idle;
    if (!policy.regenerate_grace) policy.regenerate_grace = usual_grace;
    return out;
  }
  const auto refuse = [&](std::string_view what) { return unfit(errc::invalid_option, what, can.layout); };
  if (!is_express_layout(can.layout)) {
    return refuse("sessions can't be kept (it is read on the way in alone, by migrate_from)");
  }
  if (options.tokens.mode != session_mode::store) return refuse("a session can't be on tokens");
  if (policy.absolute_timeout.value_or(0) != 0) return refuse("a session can't have an absolute timeout");
  if (policy.regenerate_grace.value_or(0) != 0) {
    return refuse("an old id can't say where its session went: regenerate_grace must be 0");
  }
  if (can.layout_lifetime_given && policy.idle_timeout) {
    return refuse("a session's time can't be said twice (idle_timeout, and ttl in the store's URL)");
  }
  policy.absolute_timeout = 0;
  policy.regenerate_grace = 0;
  if (!policy.idle_timeout) policy.idle_timeout = can.layout_lifetime;
  out.lifetime_ = *policy.idle_timeout;
  out.cookie_ = options.cookie;
  return out;
}

std::string session_layout::key_of(const key_ring& keys, std::string_view id, std::size_t key) const {
  if (own()) return keys.store_key(id, key);
  return valid_key(id) ? std::string(id) : std::string();
}

result<std::string> session_layout::encode(const snapshot& session, const cookie_settings& settings,
                                           std::string_view store_key, epoch_ms now, bool secure) const {
  if (own()) return encode_record(session, store_key);
  if (!session.owner.empty()) return unfit(errc::invalid_option, "a session can't have an owner", layout_);
  if (peers::has_member(session.payload, "cookie")) {
    return unfit(errc::not_serialisable, "session.cookie can't be stored: that is the session's cookie", layout_);
  }
  return peers::write_express_record(print_express_cookie(cookie_, settings, session.expires_at, now, secure),
                                     session.payload);
}

result<void> session_layout::decode(std::string bytes, std::string_view store_key, snapshot& session) const {
  if (own()) return decode_record(std::move(bytes), store_key, session);
  // The peer's JSON.stringify writes them, and its JSON.parse reads them.
  (void)text::replace_lone_surrogates(bytes);
  auto read = peers::read_express_record(bytes);
  auto cookie = read ? read_express_cookie(cookie_, read->cookie) : std::nullopt;
  if (!cookie) {
    return unfit(errc::record_damaged, "the stored session is no record", layout_);
  }
  session.created = 0;
  session.absolute_at = 0;
  session.owner.clear();
  session.cookie = *std::move(cookie);
  session.payload = std::move(read->payload);
  const auto settings = cookie_settings::parse(session.cookie);
  const auto age = settings && settings->max_age ? *settings->max_age : cookie_.max_age;
  session.idle = age.value_or(lifetime_);
  return {};
}

}  // namespace coatcheck::session
