// The contract, one operation at a time: every outcome of get, put, touch, remove.
#include "contract/store_contract.hpp"

namespace coatcheck::contract {
namespace {

TEST_P(StoreContract, GetOfNothingIsAbsent) {
  const auto got = c->get("nothing");
  EXPECT_EQ(got.status, get_status::absent);
}

TEST_P(StoreContract, PutThenGetGivesBytesTagAndDeadline) {
  const auto deadline = later();
  const auto put = c->put("key", "value", deadline);
  ASSERT_EQ(put.status, put_status::stored) << put.why.message;
  EXPECT_FALSE(put.tag.empty());
  const auto got = c->get("key");
  ASSERT_EQ(got.status, get_status::found) << got.why.message;
  EXPECT_EQ(got.value.bytes, "value");
  EXPECT_EQ(got.value.tag, put.tag);
  EXPECT_TRUE(is_deadline(got.value.expires_at, deadline));
}

TEST_P(StoreContract, EveryWriteHasATagOfItsOwn) {
  if (!c->raw().capabilities().unique_versions) GTEST_SKIP() << "a version is of the bytes alone";
  const auto first = c->put("key", "same", later());
  const auto second = c->put("key", "same", later());
  ASSERT_EQ(second.status, put_status::stored);
  EXPECT_FALSE(first.tag == second.tag);
}

TEST_P(StoreContract, PutOfAnythingOverwrites) {
  (void)c->put("key", "one", later());
  EXPECT_EQ(c->put("key", "two", later()).status, put_status::stored);
  EXPECT_EQ(c->get("key").value.bytes, "two");
}

TEST_P(StoreContract, PutThatExpectsNothingStoresOnce) {
  EXPECT_EQ(c->put("key", "one", later(), expectation::nothing()).status, put_status::stored);
  EXPECT_EQ(c->get("key").value.bytes, "one");
}

TEST_P(StoreContract, PutThatExpectsNothingConflictsAndShowsWhatIsThere) {
  const auto deadline = later();
  const auto first = c->put("key", "one", deadline);
  const auto second = c->put("key", "two", later(), expectation::nothing());
  ASSERT_EQ(second.status, put_status::conflict) << second.why.message;
  EXPECT_EQ(second.current.bytes, "one");
  EXPECT_EQ(second.current.tag, first.tag);
  EXPECT_TRUE(is_deadline(second.current.expires_at, deadline));
  EXPECT_EQ(c->get("key").value.bytes, "one");
}

TEST_P(StoreContract, PutThatExpectsTheCurrentVersionStores) {
  const auto first = c->put("key", "one", later());
  const auto second = c->put("key", "two", later(), expectation::version(first.tag));
  ASSERT_EQ(second.status, put_status::stored) << second.why.message;
  EXPECT_EQ(c->get("key").value.tag, second.tag);
}

TEST_P(StoreContract, PutThatExpectsAnOldVersionConflictsAndShowsWhatIsThere) {
  const auto first = c->put("key", "one", later());
  const auto second = c->put("key", "two", later());
  const auto third = c->put("key", "three", later(), expectation::version(first.tag));
  ASSERT_EQ(third.status, put_status::conflict) << third.why.message;
  EXPECT_EQ(third.current.bytes, "two");
  EXPECT_EQ(third.current.tag, second.tag);
  EXPECT_EQ(c->get("key").value.bytes, "two");
}

TEST_P(StoreContract, AConflictsVersionIsTheOneToExpectNext) {
  const auto first = c->put("key", "one", later());
  (void)c->put("key", "two", later());
  const auto conflict = c->put("key", "three", later(), expectation::version(first.tag));
  ASSERT_EQ(conflict.status, put_status::conflict);
  EXPECT_EQ(c->put("key", "three", later(), expectation::version(conflict.current.tag)).status, put_status::stored);
}

TEST_P(StoreContract, PutThatExpectsAVersionOfNothingIsGone) {
  const auto first = c->put("key", "one", later());
  ASSERT_EQ(c->remove("key").status, remove_status::removed);
  EXPECT_EQ(c->put("key", "two", later(), expectation::version(first.tag)).status, put_status::gone);
  EXPECT_EQ(c->get("key").status, get_status::absent);
}

TEST_P(StoreContract, PutThatExpectsAVersionOfAKeyNeverSeenIsGone) {
  const auto other = c->put("other", "one", later());
  EXPECT_EQ(c->put("key", "two", later(), expectation::version(other.tag)).status, put_status::gone);
  EXPECT_EQ(c->get("key").status, get_status::absent);
}

TEST_P(StoreContract, AVersionOfAnEarlierLifeDoesNotMatch) {
  if (!c->raw().capabilities().unique_versions) GTEST_SKIP() << "a version is of the bytes alone";
  const auto first = c->put("key", "one", later());
  (void)c->remove("key");
  (void)c->put("key", "one", later());
  EXPECT_EQ(c->put("key", "two", later(), expectation::version(first.tag)).status, put_status::conflict);
}

TEST_P(StoreContract, AnEmptyVersionMatchesNothing) {
  EXPECT_EQ(c->put("key", "one", later(), expectation::version(etag())).status, put_status::gone);
  (void)c->put("key", "one", later());
  EXPECT_EQ(c->put("key", "two", later(), expectation::version(etag())).status, put_status::conflict);
}

TEST_P(StoreContract, TouchMovesTheDeadlineAlone) {
  const auto put = c->put("key", "value", later());
  const auto deadline = later() + 5000;
  ASSERT_EQ(c->touch("key", deadline).status, touch_status::touched);
  const auto got = c->get("key");
  ASSERT_EQ(got.status, get_status::found);
  EXPECT_EQ(got.value.bytes, "value");
  EXPECT_EQ(got.value.tag, put.tag);
  EXPECT_TRUE(is_deadline(got.value.expires_at, deadline));
}

TEST_P(StoreContract, TouchIsNoConflictForAnotherWriter) {
  const auto put = c->put("key", "one", later());
  ASSERT_EQ(c->touch("key", later() + 5000).status, touch_status::touched);
  EXPECT_EQ(c->put("key", "two", later(), expectation::version(put.tag)).status, put_status::stored);
}

TEST_P(StoreContract, TouchOfNothingIsGoneAndCreatesNothing) {
  EXPECT_EQ(c->touch("key", later()).status, touch_status::gone);
  EXPECT_EQ(c->get("key").status, get_status::absent);
}

TEST_P(StoreContract, TouchOfALargeValueKeepsItWhole) {
  const std::string value(100'000, 'v');
  (void)c->put("key", value, later());
  ASSERT_EQ(c->touch("key", later() + 1000).status, touch_status::touched);
  EXPECT_EQ(c->get("key").value.bytes, value);
}

TEST_P(StoreContract, RemoveRemovesOnce) {
  (void)c->put("key", "value", later());
  EXPECT_EQ(c->remove("key").status, remove_status::removed);
  EXPECT_EQ(c->get("key").status, get_status::absent);
  EXPECT_EQ(c->remove("key").status, remove_status::absent);
}

TEST_P(StoreContract, KeysDoNotTouchEachOther) {
  (void)c->put("key", "one", later());
  (void)c->put("key2", "two", later());
  (void)c->put("KEY", "three", later());
  (void)c->remove("key");
  EXPECT_EQ(c->get("key").status, get_status::absent);
  EXPECT_EQ(c->get("key2").value.bytes, "two");
  EXPECT_EQ(c->get("KEY").value.bytes, "three");
}

TEST_P(StoreContract, EveryClientSeesWhatAnotherOneWrote) {
  auto other = open_client();
  const auto put = c->put("key", "value", later());
  const auto got = other.get("key");
  ASSERT_EQ(got.status, get_status::found) << got.why.message;
  EXPECT_EQ(got.value.tag, put.tag);
  EXPECT_EQ(other.put("key", "two", later(), expectation::version(got.value.tag)).status, put_status::stored);
  EXPECT_EQ(c->put("key", "three", later(), expectation::version(put.tag)).status, put_status::conflict);
  EXPECT_EQ(other.remove("key").status, remove_status::removed);
  EXPECT_EQ(c->get("key").status, get_status::absent);
}

TEST_P(StoreContract, BytesComeBackAsTheyWere) {
  std::string every;
  for (int i = 0; i < 256; ++i) every.push_back(static_cast<char>(i));
  for (const std::string& value : {every, std::string("\0", 1), std::string("\r\n$5\r\n*1\r\n"), std::string(" "),
                                   std::string("0000000000000 0000000000000000 x")}) {
    ASSERT_EQ(c->put("key", value, later()).status, put_status::stored);
    EXPECT_EQ(c->get("key").value.bytes, value);
  }
}

TEST_P(StoreContract, AnEmptyValueIsFoundNotAbsent) {
  const auto put = c->put("key", "", later());
  ASSERT_EQ(put.status, put_status::stored) << put.why.message;
  const auto got = c->get("key");
  ASSERT_EQ(got.status, get_status::found) << got.why.message;
  EXPECT_EQ(got.value.bytes, "");
  EXPECT_EQ(c->put("key", "full", later(), expectation::version(got.value.tag)).status, put_status::stored);
}

TEST_P(StoreContract, AMebibyteComesBackWhole) {
  std::string value;
  for (std::uint32_t i = 0; value.size() < 1024 * 1024; ++i) value += std::to_string(i * 2654435761U);
  value.resize(1024 * 1024);
  ASSERT_EQ(c->put("key", value, later()).status, put_status::stored);
  EXPECT_TRUE(c->get("key").value.bytes == value);
}

TEST_P(StoreContract, ValuesGrowAndShrink) {
  for (const std::size_t size : {10U, 5000U, 0U, 70'000U, 1U, 3000U}) {
    ASSERT_EQ(c->put("key", std::string(size, 'x'), later()).status, put_status::stored);
    EXPECT_EQ(c->get("key").value.bytes.size(), size);
  }
}

TEST_P(StoreContract, KeysOfEveryAllowedLengthAndCharacterWork) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (const std::string& key : {std::string("k"), alphabet, std::string(128, 'k')}) {
    ASSERT_EQ(c->put(key, key, later()).status, put_status::stored);
    EXPECT_EQ(c->get(key).value.bytes, key);
    EXPECT_EQ(c->touch(key, later() + 1).status, touch_status::touched);
    EXPECT_EQ(c->remove(key).status, remove_status::removed);
  }
}

TEST_P(StoreContract, AKeyOutsideTheRulesIsRefusedByEveryOperation) {
  for (const std::string& key : {std::string(), std::string(129, 'k'), std::string("with space"),
                                 std::string("dot.dot"), std::string("nul\0nul", 7), std::string("\xc3\xa4"),
                                 std::string("a/b"), std::string("a:b"), std::string("a\r\n")}) {
    const auto got = c->get(key);
    EXPECT_EQ(got.status, get_status::unknown);
    EXPECT_EQ(got.why.code, errc::invalid_option);
    const auto put = c->put(key, "value", later());
    EXPECT_EQ(put.status, put_status::unknown);
    EXPECT_EQ(put.why.code, errc::invalid_option);
    const auto touched = c->touch(key, later());
    EXPECT_EQ(touched.status, touch_status::unknown);
    EXPECT_EQ(touched.why.code, errc::invalid_option);
    const auto removed = c->remove(key);
    EXPECT_EQ(removed.status, remove_status::unknown);
    EXPECT_EQ(removed.why.code, errc::invalid_option);
  }
  if (c->raw().capabilities().scan) {
    EXPECT_EQ(c->scan_all(10).size(), 0U);
  }
}

TEST_P(StoreContract, ARefusalDoesNotShowTheKey) {
  const auto got = c->get("se cret-session-key");
  EXPECT_EQ(got.why.message.find("cret-session"), std::string::npos);
}

}  // namespace

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreContract);
INSTANTIATE_TEST_SUITE_P(Every, StoreContract, testing::ValuesIn(store_factories()),
                         [](const auto& tested) { return tested.param.name; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreOwnerIndex);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreOfOurs);
INSTANTIATE_TEST_SUITE_P(Every, StoreOfOurs, testing::ValuesIn(store_factories()),
                         [](const auto& tested) { return tested.param.name; });
INSTANTIATE_TEST_SUITE_P(Every, StoreOwnerIndex, testing::ValuesIn(store_factories()),
                         [](const auto& tested) { return tested.param.name; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreScan);
INSTANTIATE_TEST_SUITE_P(Every, StoreScan, testing::ValuesIn(store_factories()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace coatcheck::contract
