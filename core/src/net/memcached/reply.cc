// Lines and values of the meta protocol: see reply.hpp here.
#include "net/memcached/reply.hpp"

#include <algorithm>
#include <charconv>

namespace coatcheck::net {
namespace {

template <class Number>
bool read_number(std::string_view text, Number& out, int base = 10) noexcept {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return failed == std::errc() && end == text.data() + text.size() && !text.empty();
}

// The word up to the next space, which goes, too.
std::string_view take_word(std::string_view& line) noexcept {
  const auto space = line.find(' ');
  const auto word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

struct code_word {
  std::string_view word;
  meta_code code;
};
constexpr code_word code_words[] = {
    {"VA", meta_code::value},      {"HD", meta_code::done},   {"EN", meta_code::miss}, {"NF", meta_code::not_found},
    {"NS", meta_code::not_stored}, {"EX", meta_code::exists}, {"MN", meta_code::noop},
};

// Flags that a reply may carry: those of our commands, and W, X and Z, by which a client may have marked an item.
bool read_flags(std::string_view line, meta_reply& into) noexcept {
  unsigned seen = 0;
  if (line.ends_with(' ')) return false;
  while (!line.empty()) {
    const auto word = take_word(line);
    if (word.empty()) return false;
    const auto text = word.substr(1);
    const unsigned bit = word[0] >= 'A' && word[0] <= 'Z' ? 1U << (word[0] - 'A') : 0;
    const unsigned low = word[0] == 'c' ? 1U << 26 : word[0] == 'f' ? 1U << 27 : bit;
    if ((seen & low) != 0) return false;
    seen |= low;
    switch (word[0]) {
      case 'c':
        if (!read_number(text, into.cas)) return false;
        break;
      case 'f':
        if (!read_number(text, into.flags)) return false;
        break;
      case 'O':
        if (!read_number(text, into.opaque, 16)) return false;
        break;
      case 'W':
      case 'X':
      case 'Z':
        if (!text.empty()) return false;
        break;
      default:
        return false;
    }
  }
  return true;
}

bool is_error_line(std::string_view line) noexcept {
  return line == "ERROR" || line.starts_with("ERROR ") || line.starts_with("CLIENT_ERROR ") ||
         line.starts_with("SERVER_ERROR ");
}

}  // namespace

std::string_view stat_word(std::string_view lines, std::string_view name) noexcept {
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    auto line = lines.substr(0, end);
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
    take_word(line);  // STAT
    if (take_word(line) == name) return line;
  }
  return {};
}

std::uint64_t stat_number(std::string_view lines, std::string_view name, std::uint64_t fallback) noexcept {
  std::uint64_t number = 0;
  return read_number(stat_word(lines, name), number) ? number : fallback;
}

void meta_reader::reset() {
  held_.clear();
  stats_.clear();
  held_is_done_ = stats_are_done_ = in_value_ = false;
  why_ = {};
}

bool meta_reader::take_line(std::string_view& bytes, std::string_view& line) {
  const auto end = bytes.substr(0, max_meta_line).find('\n');
  const std::size_t taken = end == std::string_view::npos ? std::min(bytes.size(), max_meta_line) : end + 1;
  if (held_.size() + taken > max_meta_line || (end == std::string_view::npos && taken == max_meta_line)) {
    why_ = "a line without an end";
    return false;
  }
  std::string_view whole = bytes.substr(0, taken);
  if (end == std::string_view::npos || !held_.empty()) {
    held_.append(whole);
    whole = held_;
  }
  bytes.remove_prefix(taken);
  if (end == std::string_view::npos) return false;
  held_is_done_ = true;
  if (whole.size() < 2 || whole[whole.size() - 2] != '\r') {
    why_ = "a line that does not end as Memcached's do";
    return false;
  }
  line = whole.substr(0, whole.size() - 2);
  return true;
}

meta_reader::outcome meta_reader::take_value(std::string_view& bytes, meta_reply& into) {
  const std::size_t wanted = value_size_ + 2;
  std::string_view whole;
  if (held_.empty() && bytes.size() >= wanted) {
    whole = bytes.substr(0, wanted);
    bytes.remove_prefix(wanted);
  } else {
    const std::size_t taken = std::min(wanted - held_.size(), bytes.size());
    held_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (held_.size() < wanted) return outcome::more;
    whole = held_;
    held_is_done_ = true;
  }
  in_value_ = false;
  if (whole.substr(value_size_) != "\r\n") return broken("a value that is longer or shorter than it says");
  into = partial_;
  into.value = whole.substr(0, value_size_);
  return outcome::complete;
}

meta_reader::outcome meta_reader::next(std::string_view& bytes, meta_reply& into) {
  constexpr std::size_t keep = std::size_t{1} << 20;
  if (!why_.empty()) return outcome::broken;
  if (stats_are_done_) {
    stats_are_done_ = false;
    stats_.clear();
  }
  for (;;) {
    if (held_is_done_) {
      held_is_done_ = false;
      held_.clear();
      if (held_.capacity() > keep) std::string().swap(held_);
    }
    if (in_value_) return take_value(bytes, into);
    std::string_view line;
    if (!take_line(bytes, line)) return why_.empty() ? outcome::more : outcome::broken;
    if (line.starts_with("STAT ")) {
      if (stats_.size() + line.size() + 1 > max_meta_stats) return broken("more statistics than a server has");
      stats_.append(line).push_back('\n');
      continue;
    }
    into = {};
    if (line == "END") {
      into.code = meta_code::stats;
      into.value = stats_;
      stats_are_done_ = true;
      return outcome::complete;
    }
    if (!stats_.empty()) return broken("statistics without an end");
    if (line == "OK" || line == "STORED") {
      into.code = line == "OK" ? meta_code::ok : meta_code::stored;
      return outcome::complete;
    }
    if (is_error_line(line)) {
      into.code = meta_code::error;
      into.value = line;
      return outcome::complete;
    }
    const auto word = take_word(line);
    const auto* const known = std::find_if(std::begin(code_words), std::end(code_words),
                                           [&](const code_word& one) { return one.word == word; });
    if (known == std::end(code_words)) return broken("a line that is none of its protocol's");
    into.code = known->code;
    if (into.code == meta_code::value) {
      if (!read_number(take_word(line), value_size_)) return broken("a value without a size");
      if (value_size_ > max_meta_value) return broken("a value of more than 8 MiB");
    }
    if (!read_flags(line, into)) return broken("a reply with a flag that was not asked for");
    if (into.code != meta_code::value) return outcome::complete;
    partial_ = into;
    in_value_ = true;
  }
}

}  // namespace coatcheck::net
