// One operation of a PostgreSQL store: what becomes of the answer.
//
// Thread safety: the thread of the driver.
#pragma once

#include <utility>

#include "coatcheck/store.hpp"

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

}  // namespace coatcheck
