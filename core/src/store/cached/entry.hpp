// What a cache-aside store keeps in its cache: copies of the origin's values, that a key is absent, and marks which say
// that whoever wants to know must ask the origin. docs/formats.md, "Cache".
//
// Thread safety: free functions on values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "coatcheck/store.hpp"

namespace coatcheck::cached_entry {

enum class kind : char { value = 'v', absent = 'a', mark = 'd' };

// Views into the text that was decoded.
struct view {
  kind what = kind::mark;
  epoch_ms read_at = 0;     // when the origin said so, or before
  duration_ms life = 0;     // for how long after it that is believed
  epoch_ms expires_at = 0;  // of value: the origin's, as the rest
  std::string_view tag;
  std::string_view bytes;

  [[nodiscard]] bool fresh(epoch_ms now) const noexcept {
    return what != kind::mark && now < later(read_at, life) && (what == kind::absent || now < expires_at);
  }
};

// None: it is not one of ours.
[[nodiscard]] std::optional<view> decode(std::string_view text) noexcept;

inline constexpr std::string_view mark = "ct1d";
[[nodiscard]] std::string encode_absent(epoch_ms read_at, duration_ms life);

// An entry for `bytes`, made before the rest is known: the bytes are copied once. They come first, so that a hit is cut
// to what its reader gets, and nothing of it is moved.
class value_text {
 public:
  static constexpr std::size_t max_tail = etag::max_size + 1 + 6 + 4 + 6 + 4;
  value_text() = default;
  explicit value_text(std::string_view bytes);
  // The whole entry; valid until the next call.
  [[nodiscard]] std::string_view with(epoch_ms read_at, duration_ms life, epoch_ms expires_at,
                                      const etag& tag) noexcept;
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

 private:
  std::string text_;
  std::size_t size_ = 0;  // of the bytes
};

// The same in place: `into` holds the text that `entry` is a view of.
void make_value(const view& entry, stored_value& into);
// What a found entry is to whoever reads the store. Takes the string, of which `entry` is a view.
[[nodiscard]] stored_value to_value(const view& entry, std::string&& text);

}  // namespace coatcheck::cached_entry
