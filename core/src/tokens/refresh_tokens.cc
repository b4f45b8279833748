// The public face of refresh tokens: checks what comes in, and starts operations.
#include "coatcheck/refresh_tokens.hpp"

#include <algorithm>
#include <array>

#include "crypto/random.hpp"
#include "jose/json.hpp"
#include "tokens/operations.hpp"
#include "tokens/owner_operations.hpp"

namespace coatcheck {

using namespace tokens;

struct refresh_tokens::impl {
  space_ref space;
  duration_ms idle;
  duration_ms absolute;
};

namespace {

constexpr duration_ms max_grace = 600'000;
constexpr std::size_t max_owner_bytes = 256;  // the store contract's

result<void> check_owner(std::string_view owner) {
  if (owner.empty() || owner.size() > max_owner_bytes || !jose::json::valid_utf8(owner)) {
    return {errc::invalid_option, "a token's owner must be 1 to 256 bytes of UTF-8"};
  }
  return {};
}

result<void> check_device(std::string_view device) {
  const bool control = std::any_of(device.begin(), device.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (device.size() > max_device_label || control || !jose::json::valid_utf8(device)) {
    return {errc::invalid_option, "a device label must be up to 256 bytes of UTF-8 without control characters"};
  }
  return {};
}

result<void> check_payload_text(std::string_view payload) {
  if (payload.size() > max_family_payload) {
    return {errc::payload_too_large, "the payload of a refresh token must be no longer than 64 KiB"};
  }
  // Nothing around the object: the record's payload is read back by its first and last byte.
  const bool object = payload.starts_with('{') && payload.ends_with('}');
  if (const auto read = jose::json::parse(payload); !object || read.what != jose::json::verdict::ok) {
    return {errc::not_serialisable, "the payload of a refresh token must be a JSON object in UTF-8"};
  }
  return {};
}

std::optional<presented_token> presented(std::string_view token) {
  const auto parsed = parse_token(token);
  if (!parsed) return std::nullopt;
  return presented_token{std::string(parsed->family_id), parsed->counter, parsed->mac};
}

class issue_operation final : public operation<issue_operation, issue_result> {
 public:
  issue_operation(space_ref space, family made, completion<issue_result> done)
      : operation(std::move(space), done), made_(std::move(made)) {}
  void start() {
    run_operation<create_operation>(shared_, std::move(made_), then<created, &issue_operation::on_created>());
  }

 private:
  void on_created(created&& got) {
    if (!got.known) return finish({issue_status::unknown, {}, {}, std::move(got.why)});
    auto token = shared_->maker->newest(got.made, shared_->now());
    if (!token) {
      return finish({issue_status::unknown, {}, {}, {errc::key_unsuitable, "the signing key ended meanwhile"}});
    }
    finish({issue_status::issued, *std::move(token), std::move(got.made.facts), {}});
  }
  family made_;
};

class refresh_operation final : public operation<refresh_operation, refresh_result> {
 public:
  refresh_operation(space_ref space, presented_token what, completion<refresh_result> done)
      : operation(std::move(space), done), what_(std::move(what)) {}
  void start() {
    run_operation<advance_operation>(shared_, std::move(what_), advance_mode::use,
                                     then<advanced, &refresh_operation::on_advanced>());
  }

 private:
  void on_advanced(advanced&& got) {
    finish({got.status, std::move(got.token), got.repeated, std::move(got.now.facts), std::move(got.why)});
  }
  presented_token what_;
};

}  // namespace

std::string_view name_of(refresh_status status) noexcept {
  constexpr std::array<std::string_view, 7> names = {"rotated",   "reused",    "revoked", "expired",
                                                     "not_found", "malformed", "unknown"};
  return names[static_cast<std::size_t>(status)];
}

refresh_tokens::refresh_tokens(std::shared_ptr<const impl> state) noexcept : impl_(std::move(state)) {}
refresh_tokens::~refresh_tokens() = default;

result<std::shared_ptr<refresh_tokens>> refresh_tokens::create(refresh_options options) {
  const auto refuse = [](const char* text) { return error{errc::invalid_option, text}; };
  if (!options.where) return refuse("refresh tokens need a store (options.where)");
  if (options.where->capabilities().layout != record_layout::own) {
    return refuse("refresh tokens can't be kept in the layout of another package");
  }
  if (options.idle_timeout <= 0) return refuse("idle_timeout must be more than 0 ms");
  if (options.absolute_timeout < 0) return refuse("absolute_timeout must be 0 (unbounded) or more, in ms");
  if (options.grace < 0 || options.grace > max_grace) return refuse("grace must be between 0 and 600000 ms");
  auto space = std::make_shared<family_space>();
  space->families = std::move(options.where);
  space->time = options.time != nullptr ? options.time : &system_clock();
  space->grace = options.grace;
  space->maker = std::make_unique<token_maker>(std::move(options.keys));
  if (!space->maker->ok()) return error{errc::crypto_failed, "the keys for refresh tokens could not be derived"};
  auto state = std::make_shared<impl>(impl{std::move(space), options.idle_timeout, options.absolute_timeout});
  return std::shared_ptr<refresh_tokens>(new refresh_tokens(std::move(state)));
}

store_capabilities refresh_tokens::capabilities() const noexcept { return impl_->space->where().capabilities(); }

void refresh_tokens::issue(std::string_view owner, std::string_view device, std::string_view payload,
                           completion<issue_result> done) const {
  const auto refuse = [&done](error why) { done({issue_status::refused, {}, {}, std::move(why)}); };
  if (auto ok = check_owner(owner); !ok) return refuse(ok.error());
  if (auto ok = check_device(device); !ok) return refuse(ok.error());
  if (auto ok = check_payload_text(payload); !ok) return refuse(ok.error());
  const family_space& space = *impl_->space;
  const epoch_ms now = space.now();
  const auto key = space.maker->signing_key(now);
  if (!key) {
    return refuse({errc::key_unsuitable, "no key of the key ring may sign now: add an active one"});
  }
  auto id = new_family_id();
  if (!id) return refuse(id.error());
  family made;
  made.salt.resize(salt_bytes);
  if (!crypto::random_bytes(made.salt.data(), made.salt.size())) {
    return refuse({errc::random_failed, "the operating system gave no random bytes: no token was made"});
  }
  made.key = space.maker->id(*key);
  made.idle = std::min(impl_->idle, latest_time);
  made.facts.id = *std::move(id);
  made.facts.owner = owner;
  made.facts.device = device;
  made.facts.payload = payload;
  made.facts.created = now;
  made.facts.absolute_at = impl_->absolute == 0 ? 0 : later(now, impl_->absolute);
  rotate(made, 0, now);
  run_operation<issue_operation>(impl_->space, std::move(made), done);
}

void refresh_tokens::refresh(std::string_view token, completion<refresh_result> done) const {
  auto what = presented(token);
  if (!what) {
    refresh_result out;
    out.status = refresh_status::malformed;
    out.why = {errc::token_malformed, "the text is not a refresh token"};
    return done(std::move(out));
  }
  run_operation<refresh_operation>(impl_->space, *std::move(what), done);
}

void refresh_tokens::list(std::string_view owner, completion<families_result> done) const {
  if (auto ok = check_owner(owner); !ok) return done({false, {}, ok.error()});
  run_operation<list_operation>(impl_->space, std::string(owner), done);
}

void refresh_tokens::revoke(std::string_view family_id, completion<remove_result> done) const {
  if (!valid_family_id(family_id)) return done({remove_status::absent, {}});
  run_operation<revoke_operation>(impl_->space, presented_token{std::string(family_id), 0, {}}, done);
}

void refresh_tokens::revoke_token(std::string_view token, completion<remove_result> done) const {
  auto what = presented(token);
  if (!what) return done({remove_status::absent, {}});
  run_operation<revoke_operation>(impl_->space, *std::move(what), done);
}

void refresh_tokens::revoke_all(std::string_view owner, std::string_view except,
                                completion<revoke_all_result> done) const {
  if (auto ok = check_owner(owner); !ok) return done({false, 0, 0, ok.error()});
  if (!except.empty() && !valid_family_id(except)) {
    return done({false, 0, 0, {errc::invalid_option, "except must be a family id, or empty"}});
  }
  run_operation<revoke_all_operation>(impl_->space, std::string(owner), std::string(except), done);
}

void refresh_tokens::check(std::string_view owner, epoch_ms epoch, completion<epoch_result> done) const {
  if (auto ok = check_owner(owner); !ok) return done({epoch_status::unknown, ok.error()});
  run_operation<check_operation>(impl_->space, std::string(owner), epoch, done);
}

}  // namespace coatcheck
