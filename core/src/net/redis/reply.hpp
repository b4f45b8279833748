// One reply of a Redis server (RESP2), and the reader that makes replies from bytes.
//
// The reader is hiredis' own, with our object functions: no tree of allocated nodes is built. A reply is a flat
// list of nodes in the order of the wire and one buffer of text, both reused from reply to reply.
//
// Strict: what RESP2 does not allow, RESP3 types included, and what passes the limits is a protocol error, after
// which the reader says nothing any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace coatcheck::net {

inline constexpr std::size_t max_reply_bytes = std::size_t{8} << 20;
inline constexpr std::size_t max_reply_nodes = std::size_t{1} << 20;
inline constexpr int max_reply_depth = 7;

enum class reply_type : std::uint8_t { text, status, error, integer, nil, array };

class reply;

// One node of a reply. Valid until the reply is read into again.
class reply_view {
 public:
  [[nodiscard]] reply_type type() const noexcept;
  [[nodiscard]] std::string_view text() const noexcept;  // of text, status and error; else empty
  [[nodiscard]] std::int64_t integer() const noexcept;   // of integer; else 0
  [[nodiscard]] std::size_t size() const noexcept;       // elements of array; else 0
  [[nodiscard]] reply_view first() const noexcept;       // REQUIRES: size() > 0
  [[nodiscard]] reply_view next() const noexcept;        // the sibling after; REQUIRES: there is one
  [[nodiscard]] bool all_text() const noexcept;          // an array of texts alone (also an empty one)

 private:
  friend class reply;
  reply_view(const reply& of, std::size_t index) noexcept : of_(&of), index_(index) {}
  const reply* of_;
  std::size_t index_;
};

class reply {
 public:
  [[nodiscard]] reply_view root() const noexcept { return {*this, 0}; }

 private:
  friend class reply_view;
  friend class reply_reader;
  struct node {
    reply_type type;
    std::size_t offset;    // of text in text_
    std::int64_t measure;  // bytes of text, elements of array, or the integer
  };
  void clear() noexcept;
  std::vector<node> nodes_;
  std::string text_;
};

class reply_reader {
 public:
  enum class outcome : std::uint8_t { complete, more, broken };

  // `null_arrays`: one is a reply, nil, and no protocol error.
  explicit reply_reader(bool null_arrays = false);
  ~reply_reader();
  reply_reader(const reply_reader&) = delete;
  reply_reader& operator=(const reply_reader&) = delete;

  // Forgets everything, also an error: for a new connection.
  void reset();
  // Takes some bytes of `bytes` in (all of them, or a slice) and drops them from the view.
  void feed(std::string_view& bytes);
  // complete: `into` holds the next reply. more: feed first. broken: `why` says what is wrong; only reset() helps.
  [[nodiscard]] outcome next(reply& into);
  // What broke the protocol; never holds bytes that came from the server.
  [[nodiscard]] std::string_view why() const noexcept { return why_; }

  struct impl;

 private:
  std::unique_ptr<impl> impl_;
  std::string_view why_;
};

}  // namespace coatcheck::net
