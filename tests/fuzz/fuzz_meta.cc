// Replies of a Memcached server: any bytes, cut anywhere, never crash the reader, and read the same however they are
// cut.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/memcached/reply.hpp"

namespace {

using namespace coatcheck::net;

std::string read(std::string_view bytes, std::size_t cut) {
  std::string out;
  meta_reader reader;
  for (std::string_view piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
    while (!piece.empty()) {
      meta_reply got;
      const auto next = reader.next(piece, got);
      if (next == meta_reader::outcome::more) break;
      if (next == meta_reader::outcome::broken) return out + "!";
      out += static_cast<char>('0' + static_cast<int>(got.code));
      out += std::to_string(got.cas) + ' ' + std::to_string(got.flags) + ' ' + std::to_string(got.opaque) + ' ';
      out += got.value;
      out += std::to_string(stat_number(got.value, "bytes", 1)) + ';';
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = read(bytes, 0);
  if (size > 0 && read(bytes, data[size - 1] % size) != whole) {
    std::abort();
  }
  return 0;
}
