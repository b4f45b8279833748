// Records to the byte: the known answers of tests/vectors/record.json, and what happens to damaged ones.
#include "session/record.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace coatcheck::session {
namespace {

using nlohmann::json;

const json& vectors() {
  static const json file = json::parse(std::ifstream(COATCHECK_VECTORS "/record.json"));
  return file;
}

snapshot from(const json& c) {
  snapshot session;
  session.created = c.at("created");
  session.absolute_at = c.at("absolute_at");
  session.idle = c.at("idle");
  session.owner = c.at("owner");
  session.cookie = c.at("cookie");
  session.payload = c.at("payload");
  return session;
}

TEST(record, known_answers_both_ways) {
  for (const auto& c : vectors().at("cases")) {
    const std::string key = c.at("store_key");
    const std::string bytes = c.at("record");
    EXPECT_EQ(encode_record(from(c), key), bytes) << c.at("name");
    snapshot back;
    ASSERT_TRUE(decode_record(bytes, key, back)) << c.at("name");
    EXPECT_EQ(back.created, c.at("created"));
    EXPECT_EQ(back.absolute_at, c.at("absolute_at"));
    EXPECT_EQ(back.idle, c.at("idle"));
    EXPECT_EQ(back.owner, c.at("owner"));
    EXPECT_EQ(back.cookie, c.at("cookie"));
    EXPECT_EQ(back.payload, c.at("payload"));
  }
}

TEST(record, damaged_ones_are_named_and_never_data) {
  for (const auto& c : vectors().at("damaged")) {
    snapshot back;
    const auto decoded = decode_record(c.at("record"), std::string(c.at("store_key")), back);
    ASSERT_FALSE(decoded) << c.at("name");
    EXPECT_EQ(name_of(decoded.error().code), c.at("error").get<std::string>()) << c.at("name");
  }
}

TEST(record, every_cut_of_a_record_is_seen) {
  const auto& c = vectors().at("cases").at(0);
  const std::string bytes = c.at("record");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    snapshot back;
    EXPECT_FALSE(decode_record(bytes.substr(0, size), std::string(c.at("store_key")), back)) << size;
  }
}

}  // namespace
}  // namespace coatcheck::session
