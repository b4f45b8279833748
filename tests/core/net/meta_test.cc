// Memcached's replies and the connection's state machine, without a socket.
#include <deque>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "net/memcached/connection.hpp"

namespace coatcheck::net {
namespace {

// Every reply of `bytes`, fed in pieces of `step`; "!" and why at the end where it broke.
std::vector<std::string> read_all(std::string_view bytes, std::size_t step) {
  std::vector<std::string> out;
  meta_reader reader;
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    while (!piece.empty()) {
      meta_reply got;
      const auto read = reader.next(piece, got);
      if (read == meta_reader::outcome::more) break;
      if (read == meta_reader::outcome::broken) {
        out.push_back("!" + std::string(reader.why()));
        return out;
      }
      out.push_back(std::to_string(static_cast<int>(got.code)) + " c" + std::to_string(got.cas) + " f" +
                    std::to_string(got.flags) + " O" + std::to_string(got.opaque) + " " + std::string(got.value));
    }
  }
  return out;
}

TEST(MetaReader, ReadsTheSameHoweverItIsCut) {
  const std::string bytes =
      "VA 5 c18446744073709551615 f4294967295 Offffffff\r\nhello\r\nHD c7 O1\r\nEN O2\r\nNF c0 O3\r\nNS O4\r\n"
      "EX c0 O5\r\nMN\r\nOK\r\nVA 0 c1 O6\r\n\r\nVA 4 W c1 O7 Z\r\n\r\n\r\n\r\nSTAT a 1\r\nSTAT b two words\r\nEND\r\n"
      "SERVER_ERROR out of memory\r\nEND\r\n";
  const auto whole = read_all(bytes, bytes.size());
  const std::vector<std::string> expected = {"0 c18446744073709551615 f4294967295 O4294967295 hello",
                                             "1 c7 f0 O1 ",
                                             "2 c0 f0 O2 ",
                                             "3 c0 f0 O3 ",
                                             "4 c0 f0 O4 ",
                                             "5 c0 f0 O5 ",
                                             "6 c0 f0 O0 ",
                                             "7 c0 f0 O0 ",
                                             "0 c1 f0 O6 ",
                                             "0 c1 f0 O7 \r\n\r\n",
                                             "8 c0 f0 O0 STAT a 1\nSTAT b two words\n",
                                             "9 c0 f0 O0 SERVER_ERROR out of memory",
                                             "8 c0 f0 O0 "};
  EXPECT_EQ(whole, expected);
  for (std::size_t step = 1; step < bytes.size(); ++step) EXPECT_EQ(read_all(bytes, step), expected) << step;
}

TEST(MetaReader, ABrokenStreamStaysBroken) {
  meta_reader reader;
  std::string_view bytes = "what?\r\nEN O1\r\n";
  meta_reply got;
  EXPECT_EQ(reader.next(bytes, got), meta_reader::outcome::broken);
  EXPECT_EQ(reader.next(bytes, got), meta_reader::outcome::broken);
  reader.reset();
  bytes = "EN O1\r\n";
  EXPECT_EQ(reader.next(bytes, got), meta_reader::outcome::complete);
  EXPECT_EQ(got.opaque, 1U);
}

TEST(MetaReader, StatisticsAreFound) {
  const std::string_view lines = "STAT bytes 12\nSTAT curr_items 3\nSTAT version 1.6.18\n";
  EXPECT_EQ(stat_number(lines, "curr_items", 9), 3U);
  EXPECT_EQ(stat_number(lines, "curr", 9), 9U);
  EXPECT_EQ(stat_number(lines, "version", 9), 9U);
  EXPECT_EQ(stat_word(lines, "version"), "1.6.18");
  EXPECT_EQ(stat_word("", "version"), "");
}

struct heard {
  int calls = 0;
  bool ok = false;
  errc code{};
  std::string value;
};

class MetaConnection : public testing::Test {
 protected:
  heard& ask(const std::string& line, on_loss then = on_loss::fail, steady_ms deadline = 1000) {
    heard& mine = heard_.emplace_back();
    EXPECT_TRUE(machine_.submit(
        [to = &mine](const meta_answer& given) {
          ++to->calls;
          to->ok = static_cast<bool>(given);
          to->code = given.code;
          if (given) to->value = given.value->value;
        },
        deadline, line, {}, then));
    return mine;
  }
  std::string send() {
    machine_.stage();
    const std::string bytes(machine_.output());
    machine_.consume(bytes.size());
    return bytes;
  }
  static std::string opaque_of(const std::string& sent) {
    const auto at = sent.rfind(" O");
    return sent.substr(at + 1, sent.size() - at - 3);
  }
  meta_connection machine_{{.operations = 8, .waiting_bytes = 4096, .patience = 250}};
  std::deque<heard> heard_;
};

TEST_F(MetaConnection, AnAbandonedReadKeepsItsPlaceAndItsOpaque) {
  auto& a = ask("mg a v", on_loss::fail, 100);
  const auto first = opaque_of(send());
  auto& b = ask("mg b v");
  const auto second = opaque_of(send());
  EXPECT_NE(first, second);
  machine_.expire(100, {errc::store_timeout, "late"});
  EXPECT_EQ(a.code, errc::store_timeout);
  EXPECT_TRUE(machine_.receive("VA 1 c1 " + first + "\r\nA\r\nVA 1 c2 " + second + "\r\nB\r\n"));
  EXPECT_EQ(a.calls, 1);
  EXPECT_EQ(b.value, "B");
}

TEST_F(MetaConnection, ALateAnswerInAnothersPlaceIsSeen) {
  auto& a = ask("mg a v");
  const auto first = opaque_of(send());
  EXPECT_TRUE(machine_.receive("EN " + first + "\r\n"));
  auto& b = ask("mg b v");
  (void)send();
  EXPECT_FALSE(machine_.receive("VA 1 c1 " + first + "\r\nA\r\n"));
  machine_.lose({errc::store_protocol, "lost"}, true);
  EXPECT_EQ(a.calls, 1);
  EXPECT_EQ(b.code, errc::store_protocol);
}

TEST_F(MetaConnection, WhatIsBoundToAConnectionIsNeverSentOnAnotherOne) {
  auto& waits = ask("ms a 0 C1", on_loss::stay);
  auto& read = ask("mg a v", on_loss::ask_again);
  machine_.lose({errc::store_unavailable, "lost"}, false);
  EXPECT_EQ(waits.code, errc::store_unavailable);
  EXPECT_EQ(waits.calls, 1);
  EXPECT_TRUE(send().starts_with("mg a v O"));
  auto& staged = ask("ms b 0 C1", on_loss::stay);
  machine_.stage();  // on the wire, and not a byte of it has left
  machine_.lose({errc::store_unavailable, "lost"}, false);
  EXPECT_EQ(staged.calls, 1);
  EXPECT_EQ(read.calls, 0) << "a read is asked again";
  EXPECT_TRUE(send().starts_with("mg a v O"));
}

TEST_F(MetaConnection, AnErrorLineBelongsToTheOperationWhoseTurnItIs) {
  auto& a = ask("mg a v");
  auto& b = ask("mg b v");
  const auto last = opaque_of(send());
  EXPECT_TRUE(machine_.receive("SERVER_ERROR out of memory storing object\r\nEN " + last + "\r\n"));
  EXPECT_EQ(a.code, errc::store_full);
  EXPECT_TRUE(b.ok);
}

}  // namespace
}  // namespace coatcheck::net
