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
  pg_batches(net::pg_pool& pool, const net::pg_statement& whole, std::int64_t now, std::size_t limit, bool everything,
             completion<count_result> done)
      : pool_(pool.hold()), whole_(whole), now_(now), left_(limit), everything_(everything), done_(done) {}

  // Batches of each partition, where there are some.
  void start(const pg_pruning& of) {
    of_partition_ = of.of_partition;
    auto what = make_pg_call(of.partitions, pool_->new_deadline(), completion<keys_result>(on_partitions, this),
                             [](const net::pg_rows& rows, keys_result& out) {
                               out.known = true;
                               for (int row = 0; row < rows.count(); ++row) out.keys.emplace_back(rows.text(row, 0));
                               return rows.columns() == 1 ? pg_step::decoded : pg_step::unfit;
                             });
    pool_->submit(std::move(what));
  }
  void start() {
    asked_ = std::min(left_, batch_size);
    auto what =
        make_pg_call(partitions_.empty() ? &whole_ : nullptr, pool_->new_deadline(),
                     completion<count_result>(on_batch, this), [this](const net::pg_rows& rows, count_result& out) {
                       const auto step = decode_count(rows, out);
                       if (everything_ && out.known) last_ = rows.text(0, 1);
                       return step;
                     });
    if (!partitions_.empty()) {
      what->script = {of_partition_(partitions_.back(), now_, asked_)};
    } else {
      everything_ ? what->add_text(last_) : what->add_number(now_);
      what->add_number(static_cast<std::int64_t>(asked_));
    }
    pool_->submit(std::move(what));
  }

 private:
  static void on_partitions(void* context, keys_result&& got) {
    auto* const self = static_cast<pg_batches*>(context);
    if (!got.known) return self->finish({false, 0, std::move(got.why)});
    self->partitions_ = std::move(got.keys);
    self->start();
  }
  static void on_batch(void* context, count_result&& got) {
    auto* const self = static_cast<pg_batches*>(context);
    self->total_ += got.count;
    self->left_ -= std::min<std::size_t>(self->left_, got.count);
    bool more = got.known && self->left_ > 0;
    if (more && got.count < self->asked_) {
      if (!self->partitions_.empty()) self->partitions_.pop_back();
      more = !self->partitions_.empty();
    }
    if (more) return self->start();
    self->finish(std::move(got));
  }
  void finish(count_result&& got) {
    const std::unique_ptr<pg_batches> mine(this);
    got.count = total_;
    done_(std::move(got));
  }

  const std::shared_ptr<net::pg_pool> pool_;
  const net::pg_statement& whole_;
  const std::int64_t now_;
  std::size_t left_;
  const bool everything_;
  completion<count_result> done_;
  std::vector<std::string> partitions_;  // that are left, the current one at the end
  std::string (*of_partition_)(std::string_view, std::int64_t, std::size_t) = nullptr;
  std::size_t asked_ = 0;
  std::uint64_t total_ = 0;
  std::string last_;
};

}  // namespace

void prune_in_batches(net::pg_pool& pool, const pg_pruning& sql, std::int64_t now, std::size_t limit,
                      completion<count_result> done) {
  auto* const batches = new pg_batches(pool, sql.whole, now, limit, false, done);
  sql.partitions == nullptr ? batches->start() : batches->start(sql);
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
