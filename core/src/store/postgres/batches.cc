// Deleting batch after batch, and making the schema: see postgres/batches.hpp.
#include "store/postgres/batches.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "store/postgres/call.hpp"
#include "store/postgres/rows.hpp"
#include "store/postgres/statements.hpp"

namespace coatcheck {
namespace {

constexpr std::size_t batch_size = 1000;
constexpr duration_ms patience_for_schema = 60'000;

// Ends itself after the last batch.
class pg_batches {
 public:
  pg_batches(net::pg_pool& pool, const net::pg_statement& sql, std::int64_t now, std::size_t limit, bool everything,
             completion<count_result> done)
      : pool_(pool.hold()), sql_(sql), now_(now), left_(limit), everything_(everything), done_(done) {}

  void start() {
    asked_ = std::min(left_, batch_size);
    auto what = make_pg_call(&sql_, pool_->new_deadline(), completion<count_result>(on_batch, this),
                             [this](const net::pg_rows& rows, count_result& out) {
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
    pool_->submit(std::move(what));
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

  const std::shared_ptr<net::pg_pool> pool_;
  const net::pg_statement& sql_;
  const std::int64_t now_;
  std::size_t left_;
  const bool everything_;
  completion<count_result> done_;
  std::size_t asked_ = 0;
  std::uint64_t total_ = 0;
  std::string last_;
};

}  // namespace

void prune_in_batches(net::pg_pool& pool, const net::pg_statement& sql, std::int64_t now, std::size_t limit,
                      completion<count_result> done) {
  (new pg_batches(pool, sql, now, limit, false, done))->start();
}

void clear_in_batches(net::pg_pool& pool, const net::pg_statement& sql, completion<count_result> done) {
  (new pg_batches(pool, sql, 0, ~std::size_t{0}, true, done))->start();
}

void make_schema(net::pg_pool& pool, std::vector<std::string> statements, completion<count_result> done) {
  // An index on a table that is in use already, or another program that does the same, may take its time.
  const auto until = steady_now() + patience_for_schema;
  auto what = make_pg_call(nullptr, until, done, [](const net::pg_rows& rows, count_result& out) {
    const auto step = decode_count(rows, out);
    if (out.known && out.count > static_cast<std::uint64_t>(postgres_schema_version)) {
      out = {};
      out.why = {errc::store_format, "the table of sessions in PostgreSQL is of a later version of coatcheck"};
    }
    return step;
  });
  what->script = std::move(statements);
  what->script.insert(what->script.begin(),
                      "SELECT set_config('statement_timeout', '" + std::to_string(patience_for_schema) + "', true)");
  pool.submit(std::move(what));
}

}  // namespace coatcheck
