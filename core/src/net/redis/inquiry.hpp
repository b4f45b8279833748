// One question that several servers can answer (which server is the master; which slots are where): they are asked in
// turn, on a connection of its own, until one gives a usable answer. One round at a time.
//
// Each server has a part of an operation's time: one that is dead must not cost the operations that wait for the
// answer.
//
// Thread safety: the thread of the driver. Callbacks run inside the link's, ask() never calls back.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/redis/link.hpp"

namespace coatcheck::net {

class redis_inquiry {
 public:
  struct callbacks {
    // Whether that answer of this server's is one. An error reply never is.
    std::function<bool(reply_view, const endpoint& by)> heard;
    // All were asked: what the last of them said.
    std::function<void(const failure& last)> nobody;
    std::string_view unfit;  // what a reply is that `heard` refuses; static text
    errc unfit_code = errc::store_protocol;
  };

  // `as` without `where`. `servers`: at least one.
  redis_inquiry(redis_target as, const link_options& chosen, driver& loop, std::vector<endpoint> servers,
                std::string question, callbacks to);
  redis_inquiry(const redis_inquiry&) = delete;
  redis_inquiry& operator=(const redis_inquiry&) = delete;
  ~redis_inquiry() { close(); }

  void ask();
  [[nodiscard]] bool asking() const noexcept { return asking_; }
  // A round that is under way counts as over, without a call.
  void forget() noexcept;
  // The next round begins with another server.
  void turn();
  // Those to ask from now on; the present one stays at hand when it is among them.
  void set_servers(std::vector<endpoint> servers);
  [[nodiscard]] const std::vector<endpoint>& servers() const noexcept { return servers_; }
  void close() { link_->close(); }

 private:
  void ask_one();
  void answered(const answer& given);

  const duration_ms patience_;
  const std::string question_;
  const callbacks to_;
  driver& loop_;
  std::vector<endpoint> servers_;
  std::size_t at_ = 0;
  endpoint asked_;  // whom the link was last connected to, or is to be
  std::size_t left_ = 0;
  bool asking_ = false;
  std::uint64_t number_ = 0;  // of the question: answers to others are not listened to
  std::shared_ptr<redis_link> link_;
};

}  // namespace coatcheck::net
