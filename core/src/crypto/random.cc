// Random bytes: getrandom(2) behind a buffer of 4 KiB per thread, so that an id costs no system call of its own.
#include "crypto/random.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <pthread.h>
#include <sys/random.h>
#include <unistd.h>

#include "crypto/hmac.hpp"

namespace coatcheck::crypto {
namespace {

bool system_random(void* out, std::size_t size) noexcept {
  auto* at = static_cast<unsigned char*>(out);
  while (size > 0) {
#ifdef __linux__
    const ssize_t got = getrandom(at, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    const auto step = static_cast<std::size_t>(got);
#else
    const std::size_t step = std::min<std::size_t>(size, 256);  // getentropy's own limit
    if (getentropy(at, step) != 0) return false;
#endif
    at += step;
    size -= step;
  }
  return true;
}

std::atomic<random_source> source{system_random};
// Starts at 1: a thread's buffer starts at 0, and so as one of another generation.
std::atomic<unsigned> generation{1};

void new_generation() noexcept { generation.fetch_add(1, std::memory_order_relaxed); }

unsigned current_generation() noexcept {
  // Registered on first use, for a buffer that was never filled needs no watch.
  static const int registered = pthread_atfork(nullptr, nullptr, new_generation);
  (void)registered;
  return generation.load(std::memory_order_relaxed);
}

struct buffer {
  std::array<unsigned char, 4096> bytes;
  std::size_t left = 0;  // unused bytes, at the front
  unsigned generation = 0;

  ~buffer() { wipe(bytes.data(), bytes.size()); }

  bool take(void* out, std::size_t size) noexcept {
    const unsigned now = current_generation();
    if (generation != now || left < size) {
      left = 0;
      if (!source.load(std::memory_order_relaxed)(bytes.data(), bytes.size())) return false;
      left = bytes.size();
      generation = now;
    }
    left -= size;
    std::memcpy(out, bytes.data() + left, size);
    wipe(bytes.data() + left, size);
    return true;
  }
};

}  // namespace

bool random_bytes(void* out, std::size_t size) noexcept {
  if (size == 0) return true;
  bool ok;
  if (size > sizeof(buffer::bytes) / 4) {
    ok = source.load(std::memory_order_relaxed)(out, size);  // large: the buffer would only be a copy more
  } else {
    thread_local buffer mine;
    ok = mine.take(out, size);
  }
  if (!ok) std::memset(out, 0, size);
  return ok;
}

unsigned fork_generation() noexcept { return current_generation(); }

random_source replace_random_source(random_source other) noexcept {
  const random_source before = source.exchange(other != nullptr ? other : system_random);
  new_generation();
  return before;
}

}  // namespace coatcheck::crypto
