// Replies of a Redis server: any bytes, cut anywhere, never crash the reader, and read the same however they are cut.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/redis/reply.hpp"

namespace {

using namespace coatcheck::net;

void print(reply_view view, std::string& out) {
  out += static_cast<char>('0' + static_cast<int>(view.type()));
  out += view.text();
  out += std::to_string(view.integer());
  reply_view item = view;
  for (std::size_t i = 0; i < view.size(); ++i) {
    item = i == 0 ? view.first() : item.next();
    print(item, out);
  }
  out += ';';
}

std::string read(std::string_view bytes, std::size_t cut) {
  std::string out;
  reply_reader reader;
  reply value;
  for (std::string_view piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
    while (!piece.empty()) {
      reader.feed(piece);
      auto next = reader.next(value);
      for (; next == reply_reader::outcome::complete; next = reader.next(value)) {
        print(value.root(), out);
      }
      if (next == reply_reader::outcome::broken) {
        return out + "!";
      }
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
