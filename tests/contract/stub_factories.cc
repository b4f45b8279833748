// The stub store and the layers for the contract suite: what a new store and a new layer have to do, and no more.
#include "coatcheck/event_loop.hpp"

#include "contract/store_contract.hpp"
#include "contract/stub_store.hpp"
#include "store/layers/counting.hpp"

namespace coatcheck::contract {
namespace {

class stub_place final : public store_place {
 public:
  stub_place(bool later, bool counted) : later_(later), counted_(counted) {}
  ~stub_place() override {
    for (const auto& one : opened_) one->close();  // before the loop goes
  }
  std::shared_ptr<store> open() override {
    std::shared_ptr<store> made = std::make_shared<stub_store>(table_, clock_, later_ ? &loop_ : nullptr);
    if (counted_) made = std::make_shared<counting_store>(std::move(made));
    opened_.push_back(made);
    return made;
  }
  void run_until(const bool& done) override { EXPECT_TRUE(later_ ? loop_.run_until(done) : done); }
  epoch_ms now() const override { return clock_.now(); }
  void pass_time(duration_ms by) override { clock_.advance(by); }

 private:
  const bool later_;
  const bool counted_;
  manual_clock clock_;
  event_loop loop_;
  const std::shared_ptr<stub_table> table_ = std::make_shared<stub_table>();
  std::vector<std::shared_ptr<store>> opened_;
};

bool add(const char* name, bool later, bool counted) {
  return register_store({name, [=] { return std::make_unique<stub_place>(later, counted); }});
}
const bool registered = add("stub", false, false) && add("stubLater", true, false) && add("countedStub", false, true) &&
                        add("countedStubLater", true, true);

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
