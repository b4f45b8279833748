// The stub store and the layers for the contract suite: what a new store and a new layer have to do, and no more.
#include <utility>

#include "coatcheck/event_loop.hpp"

#include "contract/store_contract.hpp"
#include "contract/stub_store.hpp"
#include "store/layers/counting.hpp"
#include "store/layers/encrypting.hpp"
#include "store/layers/near_cache.hpp"
#include "store/operation.hpp"
#include "support/near_stubs.hpp"

namespace coatcheck::contract {
namespace {

using coatcheck_test::shared_changes;

// Tells the near-caches of the other clients what was changed here, once it has been.
class telling_store final : public forwarding_store {
 public:
  telling_store(std::shared_ptr<store> below, std::shared_ptr<shared_changes> to, const shared_changes::client* me)
      : forwarding_store(std::move(below)), to_(std::move(to)), me_(me) {}

  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override {
    below()->put(key, bytes, expires_at, expect, owner, telling(done, key));
  }
  void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) override {
    below()->touch(key, expires_at, telling(done, key));
  }
  void remove(std::string_view key, completion<remove_result> done) override {
    below()->remove(key, telling(done, key));
  }
  void remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) override {
    below()->remove_owner(owner, except, telling(done, {}));
  }
  void clear(completion<count_result> done) override { below()->clear(telling(done, {})); }

 private:
  template <class R>
  struct told {
    completion<R> done;
    std::string key;  // empty: of all
    std::shared_ptr<shared_changes> to;
    const shared_changes::client* me;
  };
  template <class R>
  completion<R> telling(completion<R> done, std::string_view key) {
    return completion<R>(
        [](void* context, R&& value) {
          const std::unique_ptr<told<R>> one(static_cast<told<R>*>(context));
          one->key.empty() ? one->to->all_changed() : one->to->changed(one->key, one->me);
          one->done(std::move(value));
        },
        new told<R>{done, std::string(key), to_, me_});
  }

  const std::shared_ptr<shared_changes> to_;
  const shared_changes::client* const me_;
};

enum class stub_layer { none, counted, encrypted, migrating, preparing, near };

class stub_place final : public store_place {
 public:
  explicit stub_place(stub_answers when, stub_layer layer = stub_layer::none, bool bare = false)
      : when_(when), layer_(layer), bare_(bare) {}
  ~stub_place() override {
    for (const auto& one : opened_) one->close();  // before the loop goes
  }
  std::shared_ptr<store> open() override {
    std::shared_ptr<store> made =
        std::make_shared<stub_store>(table_, clock_, loops() ? &loop_ : nullptr, when_, bare_);
    made = with_layer(std::move(made));
    opened_.push_back(made);
    return made;
  }
  void run_until(const bool& done) override { EXPECT_TRUE(loops() ? loop_.run_until(done) : done); }
  epoch_ms now() const override { return clock_.now(); }
  void pass_time(duration_ms by) override { clock_.advance(by); }

