// One operation of a PostgreSQL store: what becomes of the answer.
//
// Thread safety: the thread of the driver.
#pragma once

#include <memory>
#include <utility>

#include "coatcheck/store.hpp"

#include "net/postgres/pool.hpp"
#include "net/postgres/request.hpp"
#include "store/envelope.hpp"

namespace coatcheck {

// `Decode(const net::pg_rows&, R&) -> pg_step` makes a result of the rows.
enum class pg_step : std::uint8_t { decoded, again, unfit };

template <class R, class Decode>
class pg_call final : public net::pg_request {
 public:
  pg_call(const net::pg_statement* what, steady_ms until, completion<R> done, Decode decode)
      : pg_request(what, until), done_(done), decode_(std::move(decode)) {}
  verdict settle(const net::pg_answer& given) override {
    R out;
    if (!given) {
      out.why = {given.code, std::string(given.why)};
    } else if (const auto step = decode_(*given.rows, out); step == pg_step::again) {
      return verdict::again;
    } else if (step == pg_step::unfit) {
      out = {};
      out.why = {errc::store_protocol, "PostgreSQL sent an answer that does not fit its statement"};
    }
    done_(std::move(out));
    return verdict::finished;
  }

 private:
  completion<R> done_;
  Decode decode_;
};

template <class R, class Decode>
[[nodiscard]] std::unique_ptr<net::pg_request> make_pg_call(const net::pg_statement* what, steady_ms until,
                                                            completion<R> done, Decode decode) {
  return std::make_unique<pg_call<R, Decode>>(what, until, done, std::move(decode));
}

// The operations of one store on its pool: each has the pool's time.
class pg_calls {
 public:
  explicit pg_calls(net::pg_pool& pool) : pool_(pool) {}
  template <class R, class Decode>
  [[nodiscard]] std::unique_ptr<net::pg_request> ask(const net::pg_statement* what, completion<R> done,
                                                     Decode decode) const {
    return make_pg_call(what, pool_.new_deadline(), done, std::move(decode));
  }
  // Answers later, as an operation that was asked would.
  template <class R>
  void refuse(completion<R> done, error why) const {
    pool_.answer_later(ask(nullptr, done, [](const net::pg_rows&, R&) { return pg_step::unfit; }), std::move(why));
  }

 private:
  net::pg_pool& pool_;  // the store keeps it
};

}  // namespace coatcheck
