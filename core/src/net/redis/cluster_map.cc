// The cluster's own words, taken apart: see cluster_map.hpp.
#include "net/redis/cluster_map.hpp"

#include <algorithm>
#include <bitset>
#include <charconv>

#include "net/redis/slot.hpp"

namespace coatcheck::net {
namespace {

constexpr std::size_t most_nodes = 1024;

bool is_host(std::string_view text) {
  return text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                  c == '_' || c == ':' || c == '%';
         });
}

template <class Number>
bool parse_number(std::string_view text, Number& out) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc() && end == text.data() + text.size() && !text.empty();
}

// "ip" or "hostname" in a node's fourth element (Redis 7), a flat list of names and values.
std::string_view other_name(reply_view more) {
  if (!more.all_text() || more.size() % 2 != 0 || more.size() == 0) return {};
  reply_view field = more.first();
  for (std::size_t i = 0; i < more.size(); i += 2) {
    const bool wanted = field.text() == "ip" || field.text() == "hostname";
    field = field.next();
    if (wanted && !field.text().empty() && is_host(field.text())) return field.text();
    if (i + 2 < more.size()) field = field.next();
  }
  return {};
}

// Host (nil or empty: where the answer came from; "?": the server does not know it), port, id, further names.
// False: it is no node. An address that nobody knows: one without a host.
bool parse_node(reply_view node, const endpoint& by, cluster_map::node& out) {
  if (node.type() != reply_type::array || node.size() < 2) return false;
  const reply_view host = node.first();
  const reply_view port = host.next();
  if (host.type() != reply_type::text && host.type() != reply_type::nil) return false;
  if (port.type() != reply_type::integer || port.integer() < 0 || port.integer() > 65535) return false;
  std::string_view name = host.text();
  if (name.empty()) {
    name = by.host;
  } else if (name == "?") {
    name = node.size() >= 4 ? other_name(port.next().next()) : std::string_view();
  }
  if (!is_host(name)) return false;
  if (node.size() >= 3) {
    if (port.next().type() != reply_type::text || port.next().text().size() > 64) return false;
    out.id = port.next().text();
  }
  out.at = {port.integer() == 0 ? std::string() : std::string(name), static_cast<std::uint16_t>(port.integer()), {}};
  return true;
}

std::size_t index_of(cluster_map& map, cluster_map::node&& node) {
  const auto same = std::find_if(map.masters.begin(), map.masters.end(),
                                 [&](const cluster_map::node& one) { return one.at == node.at; });
  if (same != map.masters.end()) return static_cast<std::size_t>(same - map.masters.begin());
  map.masters.push_back(std::move(node));
  return map.masters.size() - 1;
}

}  // namespace

bool parse_cluster_slots(reply_view root, const endpoint& by, cluster_map& out) {
  if (root.type() != reply_type::array || root.size() > slot_count) return false;
  std::bitset<slot_count> seen;
  reply_view entry = root;
  for (std::size_t i = 0; i < root.size(); ++i) {
    entry = i == 0 ? root.first() : entry.next();
    if (entry.type() != reply_type::array || entry.size() < 3) return false;
    const reply_view first = entry.first();
    const reply_view last = first.next();
    if (first.type() != reply_type::integer || last.type() != reply_type::integer || first.integer() < 0 ||
        last.integer() < first.integer() || last.integer() >= static_cast<std::int64_t>(slot_count))
      return false;
    cluster_map::range range{static_cast<unsigned>(first.integer()), static_cast<unsigned>(last.integer()), 0};
    for (unsigned slot = range.first; slot <= range.last; ++slot) {
      if (seen.test(slot)) return false;
      seen.set(slot);
    }
    reply_view node = last;
    for (std::size_t j = 2; j < entry.size(); ++j) {
      node = node.next();
      cluster_map::node one;
      if (!parse_node(node, by, one)) return false;
      if (j == 2 && one.at.host.empty()) break;  // a hole: nobody knows where that master is
      if (j == 2) {
        range.master = index_of(out, std::move(one));
        out.ranges.push_back(range);
        continue;
      }
      if (one.at.host.empty()) continue;
      auto& of_it = out.masters[range.master].replicas;
      if (std::find(of_it.begin(), of_it.end(), one.at) == of_it.end()) of_it.push_back(one.at);
      if (std::find(out.replicas.begin(), out.replicas.end(), one.at) == out.replicas.end())
        out.replicas.push_back(std::move(one.at));
      if (out.masters.size() + out.replicas.size() > most_nodes) return false;
    }
  }
  return !out.ranges.empty();
}

std::optional<redirection> parse_redirection(std::string_view text, const endpoint& by) {
  redirection out;
  const auto space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  text.remove_prefix(space + 1);
  const auto second = text.find(' ');
  if (second == std::string_view::npos || !parse_number(text.substr(0, second), out.slot) || out.slot >= slot_count)
    return std::nullopt;
  text.remove_prefix(second + 1);
  const auto colon = text.rfind(':');  // the last one: an IPv6 address has others
  if (colon == std::string_view::npos || !parse_number(text.substr(colon + 1), out.to.port) || out.to.port == 0)
    return std::nullopt;
  const auto host = text.substr(0, colon);
  if (!is_host(host)) return std::nullopt;
  out.to.host = host.empty() ? by.host : std::string(host);
  return out;
}

}  // namespace coatcheck::net
