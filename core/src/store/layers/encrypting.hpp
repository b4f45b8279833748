// A layer that encrypts: what it hands to the store below is sealed, and what it hands up was opened. Keys, deadlines,
// etags and sizes are the store's own and stay as they are; an owner is told to it as a keyed digest.
//
//   encrypted:URL          seals, and reads what is sealed alone
//   encrypted+migrate:URL  seals, and reads what is not sealed too
//   encrypted+prepare:URL  does not seal yet, and reads what is
//
// What does not open is unknown (record_damaged), never absent and never data, as an answer of get and as the current
// version of a conflict. A store that completes inside the call still does.
//
// Thread safety: that of the store below.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "coatcheck/key_ring.hpp"
#include "coatcheck/store.hpp"

#include "store/layers/forwarding.hpp"
#include "store/layers/kind.hpp"

namespace coatcheck {

class encrypting_store final : public forwarding_store {
 public:
  // `time`: not owned. `how` is not `off`.
  encrypting_store(std::shared_ptr<store> below, const key_ring& keys, const clock& time, encryption how);

  void get(std::string_view key, completion<get_result> done) override;
  void get_recent(std::string_view key, completion<get_result> done) override;
  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override;
  void owned_by(std::string_view owner, completion<keys_result> done) override;
  void remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) override;

  // What outlives the layer while operations are under way.
  struct shared;

 private:
  void read(std::string_view key, bool recent, completion<get_result> done);

  const std::shared_ptr<const shared> shared_;
};

// Errors: invalid_option (no keys).
[[nodiscard]] result<std::shared_ptr<store>> open_encrypting_store(std::shared_ptr<store> below,
                                                                   const store_options& options, encryption how);

template <encryption How>
result<std::shared_ptr<store>> open_encrypting_layer(std::shared_ptr<store> below, const store_options& options) {
  return open_encrypting_store(std::move(below), options, How);
}
inline constexpr layer_kind encrypting_layer{"encrypted", open_encrypting_layer<encryption::required>,
                                             encryption::required};
inline constexpr layer_kind migrating_layer{"encrypted+migrate", open_encrypting_layer<encryption::migrate>,
                                            encryption::migrate};
inline constexpr layer_kind preparing_layer{"encrypted+prepare", open_encrypting_layer<encryption::prepare>,
                                            encryption::prepare};

}  // namespace coatcheck
