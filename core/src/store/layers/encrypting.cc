// The encrypting layer's operations.
#include "store/layers/encrypting.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/envelope.hpp"
#include "store/operation.hpp"

namespace coatcheck {

struct encrypting_store::shared {
  const std::shared_ptr<store> below;
  const key_ring keys;
  const clock& time;
  const encryption how;

  // Makes the stored bytes those that were put, or says why they are not to be had.
  [[nodiscard]] std::optional<error> open(std::string_view key, std::string& bytes) const {
    if (how != encryption::required && !is_sealed_record(bytes)) return std::nullopt;
    if (const auto opened = keys.open_record(key, bytes, time.now()); !opened) return opened.error();
    return std::nullopt;
  }

  // What the store below may know of an owner: under the key that signs now, if there is one to seal with.
  [[nodiscard]] std::string owner_now(std::string_view owner, epoch_ms now) const {
    const auto key = keys.signing_key(now);
    return key ? keys.owner_digest(owner, *key) : std::string();
  }
  // Every name under which this owner's records may stand.
  [[nodiscard]] std::vector<std::string> names_of(std::string_view owner) const {
    std::vector<std::string> names;
    names.reserve(keys.size() + 1);
    for (std::size_t key = 0; key < keys.size(); ++key) names.push_back(keys.owner_digest(owner, key));
    if (how != encryption::required) names.emplace_back(owner);
    return names;
  }
};

namespace {

using encrypting_state = std::shared_ptr<const encrypting_store::shared>;

// An owner that the store below is to judge as it is: nobody, or none within the contract.
bool is_no_owner(std::string_view owner) noexcept { return owner.empty() || owner.size() > max_owner_size; }

// A key of the contract, kept without an allocation. Another one is refused by the store below: what is kept of it is
// never used.
class kept_key {
 public:
  explicit kept_key(std::string_view key) noexcept : size_(std::min(key.size(), max_key_size)) {
    std::memcpy(text_.data(), key.data(), size_);
  }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, max_key_size> text_;
  std::size_t size_;
};

class opening_get final : public store_operation<opening_get, get_result, encrypting_state> {
 public:
  opening_get(encrypting_state state, std::string_view key, completion<get_result> done)
      : store_operation(std::move(state), done), key_(key) {}
  void start(std::string_view key, bool recent) {
    const auto opened = then<get_result, &opening_get::on_answer>();
    recent ? shared_->below->get_recent(key, opened) : shared_->below->get(key, opened);
  }

 private:
  void on_answer(get_result&& got) {
    if (got.status == get_status::found) {
      if (auto why = shared_->open(key_.view(), got.value.bytes)) {
        got = {get_status::unknown, {}, *std::move(why)};
      }
    }
    finish(std::move(got));
  }
  const kept_key key_;
};

class sealing_put final : public store_operation<sealing_put, put_result, encrypting_state> {
 public:
  sealing_put(encrypting_state state, std::string_view key, completion<put_result> done)
      : store_operation(std::move(state), done), key_(key) {}
  void start(std::string_view key, std::string_view bytes, epoch_ms expires_at, const expectation& expect,
             std::string_view owner) {
    shared_->below->put(key, bytes, expires_at, expect, owner, then<put_result, &sealing_put::on_answer>());
  }

 private:
  void on_answer(put_result&& got) {
    if (got.status == put_status::conflict) {
      if (auto why = shared_->open(key_.view(), got.current.bytes)) {
        got = {put_status::unknown, {}, {}, *std::move(why)};
      }
    }
    finish(std::move(got));
  }
  const kept_key key_;
};

// One owner under several names, one after the other. The first answer that is not known is the answer.
class owners_keys final : public store_operation<owners_keys, keys_result, encrypting_state> {
 public:
  owners_keys(encrypting_state state, std::string_view owner, completion<keys_result> done)
      : store_operation(std::move(state), done), names_(shared_->names_of(owner)) {
    out_.known = true;
  }
  void start() {
    const auto name = std::move(names_.back());
    names_.pop_back();
    shared_->below->owned_by(name, then<keys_result, &owners_keys::on_answer>());
  }

