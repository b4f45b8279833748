// The cache of verified tokens.
#include "jose/token_cache.hpp"

#include <cstring>

#include "crypto/evp_cache.hpp"

namespace coatcheck::jose {

token_cache::token_cache(std::size_t entries)
    : used_shards_(entries >= 64 * max_shards ? max_shards : 1),
      per_shard_((entries + used_shards_ - 1) / used_shards_) {}

std::size_t token_cache::hash::operator()(const crypto::sha256_digest& name) const noexcept {
  std::size_t out;
  std::memcpy(&out, name.data(), sizeof out);
  return out;
}

crypto::sha256_digest token_cache::name(std::uint64_t verifier, std::uint64_t epoch, std::string_view token) noexcept {
  thread_local const crypto::digest_context context(EVP_MD_CTX_new());
  const std::uint64_t prefix[] = {verifier, epoch};
  crypto::sha256_digest out{};
  if (!context || EVP_DigestInit_ex2(context.get(), crypto::fetched_sha256(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), prefix, sizeof prefix) != 1 ||
      EVP_DigestUpdate(context.get(), token.data(), token.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), out.data(), nullptr) != 1) {
    std::abort();  // a made-up name could be another token's
  }
  return out;
}

token_cache::shard& token_cache::shard_of(const crypto::sha256_digest& name) noexcept {
  return shards_[name[31] % used_shards_];
}

std::shared_ptr<const token_body> token_cache::find(const crypto::sha256_digest& name, epoch_ms now) {
  shard& in = shard_of(name);
  const std::lock_guard guard(in.lock);
  const auto found = in.index.find(name);
  if (found == in.index.end()) {
    misses_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  if (now >= found->second->until) {
    in.recent.erase(found->second);
    in.index.erase(found);
    misses_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  hits_.fetch_add(1, std::memory_order_relaxed);
  in.recent.splice(in.recent.begin(), in.recent, found->second);
  return found->second->body;
}

void token_cache::insert(const crypto::sha256_digest& name, std::shared_ptr<const token_body> body, epoch_ms until) {
  shard& in = shard_of(name);
  const std::lock_guard guard(in.lock);
  if (in.index.find(name) != in.index.end()) return;  // another thread was first
  if (in.recent.size() >= per_shard_) {
    in.index.erase(in.recent.back().name);
    in.recent.pop_back();
  }
  in.recent.push_front({name, std::move(body), until});
  in.index.emplace(name, in.recent.begin());
}

void token_cache::erase(const crypto::sha256_digest& name) {
  shard& in = shard_of(name);
  const std::lock_guard guard(in.lock);
  const auto found = in.index.find(name);
  if (found == in.index.end()) return;
  in.recent.erase(found->second);
  in.index.erase(found);
}

void token_cache::clear() {
  for (shard& in : shards_) {
    const std::lock_guard guard(in.lock);
    in.index.clear();
    in.recent.clear();
  }
}

token_cache_stats token_cache::stats() const {
  token_cache_stats out{hits_.load(std::memory_order_relaxed), misses_.load(std::memory_order_relaxed), 0};
  for (const shard& in : shards_) {
    const std::lock_guard guard(in.lock);
    out.entries += in.recent.size();
  }
  return out;
}

}  // namespace coatcheck::jose
