// Places, items and versions: see nodes.hpp.
#include "store/memcached/nodes.hpp"

#include <algorithm>
#include <charconv>

namespace coatcheck {
namespace {

constexpr epoch_ms longest_relative = 30LL * 24 * 3600;  // seconds; from there on Memcached takes a number for a date
constexpr epoch_ms last_date = 2147483647;               // and that one is the last

void append_number(std::string& line, std::string_view flag, std::uint64_t number) {
  char text[20];
  const auto* const end = std::to_chars(text, text + sizeof text, number).ptr;
  line.append(flag).append(text, static_cast<std::size_t>(end - text));
}

std::uint64_t tag_number(std::string_view tag) noexcept {
  std::uint64_t number = 0;
  std::from_chars(tag.data(), tag.data() + tag.size(), number, 16);
  return number;
}

// When Memcached may forget the item: at its time or up to two seconds later, never before, for its clock has whole
// seconds. A deadline that is over ends the item at once.
void append_time_to_live(std::string& line, epoch_ms left) {
  if (left <= 0) {
    line += " T-1";
    return;
  }
  const epoch_ms seconds = (left + 999) / 1000 + 1;
  if (seconds <= longest_relative) return append_number(line, " T", static_cast<std::uint64_t>(seconds));
  const epoch_ms date = system_clock().now() / 1000 + seconds;
  append_number(line, " T", date <= last_date ? static_cast<std::uint64_t>(date) : 0);
}

}  // namespace

void memcached_versions::remember(std::string_view tag, const net::memcached_link& link, std::uint64_t cas,
                                  epoch_ms expires_at) {
  const std::uint64_t number = tag_number(tag);
  seen_[number % seen_.size()] = {number, cas, link.connection(), expires_at, &link};
}

std::uint64_t memcached_versions::cas_of(std::string_view tag, net::memcached_link& link, epoch_ms now) const {
  const std::uint64_t number = tag_number(tag);
  const seen& one = seen_[number % seen_.size()];
  const bool good = one.tag == number && one.link == &link && one.connection == link.this_connection();
  return good && one.expires_at > now ? one.cas : 0;
}

memcached_nodes::memcached_nodes(const std::vector<ring_node>& where, const std::string& login,
                                 const net::link_options& chosen, memcached_failover failover, std::string_view prefix,
                                 const clock& wall, driver& loop)
    : failover_(failover), prefix_(prefix), time_(wall), loop_(loop), ring_(where), opened_at_(loop.now()) {
  for (const auto& node : where) {
    links_.push_back(net::memcached_link::create([to = net::endpoint{node.host, node.port, {}}] { return to; }, login,
                                                 chosen, loop));
  }
}

void memcached_nodes::close() {
  for (const auto& link : links_) link->close();
}

memcached_place memcached_nodes::place_of(std::string_view name) {
  if (failover_ == memcached_failover::unknown) return {links_[ring_.node_of(name)].get(), 0};
  epoch_ms since = 0;
  const std::size_t node = ring_.node_of(
      name, [this](std::size_t index) { return links_[index]->unreachable(); },
      [&](std::size_t index) {
        auto& link = *links_[index];
        link.give_up();
        const steady_ms heard = std::max(link.last_good(), opened_at_);
        since = std::max(since, time_.now() - (loop_.now() - heard));
      });
  return {links_[node].get(), since};
}

void memcached_nodes::read_line(std::string& line, std::string_view name, const memcached_place& at) const {
  line.assign("mg ").append(name).append(at.since != 0 ? " v c f" : " v c");
}

void memcached_nodes::write_line(std::string& line, std::string_view name, std::size_t size,
                                 epoch_ms expires_at) const {
  const epoch_ms wall = time_.now();
  line.assign("ms ").append(name);
  append_number(line, " ", size);
  line += " c";
  append_time_to_live(line, expires_at - wall);
  // When it was written, in whole seconds, up: for who finds it at a node that stands in.
  if (failover_ == memcached_failover::move) append_number(line, " F", static_cast<std::uint64_t>((wall + 999) / 1000));
}

std::optional<memcached_item> memcached_nodes::item_in(const net::meta_reply& got, const memcached_place& at) const {
  if (got.code == net::meta_code::miss) return memcached_item{memcached_item::state::absent, {}};
  if (got.code != net::meta_code::value || got.cas == 0) return std::nullopt;
  const auto entry = envelope::decode(got.value);
  if (!entry) return memcached_item{memcached_item::state::damaged, {}};
  const bool counts = at.since == 0 || epoch_ms{got.flags} * 1000 >= at.since;
  const bool live = counts && entry->expires_at > time_.now();
  return memcached_item{live ? memcached_item::state::live : memcached_item::state::absent, *entry};
}

error to_error(const net::meta_answer& given) { return {given.code, std::string(given.why)}; }

error unfit_meta_reply(net::memcached_link& link) {
  link.distrust();
  return {errc::store_protocol, "Memcached sent a reply that does not fit its command; the connection was dropped"};
}

error damaged_item_error() {
  return {errc::record_damaged, "a value in Memcached is damaged: its header is not one of coatcheck's"};
}

}  // namespace coatcheck
