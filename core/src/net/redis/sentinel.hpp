// A Redis master that sentinels watch over: a link whose server is asked for at each connection, so that a failover is
// followed. docs/decisions/0077.
//
// - Before each connection a sentinel says where the master is, and the server there has to say that it is one (ROLE).
// - One sentinel is listened to (+switch-master): the link moves at once, without waiting for its connection to end.
// - A server that refuses a write for it is a replica now (READONLY, MASTERDOWN) has not done it: the link looks for
// the
//   master, and the operation goes there within its deadline.
// - Sentinels that the URL does not name are learned from those it does.
//
// Thread safety: the thread of the driver.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/redis/inquiry.hpp"
#include "net/redis/link.hpp"
#include "net/redis/parking.hpp"
#include "net/redis/replicas.hpp"
#include "net/redis/route.hpp"

namespace coatcheck::net {

struct sentinel_target {
  std::vector<endpoint> sentinels;  // at least one
  std::string master;               // the name that the sentinels know it by
  redis_target data;                // user, password and database there; its `where` is not used
  std::string sentinel_user;        // of the sentinels themselves
  std::string sentinel_password;
  std::function<std::unique_ptr<transport>()> sentinel_transport = make_socket_transport;  // to the sentinels
  bool read_replicas = false;
};

class redis_sentinel final : public redis_route, public pollable, public std::enable_shared_from_this<redis_sentinel> {
 public:
  [[nodiscard]] static std::shared_ptr<redis_sentinel> create(sentinel_target target, const link_options& chosen,
                                                              driver& loop);
  ~redis_sentinel() override { close(); }

  [[nodiscard]] steady_ms new_deadline() const noexcept override { return data_->new_deadline(); }
  [[nodiscard]] std::size_t most_operations() const noexcept override { return data_->most_operations(); }
  using redis_route::submit;
  void submit(const redis_operation& what) override { data_->submit(what); }
  [[nodiscard]] bool reads_replicas() const noexcept override { return replicas_ != nullptr; }
  // The sentinels are asked for the replicas by the first read, and by others every 10 s.
  [[nodiscard]] bool submit_to_replica(const redis_operation& what) override;
  void answer_later(reply_handler done, const failure& given) override { data_->answer_later(done, given); }
  [[nodiscard]] std::vector<endpoint> servers() const override;
  void close() override;

  // Its timer: when the sentinel that is listened to is asked for a sign of life, and what is parked tried again.
  [[nodiscard]] int fd() const noexcept override { return -1; }
  [[nodiscard]] bool wants_write() const noexcept override { return false; }
  [[nodiscard]] steady_ms deadline() const noexcept override;
  [[nodiscard]] bool busy() const noexcept override { return !parked_.empty(); }
  void on_readable() override {}
  void on_writable() override {}
  void on_deadline(steady_ms now) override;
  void flush() override {}

 private:
  redis_sentinel(sentinel_target target, const link_options& chosen, driver& loop);

  [[nodiscard]] endpoint where();
  [[nodiscard]] bool named(reply_view address);
  void not_named(const failure& last);
  void adopt(const endpoint& master);
  void learn(reply_view sentinels);
  void hear(reply_view message);
  void keep_listening();
  void alive(const answer& given);
  void after_fork();
  [[nodiscard]] bool refused(const redis_refusal& why, const redis_operation& what);

  driver& loop_;
  const link_options options_;
  const std::string name_;
  endpoint master_;
  bool fresh_ = false;  // a sentinel named master_, and no connection has been made to it since
  bool closed_ = false;
  unsigned generation_;  // of the process: what is parked belongs to the one that parked it
  bool listening_ = false;
  bool heard_ = false;  // of the sentinel that is listened to, since it was last chosen
  std::size_t listen_at_ = 0;
  std::size_t deaf_ = 0;  // sentinels in a row that could not be listened to
  steady_ms next_sign_ = no_deadline;
  redis_parking parked_;
  std::shared_ptr<redis_link> data_;
  std::unique_ptr<redis_inquiry> finder_;
  std::unique_ptr<redis_inquiry> learner_;
  std::shared_ptr<redis_link> listener_;
  std::unique_ptr<redis_replicas> replicas_;  // null: reads go to the master, too
  std::unique_ptr<redis_inquiry> counter_;    // of the replicas
  steady_ms count_at_ = 0;
};

}  // namespace coatcheck::net