 private:
  void on_answer(keys_result&& got) {
    if (!got.known) return finish(std::move(got));
    if (out_.keys.empty()) {
      out_.keys = std::move(got.keys);
    } else {
      std::move(got.keys.begin(), got.keys.end(), std::back_inserter(out_.keys));
    }
    if (!names_.empty()) return start();
    // A record that was written meanwhile may have been listed under its old name and under its new one.
    std::sort(out_.keys.begin(), out_.keys.end());
    out_.keys.erase(std::unique(out_.keys.begin(), out_.keys.end()), out_.keys.end());
    finish(std::move(out_));
  }
  std::vector<std::string> names_;
  keys_result out_;
};

class owner_removal final : public store_operation<owner_removal, count_result, encrypting_state> {
 public:
  owner_removal(encrypting_state state, std::string_view owner, std::string_view except, completion<count_result> done)
      : store_operation(std::move(state), done), names_(shared_->names_of(owner)), except_(except) {
    out_.known = true;
  }
  void start() {
    const auto name = std::move(names_.back());
    names_.pop_back();
    shared_->below->remove_owner(name, except_, then<count_result, &owner_removal::on_answer>());
  }

 private:
  void on_answer(count_result&& got) {
    if (!got.known) return finish(std::move(got));
    out_.count += got.count;
    if (!names_.empty()) return start();
    finish(std::move(out_));
  }
  std::vector<std::string> names_;
  const std::string except_;
  count_result out_;
};

}  // namespace

encrypting_store::encrypting_store(std::shared_ptr<store> below, const key_ring& keys, const clock& time,
                                   encryption how)
    : forwarding_store(std::move(below)),
      shared_(std::make_shared<const shared>(shared{forwarding_store::below(), keys, time, how})) {}

void encrypting_store::get(std::string_view key, completion<get_result> done) { read(key, false, done); }
void encrypting_store::get_recent(std::string_view key, completion<get_result> done) { read(key, true, done); }

void encrypting_store::read(std::string_view key, bool recent, completion<get_result> done) {
  auto operation = std::make_unique<opening_get>(shared_, key, done);
  opening_get& started = *operation;
  started.self = std::move(operation);
  started.start(key, recent);
}

void encrypting_store::put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
                           std::string_view owner, completion<put_result> done) {
  std::string sealed;
  std::string digest;
  if (shared_->how != encryption::prepare) {
    const epoch_ms now = shared_->time.now();
    auto made = shared_->keys.seal_record(key, bytes, now);
    if (!made) {
      put_result out;
      out.why = made.error();
      return done(std::move(out));
    }
    sealed = *std::move(made);
    bytes = sealed;
    if (!is_no_owner(owner)) owner = digest = shared_->owner_now(owner, now);
  }
  auto operation = std::make_unique<sealing_put>(shared_, key, done);
  sealing_put& started = *operation;
  started.self = std::move(operation);
  started.start(key, bytes, expires_at, expect, owner);
}

void encrypting_store::owned_by(std::string_view owner, completion<keys_result> done) {
  if (is_no_owner(owner) || !capabilities().owner_index) return below()->owned_by(owner, done);
  run_operation<owners_keys>(shared_, owner, done);
}

void encrypting_store::remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) {
  if (is_no_owner(owner) || !capabilities().owner_index) return below()->remove_owner(owner, except, done);
  run_operation<owner_removal>(shared_, owner, except, done);
}

result<std::shared_ptr<store>> open_encrypting_store(std::shared_ptr<store> below, const store_options& options,
                                                     encryption how) {
  if (options.keys == nullptr) {
    below->close();
    return {errc::invalid_option, "an encrypted store needs the service's secret"};
  }
  if (below->capabilities().layout != record_layout::own) {
    below->close();
    return {errc::invalid_option, "records of another package (layout=) can't be encrypted: it could not read them"};
  }
  const clock& time = options.time != nullptr ? *options.time : system_clock();
  return std::shared_ptr<store>(std::make_shared<encrypting_store>(std::move(below), *options.keys, time, how));
}

}  // namespace coatcheck
