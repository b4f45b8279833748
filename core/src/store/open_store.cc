// From a store URL, with its layers, to a store.
#include <algorithm>
#include <span>
#include <vector>

#include "store/kind.hpp"
#include "store/layers/counting.hpp"
#include "store/lmdb/store.hpp"
#include "store/memory/store.hpp"
#include "store/postgres/store.hpp"
#include "store/redis/store.hpp"
#include "store/url.hpp"

namespace coatcheck {
namespace {

constexpr std::span<const store_kind> all_kinds[] = {memory_kinds, lmdb_kinds, redis_kinds, postgres_kinds};
constexpr const layer_kind* all_layers[] = {&counting_layer};
constexpr std::size_t most_layers = 8;

// A URL, understood.
struct stack {
  std::vector<const layer_kind*> layers;  // the outermost first
  parsed_url url;
  const store_kind* kind = nullptr;
};

const layer_kind* layer_before(std::string_view url) {
  const auto word = url.substr(0, url.find(':'));
  if (word.size() == url.size()) return nullptr;
  const auto same = [&](const layer_kind* one) {
    return std::equal(word.begin(), word.end(), one->word.begin(), one->word.end(),
                      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; });
  };
  const auto* const found = std::find_if(std::begin(all_layers), std::end(all_layers), same);
  return found == std::end(all_layers) ? nullptr : *found;
}

result<stack> understand(std::string_view url) {
  stack out;
  while (const auto* const layer = layer_before(url)) {
    if (out.layers.size() == most_layers) return {errc::invalid_url, "store URL: more than 8 layers"};
    out.layers.push_back(layer);
    url.remove_prefix(layer->word.size() + 1);
  }
  auto parsed = parse_url(url);
  if (!parsed) return parsed.error();
  out.url = *std::move(parsed);
  std::string known;
  for (const auto kinds : all_kinds) {
    for (const auto& kind : kinds) {
      if (kind.scheme == out.url.scheme) out.kind = &kind;
      known += (known.empty() ? "" : ", ") + std::string(kind.scheme) + ":";
    }
  }
  // The scheme is not shown: of a URL without one (user:password@host), it is the user.
  if (out.kind == nullptr) return {errc::invalid_url, "store URL: unknown scheme; known are " + known};
  if (!out.url.more_hosts.empty() && !out.kind->several_hosts)
    return {errc::invalid_url, "store URL: " + out.url.scheme + ": takes one host, without a comma"};
  return out;
}

}  // namespace

result<std::shared_ptr<store>> open_store(std::string_view url, const store_options& options) {
  auto wanted = understand(url);
  if (!wanted) return wanted.error();
  if (wanted->kind->asynchronous && options.loop == nullptr)
    return {errc::invalid_option, "a " + wanted->url.scheme + ": store needs an event loop (store_options::loop)"};
  auto made = wanted->kind->open(wanted->url, options);
  for (auto layer = wanted->layers.rbegin(); made && layer != wanted->layers.rend(); ++layer) {
    made = (*layer)->open(*std::move(made), options);
  }
  return made;
}

result<bool> needs_driver(std::string_view url) {
  const auto wanted = understand(url);
  if (!wanted) return wanted.error();
  return wanted->kind->asynchronous;
}

result<std::string> schema_sql(std::string_view url) {
  const auto wanted = understand(url);
  if (!wanted) return wanted.error();
  if (wanted->kind->schema_sql == nullptr)
    return {errc::store_unsupported, "a " + wanted->url.scheme + ": store has no schema: there is nothing to make"};
  return wanted->kind->schema_sql(wanted->url);
}

}  // namespace coatcheck
