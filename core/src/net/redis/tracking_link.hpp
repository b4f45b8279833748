// The connection on which a Redis server (6.0 or later) tells which keys under a prefix have changed, whoever changed
// them: CLIENT TRACKING ON REDIRECT <itself> BCAST PREFIX <prefix>, and SUBSCRIBE __redis__:invalidate, in RESP2.
//
// It pings, one PING at a time, and told_until() is when the last one left that was answered. Why every change up to
// then has been told: the server writes its messages to this connection in the order of changes; it may write an answer
// before the messages of changes made in the same turn of its loop, but such a change came after the PING was there to
// be read.
//
// It connects at the first keep_up() and again, with a link's pauses, whenever the connection is lost; nobody's loop is
// kept alive for it. A server that refuses it is asked again after half a minute.
//
// Thread safety: the thread of the driver.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "net/link.hpp"
#include "net/redis/link.hpp"
#include "net/redis/reply_handler.hpp"
#include "net/redis/resp_connection.hpp"

namespace coatcheck::net {

// Neither call completes operations, or calls the link.
class tracking_listener {
 public:
  virtual void on_key_changed(std::string_view name) noexcept = 0;
  // Everything may have changed: messages were lost, may have been lost, or all keys were removed.
  virtual void on_all_changed() noexcept = 0;

 protected:
  ~tracking_listener() = default;
};

class tracking_link final : public link {
 public:
  static constexpr steady_ms never = std::numeric_limits<steady_ms>::min();

  // `bound`: how old told_until() may become while all is well, in ms; at least 50. `to` stays until close().
  [[nodiscard]] static std::shared_ptr<tracking_link> create(redis_target target, std::string prefix, duration_ms bound,
                                                             link_options options, driver& loop, tracking_listener& to);
  ~tracking_link() override;

  void keep_up();
  [[nodiscard]] steady_ms told_until() const noexcept { return told_until_; }
  [[nodiscard]] bool listens() const noexcept { return listens_; }
  // told_until() is `never` until a PING is answered that leaves after this call.
  void ask_anew();
  // What is in the way; empty: nothing, or it is only coming up.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }

  [[nodiscard]] steady_ms deadline() const noexcept override;
  [[nodiscard]] bool busy() const noexcept override { return false; }
  void on_deadline(steady_ms now) override;

 private:
  tracking_link(redis_target target, std::string prefix, duration_ms bound, const link_options& options, driver& loop,
                tracking_listener& to);
  void greet() override;
  void disconnected() noexcept override;
  void say(std::string_view command, void (tracking_link::*then)(const answer&));
  void on_login(const answer& given);
  void on_name(const answer& given);
  void on_id(const answer& given);
  void on_tracking(const answer& given);
  void on_subscribed(const answer& given);
  void refuse(const answer& given, std::string_view what);
  void on_message(reply_view message);
  void ping();
  void on_pong(steady_ms sent, const answer& given);

  redis_target target_;
  const std::string prefix_;
  const duration_ms every_;  // between two PINGs
  const duration_ms patience_;
  tracking_listener& to_;
  resp_connection machine_;
  bool listens_ = false;
  steady_ms told_until_ = never;
  steady_ms next_ping_ = no_deadline;
  bool pinging_ = false;    // one waits or is on the wire
  bool too_early_ = false;  // it left before ask_anew()
  bool refused_ = false;    // by the server's last word
  std::string trouble_;
};

}  // namespace coatcheck::net
