// Verified tokens by a digest of the verifier, its key epoch and the whole token.
//
// Bounded and sharded; an entry goes after its time, when it is the least recently used of a full shard, or when
// the keys change (the epoch is part of the digest, and `clear` frees the memory).
// Thread safety: any thread.
#pragma once

#include <array>
#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "coatcheck/jose/jwt.hpp"

#include "crypto/hmac.hpp"

namespace coatcheck::jose {

class token_cache {
 public:
  explicit token_cache(std::size_t entries);
  // The whole token counts, never a part of it: two tokens of one signature are two tokens (CVE-2026-35039).
  [[nodiscard]] static crypto::sha256_digest name(std::uint64_t verifier, std::uint64_t epoch,
                                                  std::string_view token) noexcept;
  [[nodiscard]] std::shared_ptr<const token_body> find(const crypto::sha256_digest& name, epoch_ms now);
  void insert(const crypto::sha256_digest& name, std::shared_ptr<const token_body> body, epoch_ms until);
  void erase(const crypto::sha256_digest& name);
  void clear();
  [[nodiscard]] token_cache_stats stats() const;

 private:
  struct hash {
    // A digest is uniform already.
    std::size_t operator()(const crypto::sha256_digest& name) const noexcept;
  };
  struct entry {
    crypto::sha256_digest name;
    std::shared_ptr<const token_body> body;
    epoch_ms until;
  };
  struct shard {
    mutable std::mutex lock;
    std::list<entry> recent;  // most recently used first
    std::unordered_map<crypto::sha256_digest, std::list<entry>::iterator, hash> index;
  };
  static constexpr std::size_t max_shards = 16;
  [[nodiscard]] shard& shard_of(const crypto::sha256_digest& name) noexcept;

  std::array<shard, max_shards> shards_;
  std::size_t used_shards_;
  std::size_t per_shard_;
  std::atomic<std::uint64_t> hits_{0};
  std::atomic<std::uint64_t> misses_{0};
};

}  // namespace coatcheck::jose
