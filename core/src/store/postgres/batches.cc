// Deleting batch after batch.
#include "store/postgres/batches.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "store/postgres/call.hpp"

namespace coatcheck {
namespace {

constexpr std::size_t batch_size = 1000;

// Ends itself after the last batch.
class pg_batches {
 public:
  pg_batches(pg_place where, epoch_ms now, std::size_t limit, bool everything, completion<count_result> done)
      : where_(std::move(where)), now_(now), left_(limit), everything_(everything), done_(done) {}

  void start() {
    asked_ = std::min(left_, batch_size);
    auto what =
        make_pg_call(everything_ ? &where_.sql->clear : &where_.sql->prune, where_.pool->new_deadline(),
                     completion<count_result>(on_batch, this), [this](const net::pg_rows& rows, count_result& out) {
                       if (rows.count() != 1 || rows.number(0, 0) < 0) return pg_step::unfit;
                       out.known = true;
                       out.count = static_cast<std::uint64_t>(rows.number(0, 0));
                       if (everything_) last_ = rows.text(0, 1);
                       return pg_step::decoded;
                     });
    if (everything_) {
      what->add_text(last_);
    } else {
      what->add_number(now_);
    }
    what->add_number(static_cast<std::int64_t>(asked_));
    where_.pool->submit(std::move(what));
  }

 private:
  static void on_batch(void* context, count_result&& got) {
    auto* const self = static_cast<pg_batches*>(context);
    self->total_ += got.count;
    self->left_ -= std::min<std::size_t>(self->left_, got.count);
    if (got.known && got.count >= self->asked_ && self->left_ > 0) return self->start();
    const std::unique_ptr<pg_batches> mine(self);
    got.count = self->total_;
    self->done_(std::move(got));
  }

  const pg_place where_;
  const epoch_ms now_;
  std::size_t left_;
  const bool everything_;
  completion<count_result> done_;
  std::size_t asked_ = 0;
  std::uint64_t total_ = 0;
  std::string last_;
};

}  // namespace

void prune_in_batches(pg_place where, epoch_ms now, std::size_t limit, completion<count_result> done) {
  (new pg_batches(std::move(where), now, limit, false, done))->start();
}

void clear_in_batches(pg_place where, completion<count_result> done) {
  (new pg_batches(std::move(where), 0, ~std::size_t{0}, true, done))->start();
}

}  // namespace coatcheck
