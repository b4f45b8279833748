// One entry of a memory store, in one allocation: a header, and after it key, owner and bytes. A hash node with three
// strings would take five allocations and twice the room (docs/decisions/0047).
//
// Thread safety: what it was made with never changes; the rest belongs to the shard that holds it.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

#include "coatcheck/clock.hpp"
#include "coatcheck/store.hpp"

#include "store/envelope.hpp"

namespace coatcheck {

class memory_record {
 public:
  struct deleter {
    void operator()(memory_record* record) const noexcept { ::operator delete(record); }
  };
  using pointer = std::unique_ptr<memory_record, deleter>;

  // `key` and `owner` are as long as the store contract allows.
  static pointer make(std::string_view key, std::size_t hash, std::string_view owner, std::string_view bytes,
                      const etag& tag, epoch_ms expires_at) {
    void* room = ::operator new(sizeof(memory_record) + key.size() + owner.size() + bytes.size());
    return pointer(new (room) memory_record(key, hash, owner, bytes, tag, expires_at));
  }

  [[nodiscard]] std::size_t hash() const noexcept { return hash_; }
  [[nodiscard]] std::string_view key() const noexcept { return {text(), key_size_}; }
  [[nodiscard]] std::string_view owner() const noexcept { return {text() + key_size_, owner_size_}; }
  [[nodiscard]] std::string_view bytes() const noexcept { return {text() + key_size_ + owner_size_, bytes_size_}; }
  [[nodiscard]] etag tag() const noexcept { return etag({tag_, sizeof tag_}); }

  epoch_ms expires_at;
  memory_record* next = nullptr;  // in its bucket (memory_map)
  std::uint32_t due_at = 0;       // where it is in the expiry index (memory_due)

 private:
  memory_record(std::string_view key, std::size_t hash, std::string_view owner, std::string_view bytes, const etag& tag,
                epoch_ms deadline) noexcept
      : expires_at(deadline),
        owner_size_(static_cast<std::uint16_t>(owner.size())),
        key_size_(static_cast<std::uint8_t>(key.size())),
        hash_(hash),
        bytes_size_(bytes.size()) {
    static_assert(max_key_size <= UINT8_MAX && max_owner_size <= UINT16_MAX);
    std::memcpy(tag_, tag.view().data(), sizeof tag_);
    char* to = reinterpret_cast<char*>(this + 1);
    for (const auto part : {key, owner, bytes}) {
      if (!part.empty()) std::memcpy(to, part.data(), part.size());
      to += part.size();
    }
  }
  [[nodiscard]] const char* text() const noexcept { return reinterpret_cast<const char*>(this + 1); }

  std::uint16_t owner_size_;
  std::uint8_t key_size_;
  char tag_[envelope::tag_size];
  std::size_t hash_;
  std::size_t bytes_size_;
};

}  // namespace coatcheck
