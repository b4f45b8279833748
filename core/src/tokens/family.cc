// Encoding and rules of family records.
#include "tokens/family.hpp"

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "crypto/base64url.hpp"
#include "crypto/digest.hpp"

namespace coatcheck::tokens {
namespace {

using nlohmann::json;

constexpr std::string_view family_prefix = "rf_";
constexpr std::string_view epoch_prefix = "re_";
constexpr std::string_view family_version = "cf1 ";
constexpr std::string_view epoch_version = "ce1 ";

error damaged(const char* what) {
  return {errc::record_damaged,
          std::string("the stored record of a token family is damaged: ") + what + "; it is left as it is"};
}

std::string_view name_of(family_state state) noexcept {
  switch (state) {
    case family_state::live:
      return "live";
    case family_state::revoked:
      return "revoked";
    case family_state::reused:
      return "reused";
  }
  return {};
}

// Reads the members of a header; a missing or mistyped one turns `ok` off for good.
class member_reader {
 public:
  explicit member_reader(const json& object) : object_(object) {}

  std::string text(const char* name) {
    const auto at = object_.find(name);
    if (at != object_.end() && at->is_string()) return at->get<std::string>();
    ok_ = false;
    return {};
  }
  std::int64_t number(const char* name) {
    const auto at = object_.find(name);
    if (at != object_.end() && at->is_number_unsigned() &&
        at->get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return at->get<std::int64_t>();
    }
    ok_ = false;
    return 0;
  }
  [[nodiscard]] bool ok() const noexcept { return ok_; }

 private:
  const json& object_;
  bool ok_ = true;
};

}  // namespace

std::string family_key(std::string_view family_id) { return std::string(family_prefix).append(family_id); }

bool is_family_key(std::string_view store_key) noexcept {
  return store_key.starts_with(family_prefix) && valid_family_id(store_key.substr(family_prefix.size()));
}

bool valid_family_id(std::string_view id) noexcept {
  std::array<unsigned char, 16> raw;
  static_assert(crypto::base64url_decoded_size(family_id_chars) == raw.size());
  return id.size() == family_id_chars && crypto::base64url_decode_to(id, raw.data());
}

std::string epoch_key(std::string_view owner) {
  return std::string(epoch_prefix).append(crypto::base64url_encode(crypto::as_view(crypto::sha256(owner))));
}

std::string encode_family(const family& what) {
  const json header = {
      {"id", what.facts.id},
      {"kind", what.facts.kind == family_kind::refresh ? "refresh" : "session"},
      {"state", name_of(what.state)},
      {"counter", what.counter},
      {"key", what.key},
      {"salt", crypto::base64url_encode(what.salt)},
      {"owner", what.facts.owner},
      {"device", what.facts.device},
      {"created", static_cast<std::uint64_t>(what.facts.created)},
      {"used", static_cast<std::uint64_t>(what.facts.last_used)},
      {"absolute", static_cast<std::uint64_t>(what.facts.absolute_at)},
      {"idle", static_cast<std::uint64_t>(what.idle)},
      {"epoch", static_cast<std::uint64_t>(what.facts.epoch)},
  };
  std::string out(family_version);
  out += header.dump(-1, ' ', false, json::error_handler_t::replace);
  out += '\n';
  out += what.facts.payload;
  return out;
}

result<family> decode_family(std::string_view bytes, std::string_view family_id, epoch_ms expires_at) {
  const auto line_end = bytes.find('\n');
  if (!bytes.starts_with(family_version) || line_end == std::string_view::npos) return damaged("its format is unknown");
  const json header =
      json::parse(bytes.substr(family_version.size(), line_end - family_version.size()), nullptr, false);
  if (!header.is_object()) return damaged("its header does not parse");
  member_reader read(header);
  family out;
  token_family& facts = out.facts;
  facts.id = read.text("id");
  const auto kind = read.text("kind");
  const auto state = read.text("state");
  const auto counter = read.number("counter");
  out.key = read.text("key");
  const auto salt = crypto::base64url_decode(read.text("salt"));
  facts.owner = read.text("owner");
  facts.device = read.text("device");
  facts.created = read.number("created");
  facts.last_used = read.number("used");
  facts.absolute_at = read.number("absolute");
  out.idle = read.number("idle");
  facts.epoch = read.number("epoch");
  if (!read.ok() || !salt || counter < 1 || counter > std::numeric_limits<std::uint32_t>::max()) {
    return damaged("its header does not parse");
  }
  if (facts.id != family_id) {
    return {errc::record_mismatch, "the store answered with the record of another token family; it was not used"};
  }
  if (kind != "refresh" && kind != "session") return damaged("its kind is unknown");
  facts.kind = kind == "refresh" ? family_kind::refresh : family_kind::session;
  if (facts.kind == family_kind::refresh && salt->size() != salt_bytes) return damaged("its salt was cut");
  if (state == "revoked") {
    out.state = family_state::revoked;
  } else if (state == "reused") {
    out.state = family_state::reused;
  } else if (state != "live") {
    return damaged("its state is unknown");
  }
  out.counter = static_cast<std::uint32_t>(counter);
  out.salt = *salt;
  facts.payload = bytes.substr(line_end + 1);
  if (!facts.payload.starts_with('{') || !facts.payload.ends_with('}')) return damaged("its payload was cut");
  facts.expires_at = expires_at;
  return out;
}

std::string encode_epoch(epoch_ms epoch) { return std::string(epoch_version).append(std::to_string(epoch)); }

result<epoch_ms> decode_epoch(std::string_view bytes) {
  epoch_ms out = 0;
  const char* const end = bytes.data() + bytes.size();
  if (bytes.starts_with(epoch_version)) {
    const auto [at, failed] = std::from_chars(bytes.data() + epoch_version.size(), end, out);
    if (failed == std::errc{} && at == end && out > 0) return out;
  }
  return error{
      errc::record_damaged,
      "the stored epoch of an owner is damaged; it is left as it is until all of the owner's tokens are revoked, which "
      "replaces it"};
}

verdict judge(const family& current, std::uint32_t presented, duration_ms grace, epoch_ms now) noexcept {
  if (current.state != family_state::live) return verdict::revoked;
  const token_family& facts = current.facts;
  if (facts.expires_at <= now || (facts.absolute_at != 0 && facts.absolute_at <= now)) return verdict::expired;
  if (presented == std::numeric_limits<std::uint32_t>::max()) return verdict::expired;
  // A genuine counter above the store's: the store lost its last writes (a failover). What we issued counts.
  if (presented >= current.counter) return verdict::rotate;
  // The successor is the newest, so it was not used; on a host whose clock is behind, no time has passed yet.
  if (presented + 1 == current.counter && now - facts.last_used < grace) return verdict::repeat;
  return verdict::theft;
}

void rotate(family& what, std::uint32_t presented, epoch_ms now) noexcept {
  what.counter = presented + 1;
  what.facts.last_used = now;
  what.facts.expires_at = deadline_after(now, what.idle, what.facts.absolute_at);
}

family tombstone(const family& ended, family_state state) {
  family out;
  out.facts.id = ended.facts.id;
  out.facts.kind = ended.facts.kind;
  out.facts.created = ended.facts.created;
  out.facts.last_used = ended.facts.last_used;
  out.facts.expires_at = ended.facts.expires_at;
  out.facts.absolute_at = ended.facts.absolute_at;
  out.facts.epoch = ended.facts.epoch;
  out.state = state;
  out.counter = ended.counter;
  out.salt = ended.salt;
  out.idle = ended.idle;
  return out;
}

}  // namespace coatcheck::tokens
