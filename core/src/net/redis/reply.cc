// A flat reply, and hiredis' reader behind reply_reader: the only file that includes hiredis.
#include "net/redis/reply.hpp"

#include <algorithm>
#include <hiredis/hiredis.h>
#include <hiredis/read.h>
#include <type_traits>
#include <utility>

namespace coatcheck::net {

reply_type reply_view::type() const noexcept { return of_->nodes_[index_].type; }

std::string_view reply_view::text() const noexcept {
  const reply::node& node = of_->nodes_[index_];
  if (node.type != reply_type::text && node.type != reply_type::status && node.type != reply_type::error) {
    return {};
  }
  return std::string_view(of_->text_).substr(node.offset, static_cast<std::size_t>(node.measure));
}

std::int64_t reply_view::integer() const noexcept {
  const reply::node& node = of_->nodes_[index_];
  return node.type == reply_type::integer ? node.measure : 0;
}

std::size_t reply_view::size() const noexcept {
  const reply::node& node = of_->nodes_[index_];
  return node.type == reply_type::array ? static_cast<std::size_t>(node.measure) : 0;
}

reply_view reply_view::first() const noexcept { return {*of_, index_ + 1}; }

reply_view reply_view::next() const noexcept {
  if (size() == 0) {
    return {*of_, index_ + 1};
  }
  reply_view child = first();
  for (std::size_t i = 0; i < size(); ++i) {
    child = child.next();
  }
  return child;
}

bool reply_view::all_text() const noexcept {
  if (type() != reply_type::array) {
    return false;
  }
  reply_view child = *this;
  for (std::size_t i = 0; i < size(); ++i) {
    child = i == 0 ? first() : child.next();
    if (child.type() != reply_type::text) {
      return false;
    }
  }
  return true;
}

void reply::clear() noexcept {
  constexpr std::size_t keep = std::size_t{1} << 20;
  nodes_.clear();
  text_.clear();
  if (text_.capacity() > keep) {  // a rare large value must not stay allocated
    std::string().swap(text_);
  }
  if (nodes_.capacity() > keep / sizeof(node)) {
    std::vector<node>().swap(nodes_);
  }
}

namespace {

// hiredis wants a pointer per object; nobody looks behind it.
char object_made;

// Up to 0.14 the size of an array is an int, from 1.0 on a size_t.
using array_size = std::conditional_t<(HIREDIS_MAJOR >= 1), std::size_t, int>;

}  // namespace

// The reply that is being read. Its address is the reader's privdata, which every task carries.
struct reply_reader::impl {
  redisReader* reader = nullptr;
  reply partial;
  bool null_arrays = false;
  std::size_t fed = 0;           // bytes since the last complete reply
  const char* reason = nullptr;  // of our own refusal

  impl() = default;
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl() { stop(); }
  void stop() noexcept {
    if (reader != nullptr) {
      redisReaderFree(reader);
      reader = nullptr;
    }
  }

  // A null object makes hiredis stop for good.
  void* refuse(const char* why) {
    reason = why;
    return nullptr;
  }
  void* add(reply_type type, std::int64_t measure) {
    if (partial.nodes_.size() >= max_reply_nodes) {
      return refuse("a reply with too many elements");
    }
    partial.nodes_.push_back({type, partial.text_.size(), measure});
    return &object_made;
  }

  static impl& of(const redisReadTask* task) { return *static_cast<impl*>(task->privdata); }

