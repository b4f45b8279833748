// A key set that lives at a URL: when to fetch it, how long to believe it, what to do when fetching fails.
//
// Does no I/O. The host asks `prepare`, fetches with its own HTTP client where it is told to, and hands the answer
// to `finish` or `fail`. It sends no cookies and no credentials, follows no redirect, stops at `max_bytes` and at the
// timeout: these are its part of the contract.
//
// Rules: HTTPS alone, unless told otherwise. One fetch at a time. A set is fresh for as long as Cache-Control says,
// within bounds; revalidated with its ETag; used while it is stale as long as fetching fails, up to `stale_for`. A kid
// that is not in the set may cause a fetch, but not within `cooldown` of the last one, whether that failed or not: a
// flood of random kids costs one request (CVE-2026-48524). A fetch that fails never empties the set.
//
// Codes: invalid_option, invalid_url; key_set_unavailable, key_set_invalid (from a fetch).
//
// Thread safety: any thread; copies share the set.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/jose/key.hpp"

namespace coatcheck::jose {

struct remote_key_set_options {
  std::string url = {};
  bool allow_http = false;                   // plain HTTP: for tests and for a loopback sidecar
  std::vector<algorithm> default_algs = {};  // for keys without `alg`, as in key_set_options
  duration_ms default_age = 600'000;         // fresh for this long when the answer does not say
  duration_ms least_age = 30'000;            // Cache-Control is held within these two
  duration_ms greatest_age = 86'400'000;
  duration_ms stale_for = 86'400'000;  // used this long after it was fresh, while fetching fails
  duration_ms cooldown = 30'000;       // between a fetch and the next that an unknown kid or a failure may cause
  duration_ms timeout = 5'000;         // of one fetch, to be kept by the host
  std::size_t max_bytes = 256 * 1024;
};

struct key_fetch {
  std::uint64_t ticket = 0;
  std::string url;
  std::string etag;  // for If-None-Match; empty: none
  duration_ms timeout = 0;
  std::size_t max_bytes = 0;
};

struct key_response {
  int status = 0;
  std::string_view body;
  std::string_view etag;  // header values; empty: not sent
  std::string_view cache_control;
  std::string_view age;
};

enum class key_advice : std::uint8_t {
  use,          // verify with `keys`. If `fetch` is set, refresh in the background as well
  fetch,        // make the fetch in `fetch`, then prepare again
  wait,         // someone is fetching: prepare again when that is done
  unavailable,  // there are no keys, and it is too early to try again: `why`
};
struct key_plan {
  key_advice advice = key_advice::unavailable;
  key_set keys;
  std::uint64_t epoch = 0;  // changes when the keys do: then call verifier::replace_keys
  std::optional<key_fetch> fetch;
  error why;
};

// Members of a set that are of no use, which had not been told of before.
struct key_report {
  std::vector<std::string> lines;  // of key_set::skipped
  error why;                       // key_set_invalid, with the URL's host and the lines, for an event or a log
};

class remote_key_set {
 public:
  [[nodiscard]] static result<remote_key_set> create(remote_key_set_options options);
  // What to do for a token with this kid (empty: it has none). `now`: milliseconds since the epoch.
  [[nodiscard]] key_plan prepare(std::string_view kid, epoch_ms now) const;
  // The answer to a fetch. An error leaves the set as it was; it says what was wrong, for logs.
  [[nodiscard]] result<void> finish(std::uint64_t ticket, const key_response& response, epoch_ms now) const;
  // The fetch did not come to an answer (connection, TLS, timeout, too large).
  void fail(std::uint64_t ticket, std::string_view reason, epoch_ms now) const;
  // What a verifier could not use of the set (its keys().skipped()). Each line is told once, of all that copies are
  // asked; up to 1,000 lines are remembered.
  [[nodiscard]] key_report report(std::span<const std::string> skipped) const;

 private:
  struct impl;
  explicit remote_key_set(std::shared_ptr<impl> state) noexcept : impl_(std::move(state)) {}
  std::shared_ptr<impl> impl_;
};

}  // namespace coatcheck::jose