 private:
  [[nodiscard]] bool loops() const noexcept { return when_ != stub_answers::inside; }
  std::shared_ptr<store> with_layer(std::shared_ptr<store> below) {
    switch (layer_) {
      case stub_layer::none:
        break;
      case stub_layer::counted:
        return std::make_shared<counting_store>(std::move(below));
      case stub_layer::encrypted:
        return std::make_shared<encrypting_store>(std::move(below), contract_keys(), clock_, encryption::required);
      case stub_layer::migrating:
        return std::make_shared<encrypting_store>(std::move(below), contract_keys(), clock_, encryption::migrate);
      case stub_layer::preparing:
        return std::make_shared<encrypting_store>(std::move(below), contract_keys(), clock_, encryption::prepare);
      case stub_layer::near: {
        auto source = std::make_shared<shared_changes::client>(changes_, &loop_);
        auto telling = std::make_shared<telling_store>(std::move(below), changes_, source.get());
        return std::make_shared<near_cache>(std::move(telling), std::move(source),
                                            near_cache_options{std::size_t{1} << 24, 60'000}, loop_, clock_);
      }
    }
    return below;
  }

  const stub_answers when_;
  const stub_layer layer_;
  const bool bare_;
  manual_clock clock_;
  event_loop loop_;
  const std::shared_ptr<stub_table> table_ = std::make_shared<stub_table>();
  const std::shared_ptr<shared_changes> changes_ = std::make_shared<shared_changes>();
  std::vector<std::shared_ptr<store>> opened_;
};

bool add(const char* name, stub_answers when, stub_layer layer = stub_layer::none, bool bare = false) {
  return register_store({name, [=] { return std::make_unique<stub_place>(when, layer, bare); }});
}
const bool registered = add("stub", stub_answers::inside) && add("stubLater", stub_answers::later) &&
                        add("stubSometimesLater", stub_answers::some) &&
                        add("countedStub", stub_answers::inside, stub_layer::counted) &&
                        add("countedStubLater", stub_answers::later, stub_layer::counted) &&
                        add("countedStubSometimesLater", stub_answers::some, stub_layer::counted) &&
                        add("encryptedStub", stub_answers::inside, stub_layer::encrypted) &&
                        add("encryptedStubLater", stub_answers::later, stub_layer::encrypted) &&
                        add("encryptedStubSometimesLater", stub_answers::some, stub_layer::encrypted) &&
                        add("migratingStubSometimesLater", stub_answers::some, stub_layer::migrating) &&
                        add("preparingStubSometimesLater", stub_answers::some, stub_layer::preparing) &&
                        add("nearStubLater", stub_answers::later, stub_layer::near) &&
                        add("nearStubSometimesLater", stub_answers::some, stub_layer::near) &&
                        add("bareStub", stub_answers::inside, stub_layer::none, true) &&
                        add("bareStubLater", stub_answers::later, stub_layer::none, true) &&
                        add("encryptedBareStub", stub_answers::inside, stub_layer::encrypted, true);

TEST(OpenStore, BuildsLayersBeforeAStore) {
  const auto opened = open_store("counted:Counted:memory:layers");
  ASSERT_TRUE(opened) << opened.error().message;
  const auto outer = std::dynamic_pointer_cast<counting_store>(*opened);
  ASSERT_TRUE(outer);
  (void)complete<get_result>([&](auto done) { outer->get("key", done); });
  EXPECT_EQ(outer->counts().absent, 1U);
  (*opened)->close();
  EXPECT_TRUE(*needs_driver("counted:redis://localhost"));
  EXPECT_FALSE(*needs_driver("counted:memory:"));
  for (const auto* wrong : {"counted:", "counted", "counted:counted:", "counted:user:secret@host"}) {
    const auto refused = open_store(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().message.find("secret"), std::string::npos);
  }
  std::string many;
  for (int i = 0; i < 9; ++i) many += "counted:";
  EXPECT_FALSE(open_store(many + "memory:"));
}

// What a host sees of an operation: its result at once, or a call later, never both.
TEST(CompleteOrLater, GivesEachResultOnce) {
  manual_clock time;
  event_loop loop;
  stub_store mixed(std::make_shared<stub_table>(), time, &loop, stub_answers::some);
  int at_once = 0;
  int later = 0;
  bool done = false;
  for (int i = 0; i < 10; ++i) {
    const bool early = complete_or_later<get_result>([&](auto slot) { mixed.get("key", slot); },
                                                     [](get_result&& got) {
                                                       EXPECT_EQ(got.status, get_status::absent);
                                                       return true;
                                                     },
                                                     false,
                                                     [&, text = std::make_unique<std::string>("kept")]() mutable {
                                                       return [&, text = std::move(text)](get_result&& got) {
                                                         EXPECT_EQ(*text, "kept");
                                                         EXPECT_EQ(got.status, get_status::absent);
                                                         done = ++later == 5;
                                                       };
                                                     });
    at_once += early ? 1 : 0;
  }
  EXPECT_EQ(at_once, 5);
  EXPECT_TRUE(loop.run_until(done));
  EXPECT_EQ(later, 5);
}

TEST(CountingStore, CountsHowOperationsEnded) {
  manual_clock time;
  counting_store counted(std::make_shared<stub_store>(std::make_shared<stub_table>(), time, nullptr));
  const auto get = [&](std::string_view key) {
    return complete<get_result>([&](auto done) { counted.get(key, done); });
  };
  const auto put = [&](std::string_view key, expectation expect) {
    return complete<put_result>([&](auto done) { counted.put(key, "v", time.now() + 1000, expect, {}, done); });
  };
  (void)get("a");
  (void)put("a", expectation::nothing());
  (void)put("a", expectation::nothing());
  (void)put("b", expectation::version(etag("x")));
  (void)get("a");
  (void)get("not a key");
  (void)complete<touch_result>([&](auto done) { counted.touch("a", time.now() + 2000, done); });
  (void)complete<remove_result>([&](auto done) { counted.remove("a", done); });
  const operation_counts& counts = counted.counts();
  EXPECT_EQ(counts.absent, 1U);
  EXPECT_EQ(counts.found, 1U);
  EXPECT_EQ(counts.stored, 1U);
  EXPECT_EQ(counts.conflicts, 1U);
  EXPECT_EQ(counts.gone, 1U);
  EXPECT_EQ(counts.touched, 1U);
  EXPECT_EQ(counts.removed, 1U);
  EXPECT_EQ(counts.unknown, 1U);
}

}  // namespace
}  // namespace coatcheck::contract
