// One-shot calls of zlib.
#include "peers/zlib_text.hpp"

#include <algorithm>
#include <limits>
#include <zlib.h>

namespace coatcheck::peers {

namespace {

// Making one takes 256 KiB and as long as packing a cookie, so each thread keeps its own.
class packer {
 public:
  packer() noexcept { ready_ = deflateInit(&stream_, Z_DEFAULT_COMPRESSION) == Z_OK; }
  ~packer() {
    if (ready_) deflateEnd(&stream_);
  }
  packer(const packer&) = delete;
  packer& operator=(const packer&) = delete;
  [[nodiscard]] z_stream* fresh() noexcept { return ready_ && deflateReset(&stream_) == Z_OK ? &stream_ : nullptr; }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

// zlib takes its input without const, and does not write to it.
Bytef* input(std::string_view text) noexcept { return reinterpret_cast<Bytef*>(const_cast<char*>(text.data())); }

}  // namespace

std::optional<std::string> pack(std::string_view text) {
  thread_local packer kept;
  z_stream* const stream = kept.fresh();
  if (stream == nullptr || text.size() > std::numeric_limits<uInt>::max() / 2) return std::nullopt;
  std::string out(deflateBound(stream, static_cast<uLong>(text.size())), '\0');
  stream->next_in = input(text);
  stream->avail_in = static_cast<uInt>(text.size());
  stream->next_out = reinterpret_cast<Bytef*>(out.data());
  stream->avail_out = static_cast<uInt>(out.size());
  if (deflate(stream, Z_FINISH) != Z_STREAM_END) return std::nullopt;
  out.resize(out.size() - stream->avail_out);
  return out;
}

unpacked unpack(std::string_view packed, std::size_t most, std::string& out) {
  out.clear();
  if (packed.empty() || packed.size() > std::numeric_limits<uInt>::max()) return unpacked::damaged;
  z_stream stream{};
  stream.next_in = input(packed);
  stream.avail_in = static_cast<uInt>(packed.size());
  if (inflateInit(&stream) != Z_OK) return unpacked::damaged;
  int status = Z_OK;
  std::size_t made = 0;
  // One byte over the bound tells a text that is too large from one that just fits.
  while (status == Z_OK && made <= most) {
    out.resize(std::min(most + 1, std::max<std::size_t>(2 * made, 4 * packed.size() + 64)));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + made);
    stream.avail_out = static_cast<uInt>(out.size() - made);
    status = inflate(&stream, Z_NO_FLUSH);
    made = out.size() - stream.avail_out;
    if (status == Z_BUF_ERROR && stream.avail_out == 0) status = Z_OK;
  }
  const bool whole = status == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  if (made > most) return unpacked::too_large;
  if (!whole) return unpacked::damaged;
  out.resize(made);
  return unpacked::whole;
}

}  // namespace coatcheck::peers
