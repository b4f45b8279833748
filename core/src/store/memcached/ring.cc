// MD5, and the points of libmemcached's circle: see ring.hpp.
#include "store/memcached/ring.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace coatcheck {
namespace {

constexpr std::uint16_t port_left_out = 11211;
constexpr unsigned points_of_a_digest = 4;
constexpr float digests_of_a_node = 40;

std::uint32_t little_endian(const std::uint8_t* bytes) noexcept {
  return static_cast<std::uint32_t>(bytes[0]) | static_cast<std::uint32_t>(bytes[1]) << 8 |
         static_cast<std::uint32_t>(bytes[2]) << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
}

// RFC 1321, 3.4: the integer part of 4294967296 times abs(sin(i + 1)).
const std::array<std::uint32_t, 64>& sines() noexcept {
  static const auto table = [] {
    std::array<std::uint32_t, 64> made{};
    for (std::size_t i = 0; i < made.size(); ++i) {
      made[i] = static_cast<std::uint32_t>(std::floor(4294967296.0 * std::fabs(std::sin(static_cast<double>(i + 1)))));
    }
    return made;
  }();
  return table;
}

void md5_block(const std::uint8_t* block, std::array<std::uint32_t, 4>& state) noexcept {
  static constexpr int shifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  const auto& sine = sines();
  std::uint32_t words[16];
  for (std::size_t i = 0; i < 16; ++i) words[i] = little_endian(block + 4 * i);
  auto [a, b, c, d] = state;
  for (std::size_t i = 0; i < 64; ++i) {
    const std::size_t round = i / 16;
    std::uint32_t mixed = 0;
    std::size_t word = 0;
    switch (round) {
      case 0:
        mixed = (b & c) | (~b & d);
        word = i;
        break;
      case 1:
        mixed = (d & b) | (~d & c);
        word = (5 * i + 1) % 16;
        break;
      case 2:
        mixed = b ^ c ^ d;
        word = (3 * i + 5) % 16;
        break;
      default:
        mixed = c ^ (b | ~d);
        word = 7 * i % 16;
    }
    const std::uint32_t turned = b + std::rotl(a + mixed + sine[i] + words[word], shifts[round][i % 4]);
    a = d;
    d = c;
    c = b;
    b = turned;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

}  // namespace

std::array<std::uint8_t, 16> md5(std::string_view bytes) noexcept {
  std::array<std::uint32_t, 4> state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  const auto* const data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const std::size_t whole = bytes.size() / 64 * 64;
  for (std::size_t at = 0; at < whole; at += 64) md5_block(data + at, state);
  // The rest, one bit, zeros, and the number of bits.
  std::uint8_t last[128] = {};
  const std::size_t rest = bytes.size() - whole;
  if (rest != 0) std::memcpy(last, data + whole, rest);
  last[rest] = 0x80;
  const std::size_t size = rest < 56 ? 64 : 128;
  const std::uint64_t bits = static_cast<std::uint64_t>(bytes.size()) * 8;
  for (std::size_t i = 0; i < 8; ++i) last[size - 8 + i] = static_cast<std::uint8_t>(bits >> (8 * i));
  for (std::size_t at = 0; at < size; at += 64) md5_block(last + at, state);
  std::array<std::uint8_t, 16> out;
  for (std::size_t i = 0; i < 16; ++i) out[i] = static_cast<std::uint8_t>(state[i / 4] >> (8 * (i % 4)));
  return out;
}

ketama_ring::ketama_ring(const std::vector<ring_node>& nodes) : single_(nodes.size() == 1) {
  if (single_) {
    points_.push_back({0, 0});
    return;
  }
  std::uint64_t total = 0;
  for (const auto& node : nodes) total += node.weight;
  for (std::size_t index = 0; index < nodes.size(); ++index) {
    const auto& node = nodes[index];
    // In float, and with its little extra, as libmemcached computes it: a rounding apart is another circle.
    const float share = static_cast<float>(node.weight) / static_cast<float>(total);
    const auto digests = static_cast<unsigned>(std::floor(static_cast<float>(
        static_cast<double>(share * digests_of_a_node * static_cast<float>(nodes.size())) + 0.0000000001)));
    std::string name = node.host;
    if (node.port != port_left_out) name += ":" + std::to_string(node.port);
    for (unsigned number = 0; number < digests; ++number) {
      const auto digest = md5(name + "-" + std::to_string(number));
      for (unsigned i = 0; i < points_of_a_digest; ++i) {
        points_.push_back({little_endian(digest.data() + std::size_t{4} * i), static_cast<std::uint32_t>(index)});
      }
    }
  }
  std::stable_sort(points_.begin(), points_.end(), [](const point& a, const point& b) { return a.value < b.value; });
}

std::size_t ketama_ring::place_of(std::string_view name) const noexcept {
  const std::uint32_t at = little_endian(md5(name).data());
  const auto found = std::lower_bound(points_.begin(), points_.end(), at,
                                      [](const point& one, std::uint32_t value) { return one.value < value; });
  return found == points_.end() ? 0 : static_cast<std::size_t>(found - points_.begin());
}

}  // namespace coatcheck
