// Known answers from tests/vectors/*.json, which the Node and Python suites read too.
#pragma once

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace coatcheck_test {

// The cases of tests/vectors/<name>.json. A file that is missing or empty fails the test that asks.
inline nlohmann::json vector_cases(const std::string& name) {
  std::ifstream file(COATCHECK_VECTORS "/" + name + ".json");
  nlohmann::json all = nlohmann::json::parse(file, nullptr, false);
  if (all.is_discarded() || !all.contains("cases") || all["cases"].empty()) {
    ADD_FAILURE() << "no cases in tests/vectors/" << name << ".json";
    return nlohmann::json::array();
  }
  return all["cases"];
}

inline std::string from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return out;
}

inline std::string to_hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

}  // namespace coatcheck_test
