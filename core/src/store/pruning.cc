// A turn of pruning: the lease, then a batch.
#include "coatcheck/pruning.hpp"

#include <memory>
#include <optional>
#include <utility>

#include "store/operation.hpp"

namespace coatcheck {
namespace {

// The record's text tells whoever finds it in the store what it is.
constexpr std::string_view lease_text = "cl1 whoever put this prunes the store until it expires\n";

class turn_of_pruning final : public store_operation<turn_of_pruning, prune_result, store*> {
 public:
  turn_of_pruning(store* where, completion<prune_result> done) : store_operation(where, done) {}
  void start(std::optional<epoch_ms> until) {
    if (!until) return prune();
    shared_->put(prune_lease_key, lease_text, *until, expectation::nothing(), {},
                 then<put_result, &turn_of_pruning::on_lease>());
  }

 private:
  void prune() { shared_->prune(prune_batch, then<count_result, &turn_of_pruning::on_pruned>()); }
  void on_lease(put_result&& got) {
    if (got.status == put_status::stored) return prune();
    prune_result out;
    // A lease that can't be read, of a service that encrypts where this one doesn't, is taken all the same.
    const bool taken = got.status == put_status::conflict || is_unreadable(got.why);
    out.status = taken ? prune_status::not_ours : prune_status::unknown;
    if (!taken) out.why = std::move(got.why);
    finish(std::move(out));
  }
  void on_pruned(count_result&& got) {
    prune_result out;
    out.status = got.known ? prune_status::pruned : prune_status::unknown;
    out.count = got.count;
    out.why = std::move(got.why);
    finish(std::move(out));
  }
};

void start_turn(store& where, std::optional<epoch_ms> until, completion<prune_result> done) {
  auto operation = std::make_unique<turn_of_pruning>(&where, done);
  turn_of_pruning& started = *operation;
  started.self = std::move(operation);
  started.start(until);
}

}  // namespace

result<void> check_prune_interval(duration_ms interval) {
  if (interval >= min_prune_interval && interval <= max_prune_interval) return {};
  return {errc::invalid_option, "the interval of pruning must be 1 second to 1 day"};
}

void prune_in_turn(store& where, const clock& time, duration_ms interval, completion<prune_result> done) {
  const auto can = where.capabilities();
  prune_result out;
  if (auto checked = check_prune_interval(interval); !checked) {
    out.why = checked.error();
  } else if (can.expires_itself) {
    out.status = prune_status::unnecessary;
  } else if (!can.compare_and_set) {
    out.why = {errc::store_unsupported,
               "pruning by turns needs a store with compare-and-set: call prune() in one process"};
  } else {
    // A tenth less than the interval, so that the timer which took it finds it free again, however early that fires.
    return start_turn(where, later(time.now(), interval - interval / 10), done);
  }
  done(std::move(out));
}

void prune_further(store& where, completion<prune_result> done) { start_turn(where, std::nullopt, done); }

}  // namespace coatcheck
