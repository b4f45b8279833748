// libFuzzer: other packages' cookies and records on arbitrary bytes, behind a signature that holds and without one.
// Beyond "no crash": nothing verifies that nobody signed, what is written is read back, what is read is JSON.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/cookie.hpp"
#include "coatcheck/engine.hpp"
#include "coatcheck/foreign.hpp"

namespace {

using namespace coatcheck;

constexpr epoch_ms now = 1'700'000'000'000;
constexpr std::size_t most = 65'536;
const std::vector<std::string> key{"0123456789abcdef0123456789abcdef"};

void require(bool holds) {
  if (!holds) std::abort();
}

void cookies(std::string_view text) {
  for (const auto format : {peer_cookie_format::flask, peer_cookie_format::starlette, peer_cookie_format::django}) {
    const auto peer = *peer_cookie::create(format, key);
    require(!peer.decode(text, now, std::nullopt));
    const auto read = peer.decode(peer.encode(text, now), now, 0, most);
    require(text.size() > most ? !read : read && read->payload == text);
    // What else somebody with the key may have signed.
    const bool django = format == peer_cookie_format::django;
    itsdangerous_options options;
    if (django) options = {"django.contrib.sessions.backends.signed_cookies", ":", {}, peer_digest::sha256};
    if (django) options.derivation = key_derivation::django_concat;
    if (format == peer_cookie_format::flask) options = {"cookie-session", ".", key_derivation::hmac, {}};
    const auto signer = *itsdangerous_signer::create(key, options);
    if (const auto odd = peer.decode(signer.sign(text), now, std::nullopt, most)) require(odd->payload.size() <= most);
    const auto stamped = std::string(".").append(text).append(django ? ":1r31eq" : ".ZVPxAA");
    if (const auto odd = peer.decode(signer.sign(stamped), now, 0, most)) require(odd->payload.size() <= most);
  }
}

class nowhere final : public store {
 public:
  [[nodiscard]] store_capabilities capabilities() const noexcept override { return {}; }
  void get(std::string_view, completion<get_result> done) override { done({}); }
  void put(std::string_view, std::string_view, epoch_ms, expectation, std::string_view,
           completion<put_result> done) override {
    done({});
  }
  void touch(std::string_view, epoch_ms, completion<touch_result> done) override { done({}); }
  void remove(std::string_view, completion<remove_result> done) override { done({}); }
  void prune(std::size_t, completion<count_result> done) override { done({}); }
  void stats(completion<stats_result> done) override { done({}); }
  void health(completion<count_result> done) override { done({}); }
  void close() override {}
};

void records(std::string_view bytes) {
  for (const auto* format : {"flask-session", "express-session", "starsessions"}) {
    const auto reader = *foreign_reader::create({format, key, {}, {}, std::make_shared<nowhere>(), false});
    if (const auto read = reader.read_record(bytes, most)) require(same_json(*read, *read));
    if (const auto id = reader.record_key(bytes, now)) require(!id->empty() && id->size() <= 128);
  }
}

void joined(std::string_view header) {
  for (const auto* name : {"session", "__Host-session"}) {
    const auto split = split_joined_cookies(header, name);
    require(split.size() == header.size());
    // A name that browsers hold to rules is found where it was before, and nowhere else.
    if (name[0] != '_') continue;
    require(find_cookie(split, name).values.size() == find_cookie(header, name).values.size() ||
            find_cookie(header, name).refused || header.find(',') != std::string_view::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  cookies(text);
  records(text);
  joined(text);
  return 0;
}
