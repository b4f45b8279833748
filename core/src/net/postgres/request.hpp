// One operation as a connection to PostgreSQL sees it: a statement, its parameters, a deadline, and what to do with the
// answer.
//
// Thread safety: the thread of the driver.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/driver.hpp"
#include "coatcheck/error.hpp"

#include "net/postgres/libpq.hpp"

namespace coatcheck::net {

// A statement of the store, prepared on each connection when it is first needed there.
struct pg_statement {
  pg_statement() = default;
  pg_statement(std::string text, std::size_t number, bool only_reads);

  std::string sql;
  std::string name;  // begins with it; of the text alone, so that what has the name is that statement: behind a pooler,
                     // sessions of the server are shared with other programs, and other versions of this one
  std::size_t index = 0;  // among the statements of its store
  bool reads = false;     // changes nothing: asked again, once, when its connection is lost
};

// The rows of an answer, as PostgreSQL's binary format has them.
class pg_rows {
 public:
  pg_rows(const libpq& pq, pq_result* of) noexcept : pq_(&pq), of_(of) {}
  [[nodiscard]] int count() const { return pq_->ntuples(of_); }
  [[nodiscard]] int columns() const { return pq_->nfields(of_); }
  [[nodiscard]] bool is_null(int row, int column) const { return pq_->getisnull(of_, row, column) != 0; }
  // Of a text or bytea.
  [[nodiscard]] std::string_view text(int row, int column) const {
    return {pq_->getvalue(of_, row, column), static_cast<std::size_t>(pq_->getlength(of_, row, column))};
  }
  // Of an integer of any size or a boolean (1, 0); -1 for what is neither.
  [[nodiscard]] std::int64_t number(int row, int column) const;
  // How many rows an UPDATE or DELETE changed.
  [[nodiscard]] std::uint64_t affected() const;

 private:
  const libpq* pq_;
  pq_result* of_;
};

// Either rows, or why there are none. Valid during the call that hands it over.
struct pg_answer {
  const pg_rows* rows = nullptr;
  errc code = errc::store_unavailable;
  std::string_view why;  // holds nothing that the server or the caller sent

  [[nodiscard]] static pg_answer failure(errc code, std::string_view why) noexcept { return {nullptr, code, why}; }
  [[nodiscard]] static pg_answer failure(const error& of) noexcept { return {nullptr, of.code, of.message}; }
  [[nodiscard]] explicit operator bool() const noexcept { return rows != nullptr; }
};

class pg_request {
 public:
  static constexpr std::size_t most_parameters = 8;
  // `finished`: the request is done with. `again`: the statement changed nothing, for another one came in between, and
  // is to be asked again; in answer to a failure it counts as finished.
  enum class verdict : std::uint8_t { finished, again };

  pg_request(const pg_statement* what, steady_ms until) noexcept : statement(what), deadline(until) {}
  pg_request(const pg_request&) = delete;
  pg_request& operator=(const pg_request&) = delete;
  virtual ~pg_request() = default;
  // Called until it says `finished`, which it does for a failure at the latest.
  virtual verdict settle(const pg_answer& given) = 0;

  void add_text(std::string_view text) { add(text, 0); }
  void add_number(std::int64_t number) { add(std::to_string(number), 0); }
  void add_bytes(std::string_view bytes) { add(bytes, 1); }
  void add_null() { parameters_[count_++] = {}; }

  struct parameter {
    std::size_t at = 0;
    std::size_t size = 0;
    int format = -1;  // 0: text, 1: binary, -1: null
  };
  // Calls send(count, values, lengths, formats).
  template <class Send>
  auto with_parameters(Send&& send) const {
    std::array<const char*, most_parameters> values{};
    std::array<int, most_parameters> lengths{};
    std::array<int, most_parameters> formats{};
    for (std::size_t i = 0; i < count_; ++i) {
      const parameter& one = parameters_[i];
      values[i] = one.format < 0 ? nullptr : memory_.data() + one.at;
      lengths[i] = static_cast<int>(one.size);
      formats[i] = one.format < 0 ? 0 : one.format;
    }
    return send(static_cast<int>(count_), values.data(), lengths.data(), formats.data());
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return memory_.size(); }
  // Room for as many bytes of parameters.
  void reserve(std::size_t bytes) { memory_.reserve(bytes); }

  const pg_statement* const statement;  // null: `script`
  std::vector<std::string> script;      // statements without parameters, in one transaction
  const steady_ms deadline;
  unsigned attempts = 0;  // how often it was sent
  bool lost = false;      // with a connection, once

 private:
  void add(std::string_view text, int format) {
    parameters_[count_++] = {memory_.size(), text.size(), format};
    memory_.append(text);
    memory_.push_back('\0');  // where a text ends
  }

  std::array<parameter, most_parameters> parameters_;
  std::size_t count_ = 0;
  std::string memory_;
};

}  // namespace coatcheck::net
