// The list of stores under test, and the helpers of the contract suite.
#include "contract/store_contract.hpp"

#include <algorithm>

namespace coatcheck::contract {

std::vector<store_factory>& store_factories() {
  static std::vector<store_factory> list;
  return list;
}

bool register_store(store_factory factory) {
  store_factories().push_back(std::move(factory));
  return true;
}

const key_ring& contract_keys() {
  static const key_ring keys = *key_ring::from_secrets(std::vector<std::string>{
      "the newest secret of the contract's stores", "an older secret of the contract's stores"});
  return keys;
}

get_result client::get(std::string_view key) {
  return run<get_result>([&](auto done) { store_->get(key, done); });
}

put_result client::put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
                       std::string_view owner) {
  return run<put_result>([&](auto done) { store_->put(key, bytes, expires_at, expect, owner, done); });
}

touch_result client::touch(std::string_view key, epoch_ms expires_at) {
  return run<touch_result>([&](auto done) { store_->touch(key, expires_at, done); });
}

remove_result client::remove(std::string_view key) {
  return run<remove_result>([&](auto done) { store_->remove(key, done); });
}

keys_result client::owned_by(std::string_view owner) {
  auto out = run<keys_result>([&](auto done) { store_->owned_by(owner, done); });
  std::sort(out.keys.begin(), out.keys.end());
  return out;
}

count_result client::remove_owner(std::string_view owner, std::string_view except) {
  return run<count_result>([&](auto done) { store_->remove_owner(owner, except, done); });
}

count_result client::clear() {
  return run<count_result>([&](completion<count_result> done) { store_->clear(done); });
}

keys_result client::scan(std::string_view cursor, std::size_t limit) {
  return run<keys_result>([&](auto done) { store_->scan(cursor, limit, done); });
}

count_result client::prune(std::size_t limit) {
  return run<count_result>([&](auto done) { store_->prune(limit, done); });
}

stats_result client::stats() {
  return run<stats_result>([&](auto done) { store_->stats(done); });
}

count_result client::health() {
  return run<count_result>([&](auto done) { store_->health(done); });
}

std::vector<std::string> client::scan_all(std::size_t limit) {
  std::vector<std::string> keys;
  std::string cursor;
  for (int calls = 0;; ++calls) {
    auto part = scan(cursor, limit);
    EXPECT_TRUE(part.known) << part.why.message;
    keys.insert(keys.end(), part.keys.begin(), part.keys.end());
    cursor = part.cursor;
    if (!part.known || cursor.empty()) break;
    if (calls > 100'000) {
      ADD_FAILURE() << "the scan does not end";
      break;
    }
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

void StoreContract::SetUp() {
  place = GetParam().make();
  if (const auto why = place->unavailable(); !why.empty()) GTEST_SKIP() << why;
  c = std::make_unique<client>(*place, place->open());
}

void StoreOwnerIndex::SetUp() {
  StoreContract::SetUp();
  if (!IsSkipped() && !c->raw().capabilities().owner_index) GTEST_SKIP() << "the store has no owner's index";
}

void StoreScan::SetUp() {
  StoreContract::SetUp();
  if (!IsSkipped() && !c->raw().capabilities().scan) GTEST_SKIP() << "the store does not list its keys";
}

void StoreOfOurs::SetUp() {
  StoreContract::SetUp();
  if (!IsSkipped() && c->raw().capabilities().layout != record_layout::own) {
    GTEST_SKIP() << "the store keeps another package's records";
  }
}

testing::AssertionResult StoreContract::is_deadline(epoch_ms read, epoch_ms put) const {
  const auto resolution = c->raw().capabilities().expiry_resolution;
  constexpr duration_ms way = 5000;  // of the answer, on a machine that is busy
  const bool same = resolution == 1 ? read == put : read >= put - way && read <= put + resolution + way;
  if (same) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "read " << read << ", put " << put << ", off by " << read - put << " ms";
}

client StoreContract::open_client() { return client(*place, place->open()); }

}  // namespace coatcheck::contract
