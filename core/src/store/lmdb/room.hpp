// How much of a store file is in use, and whether a session may still grow it.
//
// LMDB copies pages before it changes them, so that even a removal needs free pages: in a map that is full to the
// last page nobody can log out. So the map is larger than `map_size`, and a write that makes a session larger is
// refused (MDB_MAP_FULL) when the pages in use reach `map_size`. Removals, touches and writes that do not grow go on.
//
// Thread safety: room belongs to whoever holds LMDB's write transaction in this process.
#pragma once

#include <cstdint>
#include <lmdb.h>
#include <vector>

namespace coatcheck {

// What LMDB maps for a store of that many bytes.
[[nodiscard]] constexpr std::uint64_t mapped_size(std::uint64_t map_size) noexcept {
  constexpr std::uint64_t unit = 65536;  // a multiple of every page size
  const std::uint64_t reserve = (2ULL << 20) + map_size / 32;
  return (map_size + reserve + unit - 1) / unit * unit;
}

// Marks the pages that LMDB's free list holds. `free` is as long as the file has pages.
[[nodiscard]] int mark_free_pages(MDB_env* env, std::vector<bool>& free);

class lmdb_room {
 public:
  lmdb_room(MDB_env* env, std::uint64_t map_size) noexcept : env_(env), map_size_(map_size) {}

  // 0, or MDB_MAP_FULL, or another LMDB error. `bytes`: what the write adds.
  [[nodiscard]] int ask(std::size_t bytes);

 private:
  [[nodiscard]] int count();

  MDB_env* const env_;
  const std::uint64_t map_size_;
  // Bytes that may be added before the pages are counted again. Other processes add to the file, too, so a count
  // allows for a share of what is left.
  std::int64_t budget_ = 0;
};

}  // namespace coatcheck
