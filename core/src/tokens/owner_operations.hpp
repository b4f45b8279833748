// What is done to all families of an owner.
#pragma once

#include <string>
#include <vector>

#include "tokens/operations.hpp"

namespace coatcheck::tokens {

// Keeps an epoch for longer than what was issued before it can live.
inline constexpr duration_ms epoch_life = 400LL * 24 * 3'600'000;

class list_operation final : public operation<list_operation, families_result> {
 public:
  list_operation(space_ref space, std::string owner, completion<families_result> done);
  void start();

 private:
  void on_keys(keys_result&& got);
  void next();
  void on_get(get_result&& got);
  std::string owner_;
  std::vector<std::string> keys_;  // still to be read
  families_result out_;
};

// The order matters. The family that is spared gets the new epoch before it counts, so that it is never refused; then
// the epoch moves, so that a family which is being issued meanwhile ends at its first refresh; then the others end.
class revoke_all_operation final : public operation<revoke_all_operation, revoke_all_result> {
 public:
  revoke_all_operation(space_ref space, std::string owner, std::string except, completion<revoke_all_result> done);
  void start();

 private:
  void on_epoch(get_result&& got);
  void on_spared(amended&& got);
  void put_epoch();
  void on_epoch_put(put_result&& got);
  void on_keys(keys_result&& got);
  void next();
  void on_revoked(remove_result&& got);
  void fail(error why) { finish({false, out_.count, out_.epoch, std::move(why)}); }

  std::string owner_;
  std::string except_;
  etag tag_;
  bool replacing_ = false;
  int attempts_ = 0;
  std::vector<std::string> keys_;
  revoke_all_result out_;
};

class check_operation final : public operation<check_operation, epoch_result> {
 public:
  check_operation(space_ref space, std::string owner, epoch_ms epoch, completion<epoch_result> done);
  void start();

 private:
  void on_epoch(get_result&& got);
  std::string owner_;
  epoch_ms epoch_;
};

}  // namespace coatcheck::tokens
