// A walk of all keys of a cluster, master by master: see cluster.hpp.
#include <algorithm>
#include <charconv>
#include <utility>

#include "net/redis/cluster.hpp"

namespace coatcheck::net {
namespace {

constexpr std::size_t most_scans = 1024;
constexpr std::size_t id_digits = 8;

// "<own>-<slot>-<id>"
struct place {
  std::string_view own;
  unsigned slot = 0;
  std::string_view id;
};

bool parse_place(std::string_view cursor, place& out) {
  const auto first = cursor.find('-');
  const auto second = cursor.find('-', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos) return false;
  const auto slot = cursor.substr(first + 1, second - first - 1);
  const auto [end, failed] = std::from_chars(slot.data(), slot.data() + slot.size(), out.slot);
  out.own = cursor.substr(0, first);
  out.id = cursor.substr(second + 1);
  return failed == std::errc() && end == slot.data() + slot.size() && out.slot < slot_count;
}

std::string make_cursor(std::string_view own, unsigned slot, std::string_view id) {
  return std::string(own) + "-" + std::to_string(slot) + "-" + std::string(id.substr(0, id_digits));
}

}  // namespace

redis_cluster::node* redis_cluster::master_at_or_after(unsigned first) const noexcept {
  const auto found =
      std::find_if(masters_.begin(), masters_.end(), [&](const node* one) { return one->lowest >= first; });
  return found == masters_.end() ? nullptr : *found;
}

void redis_cluster::scan(reply_handler done, steady_ms deadline, std::string_view cursor, std::size_t count,
                         std::string_view arguments) {
  if (closed_) return done(answer::none({errc::store_closed, "the store is closed"}));
  after_fork();
  scan_start what{done, deadline, std::string(cursor), count, std::string(arguments)};
  if (known_) return send_scan(what);
  if (scans_.size() >= most_scans) {
    return answer_later(done, {errc::store_overloaded, "too many walks wait for the Redis cluster"});
  }
  scans_.push_back(std::move(what));
  want_map();
  loop_.update(*this);
}

void redis_cluster::send_scan(const scan_start& what) {
  place at;
  node* to = masters_.front();
  if (!what.cursor.empty()) {
    if (!parse_place(what.cursor, at))
      return answer_later(what.done, {errc::store_refused, "the cursor is none of a Redis cluster"});
    to = slots_[at.slot];
    if (to == nullptr) to = master_at_or_after(at.slot);
    if (to == nullptr)
      return answer_later(what.done, {errc::store_unavailable, "no node of the Redis cluster serves the walk's slot"});
    if (std::string_view(to->id).substr(0, id_digits) != at.id) at.own = {};  // another server: its cursors differ
  }
  if (to->link->troubled()) want_map();
  submit_scan(*to->link, what.done, what.deadline, at.own, what.count, what.arguments);
}

std::string redis_cluster::cursor_after(std::string_view cursor, const answer& given, std::string_view own) {
  place at;
  const bool begun = !cursor.empty() && parse_place(cursor, at);
  const auto by = std::find_if(nodes_.begin(), nodes_.end(),
                               [&](const auto& one) { return static_cast<link*>(one->link.get()) == given.from; });
  const std::string_view id = by == nodes_.end() ? at.id : std::string_view((*by)->id);
  const bool placed = by != nodes_.end() && (*by)->lowest < slot_count;
  const unsigned here = placed ? (*by)->lowest : begun ? at.slot : 0;
  if (!own.empty()) return make_cursor(own, here, id);
  const node* const next = master_at_or_after(here + 1);
  return next == nullptr ? std::string() : make_cursor("0", next->lowest, next->id);
}

void redis_cluster::release_scans(steady_ms now) {
  if (scans_.empty()) return;
  for (scan_start& one : std::exchange(scans_, {})) {
    if (known_) {
      send_scan(one);
    } else if (one.deadline <= now) {
      one.done(answer::none(no_map()));
    } else {
      scans_.push_back(std::move(one));
    }
  }
}

}  // namespace coatcheck::net
