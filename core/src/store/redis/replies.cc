// Replies as results, strictly: see redis/replies.hpp.
#include "store/redis/replies.hpp"

#include "net/link.hpp"
#include "store/envelope.hpp"
#include "store/redis/names.hpp"

namespace coatcheck {
namespace {

using net::answer;
using net::reply_type;
using net::reply_view;

error damaged() { return {errc::record_damaged, "a value in Redis is damaged: its header is not one of coatcheck's"}; }

// For results that have no value when there is no reply: sets `why` and says that all is decoded.
template <class R>
bool failed(const answer& given, R& out) {
  if (given) {
    return false;
  }
  out.why = to_error(given);
  return true;
}

// False when it is not an array of texts alone.
template <class Take>
bool each_text(reply_view array, Take take) {
  if (!array.all_text()) {
    return false;
  }
  reply_view item = array;
  for (std::size_t i = 0; i < array.size(); ++i) {
    item = i == 0 ? array.first() : item.next();
    take(item.text());
  }
  return true;
}

// "0" is SCAN's word for the end.
bool take_cursor(reply_view item, std::string& cursor) {
  if (item.type() != reply_type::text || item.text().empty() || !valid_cursor(item.text())) {
    return false;
  }
  cursor = item.text() == "0" ? std::string_view() : item.text();
  return true;
}

}  // namespace

error to_error(const answer& given) {
  if (given.refused_word == "WRONGTYPE") {
    return {errc::record_damaged, std::string(given.why)};
  }
  return {given.code, std::string(given.why)};
}

error unfit_reply(const answer& given) {
  if (given.from != nullptr) {
    given.from->distrust();
  }
  return {errc::store_protocol, "Redis sent a reply that does not fit its command; the connection was dropped"};
}

bool decode_get(const answer& given, epoch_ms now, get_result& out) {
  if (failed(given, out)) {
    return true;
  }
  const reply_view root = given.value->root();
  if (root.type() == reply_type::nil) {
    out.status = get_status::absent;
    return true;
  }
  if (root.type() != reply_type::text) {
    return false;
  }
  const auto entry = envelope::decode(root.text());
  if (!entry) {
    out.why = damaged();
  } else if (entry->expires_at <= now) {
    out.status = get_status::absent;
  } else {
    out.status = get_status::found;
    out.value = envelope::to_value(*entry);
  }
  return true;
}

bool decode_put(const answer& given, const etag& tag, put_result& out) {
  if (failed(given, out)) {
    return true;
  }
  const reply_view root = given.value->root();
  if (root.type() == reply_type::integer && root.integer() == 1) {
    out.status = put_status::stored;
    out.tag = tag;
    return true;
  }
  if (root.type() == reply_type::integer && root.integer() == 0) {
    out.status = put_status::gone;
    return true;
  }
  if (root.type() != reply_type::text) {
    return false;
  }
  const auto entry = envelope::decode(root.text());
  if (!entry) {
    out.why = damaged();
    return true;
  }
  out.status = put_status::conflict;
  out.current = envelope::to_value(*entry);
  return true;
}

std::string_view owner_in(const answer& given) {
  return given && given.value->root().type() == reply_type::text ? given.value->root().text() : std::string_view();
}

bool decode_touch(const answer& given, touch_result& out) {
  if (failed(given, out)) {
    return true;
  }
  const reply_view root = given.value->root();
  if (!owner_in(given).empty()) {
    out.status = touch_status::touched;
    return true;
  }
  if (root.type() != reply_type::integer || root.integer() < -1 || root.integer() > 1) {
    return false;
  }
  if (root.integer() == -1) {
    out.why = damaged();
  } else {
    out.status = root.integer() == 1 ? touch_status::touched : touch_status::gone;
  }
  return true;
}

bool decode_remove(const answer& given, remove_result& out) {
  if (failed(given, out)) {
    return true;
  }
  const reply_view root = given.value->root();
  if (!owner_in(given).empty()) {
    out.status = remove_status::removed;
    return true;
  }
  if (root.type() != reply_type::integer || root.integer() < 0 || root.integer() > 1) {
    return false;
  }
  out.status = root.integer() == 1 ? remove_status::removed : remove_status::absent;
  return true;
}

bool take_keys(reply_view array, std::vector<std::string>& keys) {
  return each_text(array, [&](std::string_view text) {
    if (valid_key(text)) {
      keys.emplace_back(text);
    }
  });
}

bool take_page(reply_view page, const redis_names& names, std::string& cursor, std::vector<std::string>& keys) {
  if (page.size() != 2 || !take_cursor(page.first(), cursor)) {
    return false;
  }
  return each_text(page.first().next(), [&](std::string_view name) {
    if (const auto key = names.key_of(name); !key.empty()) {
      keys.emplace_back(key);
    }
  });
}

bool decode_pong(const answer& given, count_result& out) {
  if (failed(given, out)) {
    return true;
  }
  const reply_view root = given.value->root();
  out.known = root.type() == reply_type::status && root.text() == "PONG";
  return out.known;
}

}  // namespace coatcheck
