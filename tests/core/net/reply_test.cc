// The reader of replies and the formatter of commands against transcripts, however the bytes are cut.
#include "net/redis/reply.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "net/redis/resp_format.hpp"
#include "support/vectors.hpp"

namespace coatcheck::net {
namespace {

using nlohmann::json;

json as_json(reply_view view) {
  switch (view.type()) {
    case reply_type::text:
      return {{"text", std::string(view.text())}};
    case reply_type::status:
      return {{"status", std::string(view.text())}};
    case reply_type::error:
      return {{"error", std::string(view.text())}};
    case reply_type::integer:
      return {{"integer", view.integer()}};
    case reply_type::nil:
      return nullptr;
    case reply_type::array:
      break;
  }
  json items = json::array();
  reply_view item = view;
  for (std::size_t i = 0; i < view.size(); ++i) {
    item = i == 0 ? view.first() : item.next();
    items.push_back(as_json(item));
  }
  return {{"array", items}};
}

struct transcript {
  json replies = json::array();
  bool broken = false;
};

// Reads the pieces one after the other, as a socket would give them.
transcript read(const std::vector<std::string_view>& pieces) {
  transcript out;
  reply_reader reader;
  reply value;
  for (std::string_view piece : pieces) {
    while (!piece.empty() && !out.broken) {
      reader.feed(piece);
      for (;;) {
        const auto next = reader.next(value);
        if (next == reply_reader::outcome::complete) {
          out.replies.push_back(as_json(value.root()));
          continue;
        }
        out.broken = next == reply_reader::outcome::broken;
        break;
      }
    }
  }
  return out;
}

void expect_transcript(const json& one, const std::vector<std::string_view>& pieces) {
  const transcript got = read(pieces);
  EXPECT_EQ(got.broken, one.value("broken", false));
  EXPECT_EQ(got.replies, one["replies"]);
}

TEST(Reply, TranscriptsReadTheSameHoweverTheyAreCut) {
  int seen = 0;
  for (const json& one : coatcheck_test::vector_cases("resp_transcripts")) {
    if (!one.contains("replies")) continue;
    SCOPED_TRACE(one["name"].get<std::string>());
    ++seen;
    const auto bytes = one["bytes"].get<std::string>();
    const std::string_view all = bytes;
    expect_transcript(one, {all});
    for (std::size_t cut = 1; cut < all.size(); ++cut) {
      expect_transcript(one, {all.substr(0, cut), all.substr(cut)});
    }
    std::vector<std::string_view> single;
    for (std::size_t i = 0; i < all.size(); ++i) single.push_back(all.substr(i, 1));
    expect_transcript(one, single);
  }
  EXPECT_GT(seen, 30);
}

TEST(Reply, CommandsAreLengthPrefixed) {
  int seen = 0;
  for (const json& one : coatcheck_test::vector_cases("resp_transcripts")) {
    if (!one.contains("arguments")) continue;
    ++seen;
    std::string out;
    append_command_head(out, one["arguments"].size());
    for (const json& argument : one["arguments"]) append_argument(out, argument.get<std::string>());
    EXPECT_EQ(out, one["bytes"].get<std::string>()) << one["name"];
  }
  EXPECT_GT(seen, 3);
}

TEST(Reply, PiecesOfAnArgumentAreOneArgument) {
  std::string out;
  append_argument(out, {"ab", "", "c"});
  EXPECT_EQ(out, "$3\r\nabc\r\n");
}

TEST(Reply, ALargeValueComesWhole) {
  std::string value(3 << 20, 'x');
  for (std::size_t i = 0; i < value.size(); i += 997) value[i] = static_cast<char>(i);
  const std::string bytes = "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n+OK\r\n";
  std::vector<std::string_view> pieces;
  for (std::size_t i = 0; i < bytes.size(); i += 65536) pieces.push_back(std::string_view(bytes).substr(i, 65536));
  const transcript got = read(pieces);
  ASSERT_EQ(got.replies.size(), 2U);
  EXPECT_EQ(got.replies[0]["text"], value);
}

TEST(Reply, AReplyOverTheLimitIsRefusedBeforeItIsThere) {
  const std::string head = "$" + std::to_string(max_reply_bytes * 4) + "\r\n";
  const std::string part(max_reply_bytes / 8, 'x');
  std::vector<std::string_view> pieces = {head};
  for (int i = 0; i < 9; ++i) pieces.push_back(part);
  EXPECT_TRUE(read(pieces).broken);
}

TEST(Reply, ManySmallRepliesDoNotCountAsOneLongOne) {
  std::string bytes;
  const std::string one = "$1000\r\n" + std::string(1000, 'v') + "\r\n";
  while (bytes.size() < max_reply_bytes + max_reply_bytes / 4) bytes += one;
  const transcript got = read({bytes});
  EXPECT_FALSE(got.broken);
  EXPECT_EQ(got.replies.size(), bytes.size() / one.size());
}

TEST(Reply, NestedArraysCannotPassTheLimitOfElements) {
  std::string bytes = "*1000000\r\n";
  for (int i = 0; i < 3; ++i) {
    bytes += "*400000\r\n";
    for (int j = 0; j < 400'000; ++j) bytes += ":1\r\n";
  }
  EXPECT_TRUE(read({bytes}).broken);
}

TEST(Reply, AReaderThatIsResetReadsAgain) {
  reply_reader reader;
  reply value;
  std::string_view bad = "?\r\n";
  reader.feed(bad);
  ASSERT_EQ(reader.next(value), reply_reader::outcome::broken);
  EXPECT_EQ(reader.next(value), reply_reader::outcome::broken);
  reader.reset();
  std::string_view good = "+OK\r\n";
  reader.feed(good);
  ASSERT_EQ(reader.next(value), reply_reader::outcome::complete);
  EXPECT_EQ(value.root().text(), "OK");
}

TEST(Reply, WhatIsWrongNeverQuotesTheServer) {
  reply_reader reader;
  reply value;
  std::string_view bad = "secret-session-data\r\n";
  reader.feed(bad);
  ASSERT_EQ(reader.next(value), reply_reader::outcome::broken);
  EXPECT_EQ(reader.why().find("secret"), std::string_view::npos);
  EXPECT_FALSE(reader.why().empty());
}

}  // namespace
}  // namespace coatcheck::net
