// The contract under contention: 10,000 overlapping pairs. Nothing that was destroyed comes back, no update is lost.
//
// A synchronous store is used by two threads at once; an asynchronous one by two clients whose operations are
// both in flight.
#include <barrier>
#include <charconv>
#include <thread>

#include "contract/store_contract.hpp"

namespace coatcheck::contract {
namespace {

constexpr int pairs = 10'000;

std::string key_of(int i) { return "pair-" + std::to_string(i); }

// What became of one pair of operations on the same key.
struct write_and_destroy {
  put_result put;
  remove_result removed;
};

// Both operations at once, for every key; `each` judges a pair after both ended.
template <class Each>
void overlap(store_place& place, store& a, store& b, const std::vector<etag>& tags, epoch_ms deadline, Each&& each) {
  std::vector<write_and_destroy> results(pairs);
  if (!a.capabilities().needs_loop) {
    std::barrier together(2);
    std::thread writer([&] {
      for (int i = 0; i < pairs; ++i) {
        together.arrive_and_wait();
        results[i].put = complete<put_result>(
            [&](auto done) { a.put(key_of(i), "late", deadline, expectation::version(tags[i]), "owner", done); });
      }
    });
    for (int i = 0; i < pairs; ++i) {
      together.arrive_and_wait();
      results[i].removed = complete<remove_result>([&](auto done) { b.remove(key_of(i), done); });
    }
    writer.join();
  } else {
    for (int i = 0; i < pairs; ++i) {
      pending<put_result> put;
      pending<remove_result> removed;
      const auto write = [&] {
        a.put(key_of(i), "late", deadline, expectation::version(tags[i]), "owner", put.slot());
      };
      const auto destroy = [&] { b.remove(key_of(i), removed.slot()); };
      if (i % 2 == 0) {
        write();
        destroy();
      } else {
        destroy();
        write();
      }
      if (!put.done) place.run_until(put.done);
      if (!removed.done) place.run_until(removed.done);
      ASSERT_TRUE(put.done && removed.done);
      results[i] = {std::move(put.value), std::move(removed.value)};
    }
  }
  for (int i = 0; i < pairs; ++i) each(i, results[i]);
}

TEST_P(StoreContract, OverlappingWriteAndDestroyResurrectNothing) {
  auto other = open_client();
  std::vector<etag> tags;
  for (int i = 0; i < pairs; ++i) {
    const auto put = c->put(key_of(i), "first", later(), expectation::nothing(), "owner");
    ASSERT_EQ(put.status, put_status::stored) << put.why.message;
    tags.push_back(put.tag);
  }
  int stored = 0;
  int resurrected = 0;
  overlap(*place, c->raw(), other.raw(), tags, later(), [&](int i, const write_and_destroy& pair) {
    ASSERT_EQ(pair.removed.status, remove_status::removed) << pair.removed.why.message;
    ASSERT_TRUE(pair.put.status == put_status::stored || pair.put.status == put_status::gone) << pair.put.why.message;
    stored += pair.put.status == put_status::stored ? 1 : 0;
    resurrected += c->get(key_of(i)).status == get_status::absent ? 0 : 1;
  });
  EXPECT_EQ(resurrected, 0);
  EXPECT_TRUE(c->owned_by("owner").keys.empty());
  if (c->raw().capabilities().scan) {
    EXPECT_TRUE(c->scan_all(1000).empty());
  }
  RecordProperty("writes_before_the_destroy", stored);
}

int number(std::string_view text) {
  int value = -1;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Adds 1 to a counter by compare-and-set until it works, as two requests do that write one session.
void count_up(store& s, int times, epoch_ms deadline) {
  for (int i = 0; i < times; ++i) {
    auto got = complete<get_result>([&](auto done) { s.get("counter", done); });
    ASSERT_EQ(got.status, get_status::found) << got.why.message;
    auto current = std::move(got.value);
    for (;;) {
      const auto next = std::to_string(number(current.bytes) + 1);
      auto put = complete<put_result>(
          [&](auto done) { s.put("counter", next, deadline, expectation::version(current.tag), {}, done); });
      if (put.status == put_status::stored) break;
      ASSERT_EQ(put.status, put_status::conflict) << put.why.message;
      current = std::move(put.current);
    }
  }
}

TEST_P(StoreContract, OverlappingWritesLoseNoUpdate) {
  auto other = open_client();
  ASSERT_EQ(c->put("counter", "0", later(), expectation::nothing()).status, put_status::stored);
  const auto deadline = later();
  if (!c->raw().capabilities().needs_loop) {
    std::thread second([&] { count_up(other.raw(), pairs, deadline); });
    count_up(c->raw(), pairs, deadline);
    second.join();
  } else {
    stored_value seen[2] = {c->get("counter").value, c->get("counter").value};
    store* stores[2] = {&c->raw(), &other.raw()};
    int left[2] = {pairs, pairs};
    while (left[0] > 0 || left[1] > 0) {
      pending<put_result> put[2];
      for (int i = 0; i < 2; ++i) {
        if (left[i] == 0) continue;
        stores[i]->put("counter", std::to_string(number(seen[i].bytes) + 1), deadline,
                       expectation::version(seen[i].tag), {}, put[i].slot());
      }
      for (int i = 0; i < 2; ++i) {
        if (left[i] == 0) continue;
        if (!put[i].done) place->run_until(put[i].done);
        ASSERT_TRUE(put[i].done);
        if (put[i].value.status == put_status::stored) {
          seen[i] = {std::to_string(number(seen[i].bytes) + 1), put[i].value.tag, deadline};
          --left[i];
        } else {
          ASSERT_EQ(put[i].value.status, put_status::conflict) << put[i].value.why.message;
          seen[i] = put[i].value.current;
        }
      }
    }
  }
  EXPECT_EQ(c->get("counter").value.bytes, std::to_string(2 * pairs));
}

TEST_P(StoreContract, OverlappingCreationsHaveOneWinner) {
  auto other = open_client();
  std::vector<put_status> first(pairs / 10);
  std::vector<put_status> second(pairs / 10);
  const auto deadline = later();
  const auto create = [&](store& s, std::vector<put_status>& out, std::string_view value) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = complete<put_result>([&](auto done) {
                 s.put(key_of(static_cast<int>(i)), value, deadline, expectation::nothing(), {}, done);
               }).status;
    }
  };
  if (!c->raw().capabilities().needs_loop) {
    std::thread thread([&] { create(other.raw(), second, "second"); });
    create(c->raw(), first, "first");
    thread.join();
  } else {
    for (std::size_t i = 0; i < first.size(); ++i) {
      pending<put_result> a;
      pending<put_result> b;
      const auto key = key_of(static_cast<int>(i));
      c->raw().put(key, "first", deadline, expectation::nothing(), {}, a.slot());
      other.raw().put(key, "second", deadline, expectation::nothing(), {}, b.slot());
      if (!a.done) place->run_until(a.done);
      if (!b.done) place->run_until(b.done);
      first[i] = a.value.status;
      second[i] = b.value.status;
    }
  }
  for (std::size_t i = 0; i < first.size(); ++i) {
    const bool first_won = first[i] == put_status::stored && second[i] == put_status::conflict;
    const bool second_won = second[i] == put_status::stored && first[i] == put_status::conflict;
    ASSERT_TRUE(first_won || second_won) << i;
    EXPECT_EQ(c->get(key_of(static_cast<int>(i))).value.bytes, first_won ? "first" : "second");
  }
}

}  // namespace
}  // namespace coatcheck::contract
