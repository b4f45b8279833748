// The numbers that docs/security.md promises are the ones in the code.
#include <fstream>
#include <gtest/gtest.h>
#include <regex>
#include <sstream>
#include <string>

#include "coatcheck/engine.hpp"
#include "coatcheck/store.hpp"

namespace coatcheck {
namespace {

// The milliseconds column of the row `name` in the table of timeouts.
duration_ms documented(const std::string& name) {
  std::ifstream in(std::string(COATCHECK_SOURCE) + "/docs/security.md");
  std::stringstream text;
  text << in.rdbuf();
  const std::string page = text.str();
  const std::regex row("\\| " + name + " \\| [^|]+ \\| ([0-9]+) \\|");
  std::smatch match;
  EXPECT_TRUE(std::regex_search(page, match, row)) << "no row for " << name;
  return match.empty() ? -1 : std::stoll(match[1].str());
}

TEST(Docs, TimeoutsAreTheCodesOwn) {
  const manual_clock time;
  auto keys = key_ring::from_secret("a secret of at least thirty-two bytes");
  ASSERT_TRUE(keys);
  auto where = open_store("memory:docs-test", {.time = &time});
  ASSERT_TRUE(where);
  engine_options options{.keys = *keys, .where = *where, .cookie = {}, .policy = {}, .time = &time};
  auto made = engine::create(std::move(options));
  ASSERT_TRUE(made);

  const auto fresh = complete<opened>([&](auto done) { (*made)->open({}, done); });
  ASSERT_EQ(fresh.status, open_status::fresh);
  commit_request request;
  request.base = fresh.session;
  request.payload = R"({"user":"ada"})";
  const auto stored = complete<committed>([&](auto done) { (*made)->commit(std::move(request), done); });
  ASSERT_EQ(stored.status, commit_status::stored);
  EXPECT_EQ(stored.session.expires_at - time.now(), documented("idle"));
  EXPECT_EQ(stored.session.absolute_at - stored.session.created, documented("absolute"));
}

}  // namespace
}  // namespace coatcheck
