// One reply of a Memcached server to a meta command (memcached 1.6, doc/protocol.txt), and the reader that makes
// replies from bytes.
//
// A value that lies in one piece in the bytes that came is read where it is; one that was cut is put together once.
//
// Strict: a line that no meta command is answered with, a flag that was not asked for, a number that is none, and what
// passes the limits is a protocol error, after which the reader says nothing any more.
//
// Thread safety: none; one loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace coatcheck::net {

inline constexpr std::size_t max_meta_line = 2048;
inline constexpr std::size_t max_meta_value = std::size_t{8} << 20;
inline constexpr std::size_t max_meta_stats = std::size_t{64} << 10;

enum class meta_code : std::uint8_t {
  value,       // VA: an item, with its value
  done,        // HD
  miss,        // EN: no such item, to a read
  not_found,   // NF: no such item, to a write
  not_stored,  // NS: there is one
  exists,      // EX: another version is there
  noop,        // MN
  ok,          // OK, to flush_all
  stats,       // STAT lines and END
  error,       // ERROR, CLIENT_ERROR, SERVER_ERROR
  stored,      // STORED, to a login
};

// The views are valid until the reader is asked again.
struct meta_reply {
  meta_code code = meta_code::error;
  std::string_view value;  // of `value`; of `stats` the lines, each with its "STAT "; of `error` the line
  std::uint64_t cas = 0;   // c; 0: none was given
  std::uint32_t flags = 0;
  std::uint32_t opaque = 0;  // O; 0: none was given
};

// A number among STAT lines; `fallback` where there is none of that name.
[[nodiscard]] std::uint64_t stat_number(std::string_view lines, std::string_view name, std::uint64_t fallback) noexcept;
// A word among STAT lines; empty where there is none of that name.
[[nodiscard]] std::string_view stat_word(std::string_view lines, std::string_view name) noexcept;

class meta_reader {
 public:
  enum class outcome : std::uint8_t { complete, more, broken };

  // Forgets everything, also an error: for a new connection.
  void reset();
  // Takes what belongs to the next reply off the front of `bytes`. complete: `into` holds it, and views `bytes` or the
  // reader. more: all of `bytes` was taken. broken: `why` says what is wrong; only reset() helps.
  [[nodiscard]] outcome next(std::string_view& bytes, meta_reply& into);
  // What broke the protocol; never holds bytes that came from the server.
  [[nodiscard]] std::string_view why() const noexcept { return why_; }

 private:
  // The next line without its end; false: it is not complete yet, or broken (why_).
  [[nodiscard]] bool take_line(std::string_view& bytes, std::string_view& line);
  [[nodiscard]] outcome take_value(std::string_view& bytes, meta_reply& into);
  [[nodiscard]] outcome broken(std::string_view why) noexcept {
    why_ = why;
    return outcome::broken;
  }

  std::string held_;           // a line or a value that was cut
  bool held_is_done_ = false;  // what it holds was given out
  std::string stats_;          // STAT lines so far
  bool stats_are_done_ = false;
  meta_reply partial_;  // of a value that was cut: what its line said
  std::size_t value_size_ = 0;
  bool in_value_ = false;
  std::string_view why_;
};

}  // namespace coatcheck::net
