// Where names go among several nodes: as other clients send them, and a third of them when one of three leaves.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "store/memcached/ring.hpp"
#include "support/vectors.hpp"

namespace coatcheck {
namespace {

std::string hex_of(std::string_view text) {
  const auto digest = md5(text);
  return coatcheck_test::to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

TEST(Md5, AnswersOfRfc1321) {
  EXPECT_EQ(hex_of(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hex_of("abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex_of("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(hex_of("12345678901234567890123456789012345678901234567890123456789012345678901234567890"),
            "57edf4a22be3c955ac49da2e2107b67a");
}

std::vector<ring_node> nodes_of(const nlohmann::json& list) {
  std::vector<ring_node> nodes;
  for (const auto& one : list) nodes.push_back({one["host"], one["port"], one["weight"]});
  return nodes;
}

TEST(Ketama, ANameGoesWhereLibmemcachedSendsIt) {
  std::ifstream file(COATCHECK_VECTORS "/ketama.json");
  const auto names = nlohmann::json::parse(file)["names"].get<std::vector<std::string>>();
  for (const auto& one : coatcheck_test::vector_cases("ketama")) {
    const auto nodes = nodes_of(one["nodes"]);
    const ketama_ring ring(nodes);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto& node = nodes[ring.node_of(names[i])];
      EXPECT_EQ(node.host + ":" + std::to_string(node.port), one["libmemcached"][i].get<std::string>()) << names[i];
    }
  }
}

TEST(Ketama, OnlyTheNamesOfANodeThatIsLeftOutMove) {
  const std::vector<ring_node> nodes = {{"10.0.0.1", 11211, 1}, {"10.0.0.2", 11211, 1}, {"10.0.0.3", 11211, 1}};
  const ketama_ring ring(nodes);
  constexpr int names = 100'000;
  int moved = 0;
  int to[3] = {};
  for (int i = 0; i < names; ++i) {
    const std::string name = "cc:" + std::to_string(i);
    const auto home = ring.node_of(name);
    bool passed = false;
    const auto now = ring.node_of(
        name, [](std::size_t node) { return node == 1; }, [&](std::size_t) { passed = true; });
    ASSERT_NE(now, 1U);
    ASSERT_EQ(passed, home == 1);
    if (now != home) {
      ASSERT_EQ(home, 1U);
      ++moved;
      ++to[now];
    }
  }
  EXPECT_LE(moved, names * 36 / 100);
  EXPECT_GT(to[0], moved / 5) << "they are shared among those that are left";
  EXPECT_GT(to[2], moved / 5);
}

TEST(Ketama, WhereAllAreLeftOutANameStaysAtHome) {
  const std::vector<ring_node> nodes = {{"10.0.0.1", 11211, 1}, {"10.0.0.2", 11211, 1}};
  const ketama_ring ring(nodes);
  for (int i = 0; i < 100; ++i) {
    const std::string name = std::to_string(i);
    EXPECT_EQ(ring.node_of(
                  name, [](std::size_t) { return true; }, [](std::size_t) {}),
              ring.node_of(name));
  }
}

}  // namespace
}  // namespace coatcheck
