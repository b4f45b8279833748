// The walls of the house: what core/ may include, and which of its parts may use which.
//
// Reads the source tree itself (COATCHECK_SOURCE). The layering is that of the design:
//   session -> tokens -> store, jose, cookie -> net, crypto
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
const fs::path source = COATCHECK_SOURCE;

struct include_line {
  std::string file;    // relative to the source tree
  std::string target;  // what stands between the quotes or brackets
};

std::vector<include_line> includes_below(const fs::path& folder) {
  static const std::regex directive(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
  std::vector<include_line> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) {
      std::smatch match;
      if (std::regex_search(line, match, directive)) {
        found.push_back({fs::relative(entry.path(), source).generic_string(), match[1].str()});
      }
    }
  }
  return found;
}

// Which parts of core/src a part may include, besides itself.
const std::map<std::string, std::set<std::string>> below = {
    {"crypto", {}},
    {"text", {}},
    {"net", {"crypto"}},
    {"cookie", {"crypto"}},
    {"peers", {"crypto"}},
    {"jose", {"crypto", "net", "text"}},
    {"store", {"crypto", "net"}},
    {"tokens", {"crypto", "net", "jose", "store"}},
    {"session", {"crypto", "net", "cookie", "jose", "peers", "store", "text", "tokens"}},
};

// The part that "store/lmdb.hpp" belongs to; empty for what is no private header of the core.
std::string part_of(const std::string& path) {
  const auto slash = path.find('/');
  const std::string first = path.substr(0, slash);
  return slash != std::string::npos && below.contains(first) ? first : std::string();
}

TEST(House, EveryPartIsListed) {
  for (const auto& entry : fs::directory_iterator(source / "core" / "src")) {
    EXPECT_TRUE(below.contains(entry.path().filename())) << entry.path() << " is not in the list of parts above";
  }
}

TEST(House, CoreIncludesNoHostHeader) {
  const std::regex host(R"((^|/)(node_api|node_api_types|js_native_api|node|v8|napi|Python|uv)(-inl)?\.h$|^pybind11/)");
  const auto includes = includes_below(source / "core");
  ASSERT_GT(includes.size(), 50u) << "the core was not found";
  for (const auto& [file, target] : includes) {
    EXPECT_FALSE(std::regex_search(target, host)) << file << " includes <" << target << ">";
  }
}

TEST(House, PartsUseOnlyWhatLiesBelowThem) {
  for (const auto& [file, target] : includes_below(source / "core" / "src")) {
    const std::string from = part_of(file.substr(std::string("core/src/").size()));
    const std::string to = part_of(target);
    if (from.empty() || to.empty() || from == to) continue;
    EXPECT_TRUE(below.at(from).contains(to)) << file << " includes \"" << target << "\"";
  }
}

TEST(House, OpenSslIsNamedInCryptoJoseAndTransportAlone) {
  for (const auto& [file, target] : includes_below(source / "core")) {
    if (!target.starts_with("openssl/")) continue;
    const bool allowed = file.starts_with("core/src/crypto/") || file.starts_with("core/src/jose/") ||
                         file.starts_with("core/src/net/transport");
    EXPECT_TRUE(allowed) << file << " includes <" << target << ">";
  }
}

TEST(House, PublicHeadersIncludeOnlyPublicHeaders) {
  for (const auto& [file, target] : includes_below(source / "core" / "include")) {
    EXPECT_EQ(part_of(target), "") << file << " includes \"" << target << "\", which is not installed";
  }
}

TEST(House, EachBindingKnowsItsOwnHostAlone) {
  const std::regex node_host(R"(^(node_api|napi|uv)\.h$)");
  const std::regex python_host(R"(^(Python\.h|pybind11/))");
  for (const auto& [file, target] : includes_below(source / "bindings")) {
    EXPECT_EQ(part_of(target), "") << file << " includes \"" << target << "\", which is the core's own";
    const bool in_node = file.starts_with("bindings/node/");
    EXPECT_FALSE(std::regex_search(target, in_node ? python_host : node_host)) << file << " includes " << target;
  }
}

}  // namespace
