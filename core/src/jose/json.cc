// The strict reader: RapidJSON tokenises, json_guard.hpp checks what it does not (duplicates, depth, surrogates).
#include "jose/json.hpp"

#include <rapidjson/reader.h>
#include <rapidjson/stream.h>
#include <vector>

#include "crypto/hmac.hpp"
#include "jose/json_guard.hpp"

namespace coatcheck::jose::json {
namespace {

struct rapid {
  guard<std::string_view>& to;
  bool Null() { return to.null(); }
  bool Bool(bool v) { return to.boolean(v); }
  // Numbers come as text: RapidJSON 1.1 turns them into doubles through a stack whose arithmetic on a null pointer
  // is undefined, and not exactly where that is left out.
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return to.number_text({text, size}); }
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }
  bool String(const char* text, rapidjson::SizeType size, bool) { return to.string({text, size}); }
  bool Key(const char* text, rapidjson::SizeType size, bool) { return to.name({text, size}); }
  bool StartObject() { return to.start(true); }
  bool EndObject(rapidjson::SizeType) { return to.end(true); }
  bool StartArray() { return to.start(false); }
  bool EndArray(rapidjson::SizeType) { return to.end(false); }
};

// Parsed in place, in a copy: names and strings are then views, and nothing is allocated once warm.
struct buffers {
  std::string text;
  std::vector<std::string_view> names;
};

verdict tokenise(std::string_view text, visitor& to, buffers& scratch) {
  scratch.text.assign(text);
  scratch.names.clear();
  guard<std::string_view> through(to, std::memchr(text.data(), '\\', text.size()) != nullptr, scratch.names);
  rapid handler{through};
  rapidjson::InsituStringStream stream(scratch.text.data());
  rapidjson::Reader reader;
  const auto done = reader.Parse<rapidjson::kParseInsituFlag | rapidjson::kParseValidateEncodingFlag |
                                 rapidjson::kParseNumbersAsStringsFlag>(stream, handler);
  crypto::wipe(scratch.text.data(), scratch.text.size());  // it may have been a private key
  if (scratch.text.capacity() > 64 * 1024) std::string().swap(scratch.text);
  if (!done.IsError()) return verdict::ok;
  if (done.Code() == rapidjson::kParseErrorTermination) return through.why();
  return done.Code() == rapidjson::kParseErrorNumberTooBig ? verdict::overflow : verdict::malformed;
}

// Builds a document. The stack holds the containers that are open.
class builder final : public visitor {
 public:
  bool on_key(std::string_view name, std::size_t) override {
    name_.assign(name);
    return true;
  }
  bool on_string(std::string_view v, std::size_t) override { return add(document(std::string(v))); }
  bool on_number(const number& v, std::size_t) override {
    switch (v.what) {
      case number::kind::integer:
        return add(document(v.integer));
      case number::kind::natural:
        return add(document(v.natural));
      case number::kind::real:
        break;
    }
    return add(document(v.real));
  }
  bool on_bool(bool v, std::size_t) override { return add(document(v)); }
  bool on_null(std::size_t) override { return add(document(nullptr)); }
  bool on_start(bool object, std::size_t) override {
    open_.emplace_back(std::move(name_), object ? document::object() : document::array());
    name_.clear();
    return true;
  }
  bool on_end(bool, std::size_t) override {
    auto [name, value] = std::move(open_.back());
    open_.pop_back();
    name_ = std::move(name);
    return add(std::move(value));
  }
  document take() { return std::move(top_); }

 private:
  bool add(document value) {
    if (open_.empty()) {
      top_ = std::move(value);
    } else if (document& into = open_.back().second; into.is_object()) {
      // Names are distinct (or the whole text is refused), so the look-up that operator[] makes is not needed.
      into.get_ref<document::object_t&>().emplace_back(std::move(name_), std::move(value));
      name_.clear();
    } else {
      into.push_back(std::move(value));
    }
    return true;
  }
  document top_;
  std::string name_;
  std::vector<std::pair<std::string, document>> open_;
};

}  // namespace

std::string_view describe(verdict v) noexcept {
  switch (v) {
    case verdict::ok:
      return "ok";
    case verdict::malformed:
      return "not valid JSON in UTF-8";
    case verdict::duplicate:
      return "a member appears twice";
    case verdict::too_deep:
      return "nested too deeply";
    case verdict::overflow:
      return "a number is out of the range of a double";
    case verdict::stopped:
      break;
  }
  return "not as expected";
}

verdict read(std::string_view text, visitor& to) {
  if (never_json(text)) return verdict::malformed;
  thread_local buffers warm;
  thread_local bool busy = false;
  if (busy) {  // a visitor that parses
    buffers own;
    return tokenise(text, to, own);
  }
  busy = true;
  const verdict found = tokenise(text, to, warm);
  busy = false;
  return found;
}

parsed parse(std::string_view text) {
  builder into;
  const verdict what = read(text, into);
  return {what == verdict::ok ? into.take() : document(), what};
}

std::optional<std::string> print(const document& value) {
  try {
    return value.dump(-1, ' ', false, document::error_handler_t::strict);
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += document(std::string(text)).dump(-1, ' ', false, document::error_handler_t::replace);
}

const document* member(const document& object, std::string_view name) noexcept {
  if (!object.is_object()) return nullptr;
  for (const auto& [key, value] : object.get_ref<const document::object_t&>()) {
    if (key == name) return &value;
  }
  return nullptr;
}

bool valid_utf8(std::string_view text) noexcept {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = at + text.size();
  const auto tail = [&](int n) {
    for (int i = 1; i <= n; ++i) {
      if (at + i >= end || (at[i] & 0xC0) != 0x80) return false;
    }
    return true;
  };
  while (at != end) {
    if (*at < 0x80) {
      ++at;
    } else if (*at >= 0xC2 && *at <= 0xDF && tail(1)) {
      at += 2;
    } else if ((*at & 0xF0) == 0xE0 && tail(2) && !(*at == 0xE0 && at[1] < 0xA0) && !(*at == 0xED && at[1] >= 0xA0)) {
      at += 3;
    } else if (*at >= 0xF0 && *at <= 0xF4 && tail(3) && !(*at == 0xF0 && at[1] < 0x90) &&
               !(*at == 0xF4 && at[1] >= 0x90)) {
      at += 4;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace coatcheck::jose::json
