// The words of options: each known one, and what the others are told.
#include "coatcheck/option_words.hpp"

#include <gtest/gtest.h>

namespace coatcheck {
namespace {

TEST(OptionWords, AKnownWordIsItsValue) {
  session_mode mode = session_mode::store;
  ASSERT_TRUE(read_word("mode", "jwe", mode));
  EXPECT_EQ(mode, session_mode::jwt_sealed);
  same_site_mode site = same_site_mode::lax;
  ASSERT_TRUE(read_word("same_site", "auto", site));
  EXPECT_EQ(site, same_site_mode::automatic);
  cookie_priority priority = cookie_priority::unset;
  ASSERT_TRUE(read_word("priority", "high", priority));
  EXPECT_EQ(priority, cookie_priority::high);
}

TEST(OptionWords, AnUnknownOneIsNoDefault) {
  merge_policy policy = merge_policy::theirs;
  for (const auto* word : {"", "Mine", "mine ", "last"}) {
    const auto read = read_word("onConflict", word, policy);
    ASSERT_FALSE(read) << word;
    EXPECT_EQ(read.error().code, errc::invalid_option);
    EXPECT_EQ(read.error().message, R"(onConflict must be one of "mine", "theirs", "reject")");
    EXPECT_EQ(policy, merge_policy::theirs);
  }
}

}  // namespace
}  // namespace coatcheck
