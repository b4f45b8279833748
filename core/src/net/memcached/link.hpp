// A link to one Memcached server (net/link.hpp): how meta commands are submitted, and what a new connection says first.
// `mn` is answered before the first operation leaves: a server that does not know it (before 1.6) would take the bytes
// of a value for commands.
//
// Thread safety: the thread of the driver.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/link.hpp"
#include "net/memcached/connection.hpp"

namespace coatcheck::net {

// The login of memcached's text protocol (-Y FILE): a `set` whose value is both words. It is written as one that is
// over at once, so that a server that asks for none keeps nothing of it.
// REQUIRES: neither has a space or a control character.
[[nodiscard]] std::string memcached_login(std::string_view user, std::string_view password);

class memcached_link final : public link {
 public:
  // `login`: the command that a new connection begins with (memcached_login); empty: none is needed.
  [[nodiscard]] static std::shared_ptr<memcached_link> create(endpoint_source where, std::string login,
                                                              const link_options& chosen, driver& loop);
  ~memcached_link() override;

  // `line`: a command without opaque and end; `data`: the value of one that has a value. Both are copied.
  void submit(meta_handler done, steady_ms deadline, std::string_view line, std::optional<std::string_view> data,
              on_loss then);
  // The same for a command that has no opaque: mn, stats.
  void submit_plain(meta_handler done, steady_ms deadline, std::string_view line);
  // Ends an operation that needs no server, on the next turn of the loop; `given` must hold static text alone.
  void answer_later(meta_handler done, const failure& given);

  // The connection that an operation submitted now would go out on, in a child after fork, too.
  [[nodiscard]] std::uint64_t this_connection() {
    prepare();
    return connection();
  }
  // Bytes of the largest item that the server takes (-I), its key and bookkeeping included; 0: not known yet.
  [[nodiscard]] std::size_t largest_item() const noexcept { return largest_item_; }

  // For an unreachable server whose names go elsewhere: the next connection begins with flush_all, so that what it
  // still has does not come back to life. Sees to it that there is a next attempt.
  void give_up();
  // Of one that was given up: when it was last heard before; 0: never.
  [[nodiscard]] steady_ms last_good() const noexcept { return last_good_; }

 private:
  memcached_link(endpoint_source where, std::string login, const link_options& chosen, driver& loop);
  void greet() override;
  void say(std::string_view line, meta_code expected, void (memcached_link::*then)(const meta_answer&));
  void greet_as_known();
  void logged_in(const meta_answer& given);
  void greeted_by(const meta_answer& given);
  void emptied(const meta_answer& given);
  void told_settings(const meta_answer& given);

  template <class Submit>
  void submit_with(meta_handler done, Submit&& submit);

  meta_connection machine_;
  const std::string login_;
  std::size_t largest_item_ = 0;
  bool empty_first_ = false;
  steady_ms given_up_at_ = 0;
  steady_ms last_good_ = 0;
};

}  // namespace coatcheck::net
