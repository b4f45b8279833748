// Values of PostgreSQL's binary format: see request.hpp.
#include "net/postgres/request.hpp"

#include <charconv>
#include <cstring>
#include <utility>

#include "crypto/digest.hpp"

namespace coatcheck::net {

pg_statement::pg_statement(std::string text, std::size_t number, bool only_reads)
    : sql(std::move(text)),
      name("coatcheck_" + crypto::sha1_hex(sql).substr(0, 20)),
      index(number),
      reads(only_reads) {}

std::int64_t pg_rows::number(int row, int column) const {
  const std::string_view bytes = text(row, column);
  if (is_null(row, column) || (bytes.size() != 1 && bytes.size() != 2 && bytes.size() != 4 && bytes.size() != 8)) {
    return -1;
  }
  std::uint64_t value = (bytes[0] & 0x80) != 0 && bytes.size() > 1 ? ~std::uint64_t{0} : 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return static_cast<std::int64_t>(value);
}

std::uint64_t pg_rows::affected() const {
  const char* const digits = pq_->cmd_tuples(of_);
  std::uint64_t count = 0;
  (void)std::from_chars(digits, digits + std::strlen(digits), count);
  return count;
}

}  // namespace coatcheck::net