  static void* text(const redisReadTask* task, char* bytes, std::size_t size) {
    impl& self = of(task);
    reply_type type = reply_type::text;
    switch (task->type) {
      case REDIS_REPLY_STRING:
        break;
      case REDIS_REPLY_STATUS:
        type = reply_type::status;
        break;
      case REDIS_REPLY_ERROR:
        type = reply_type::error;
        break;
      default:
        return self.refuse("a reply of a type that RESP2 does not have");
    }
    // hiredis skips the two bytes after a string; a stream that is out of step shows here first.
    if (bytes[size] != '\r' || bytes[size + 1] != '\n') {
      return self.refuse("a string that does not end where its length says");
    }
    void* const made = self.add(type, static_cast<std::int64_t>(size));
    if (made != nullptr) {
      self.partial.text_.append(bytes, size);
    }
    return made;
  }
  static void* array(const redisReadTask* task, array_size size) {
    impl& self = of(task);
    if (task->type != REDIS_REPLY_ARRAY) {
      return self.refuse("a reply of a type that RESP2 does not have");
    }
    if (static_cast<std::size_t>(size) > max_reply_nodes) {
      return self.refuse("a reply with too many elements");
    }
    return self.add(reply_type::array, static_cast<std::int64_t>(size));
  }
  static void* integer(const redisReadTask* task, long long value) { return of(task).add(reply_type::integer, value); }
  // RESP2 has two: the null bulk string is an absent value, the null array answers a question to sentinels alone.
  static void* nil(const redisReadTask* task) {
    if (task->type == REDIS_REPLY_STRING || (task->type == REDIS_REPLY_ARRAY && of(task).null_arrays)) {
      return of(task).add(reply_type::nil, 0);
    }
    return of(task).refuse(task->type == REDIS_REPLY_ARRAY ? "a null array, which answers no command"
                                                           : "a reply of a type that RESP2 does not have");
  }
  static void free_object(void*) {}

  void start() {
    static redisReplyObjectFunctions functions = [] {
      redisReplyObjectFunctions made{};
      made.createString = text;
      made.createArray = array;
      made.createInteger = integer;
      made.createNil = nil;
      made.freeObject = free_object;
#if HIREDIS_MAJOR >= 1
      made.createDouble = [](const redisReadTask* task, double, char*, std::size_t) {
        return of(task).refuse("a reply of a type that RESP2 does not have");
      };
      made.createBool = [](const redisReadTask* task, int) {
        return of(task).refuse("a reply of a type that RESP2 does not have");
      };
#endif
      return made;
    }();
    stop();
    reader = redisReaderCreateWithFunctions(&functions);
    if (reader != nullptr) {
      reader->privdata = this;
    }
    partial.clear();
    fed = 0;
    reason = nullptr;
  }
};

reply_reader::reply_reader(bool null_arrays) : impl_(std::make_unique<impl>()) { impl_->null_arrays = null_arrays; }
reply_reader::~reply_reader() = default;

void reply_reader::reset() {
  impl_->start();
  why_ = {};
}

void reply_reader::feed(std::string_view& bytes) {
  if (impl_->reader == nullptr) {
    impl_->start();
  }
  // hiredis moves the rest of its buffer for each KiB that was read: a small slice keeps that cheap. A value that
  // does not fit the slice is under way when something is left over: then larger ones spare calls.
  constexpr std::size_t slice = 4096;
  constexpr std::size_t large_slice = 65536;
  const std::size_t size = std::min(bytes.size(), impl_->fed == 0 ? slice : large_slice);
  if (impl_->reader == nullptr || redisReaderFeed(impl_->reader, bytes.data(), size) != REDIS_OK) {
    impl_->reason = "more than there is memory for";
  }
  impl_->fed += size;
  bytes.remove_prefix(size);
}

reply_reader::outcome reply_reader::next(reply& into) {
  if (impl_->reader == nullptr) {
    return outcome::more;
  }
  void* made = nullptr;
  if (impl_->reason == nullptr && redisReaderGetReply(impl_->reader, &made) == REDIS_OK) {
    if (made != nullptr) {
      std::swap(into, impl_->partial);
      impl_->partial.clear();
      impl_->fed = impl_->reader->len - impl_->reader->pos;
      return outcome::complete;
    }
    if (impl_->fed <= max_reply_bytes) {
      return outcome::more;
    }
    impl_->reason = "a reply that is too long";
  }
  // hiredis' own texts may quote bytes of the server: ours say it in general.
  why_ = impl_->reason != nullptr ? impl_->reason : "bytes that are not RESP2";
  impl_->reason = why_.data();
  return outcome::broken;
}

}  // namespace coatcheck::net
