// From a store URL, with its layers and tiers, to a store.
#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "store/cached/store.hpp"
#include "store/kind.hpp"
#include "store/layers/counting.hpp"
#include "store/layers/encrypting.hpp"
#include "store/lmdb/store.hpp"
#include "store/memcached/store.hpp"
#include "store/memory/store.hpp"
#include "store/postgres/store.hpp"
#include "store/redis/store.hpp"
#include "store/url.hpp"

namespace coatcheck {
namespace {

constexpr std::span<const store_kind> all_kinds[] = {memory_kinds, lmdb_kinds, redis_kinds, memcached_kinds,
                                                     postgres_kinds};
constexpr const layer_kind* all_layers[] = {&counting_layer, &encrypting_layer, &migrating_layer, &preparing_layer};
constexpr std::size_t most_layers = 8;

struct tiers;

// A URL, understood: layers before one store, or before a cache and its origin.
struct stack {
  std::vector<const layer_kind*> layers;  // the outermost first
  parsed_url url;
  const store_kind* kind = nullptr;
  std::shared_ptr<tiers> both;  // then there is no kind
};
struct tiers {
  cached_options options;
  stack cache, origin;
};

char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool same_word(std::string_view text, std::string_view word) {
  return std::equal(text.begin(), text.end(), word.begin(), word.end(),
                    [](char a, char b) { return lower_case(a) == b; });
}

const layer_kind* layer_before(std::string_view url) {
  const auto word = url.substr(0, url.find(':'));
  if (word.size() == url.size()) return nullptr;
  const auto* const found = std::find_if(std::begin(all_layers), std::end(all_layers),
                                         [&](const layer_kind* one) { return same_word(word, one->word); });
  return found == std::end(all_layers) ? nullptr : *found;
}

// What stands after `cached`, if the URL begins so: `:` or `(`, and the rest.
std::optional<std::string_view> after_cached(std::string_view url) {
  const auto word = url.substr(0, url.find_first_of(":("));
  if (word.size() == url.size() || !same_word(word, cached_word)) return std::nullopt;
  return url.substr(word.size());
}

// `in_tier`: it stands in `cached:`.
result<stack> understand(std::string_view url, std::size_t depth, bool in_tier);

// `(name=value,…):CACHE|ORIGIN`. The first bar divides, so that an origin may have a cache of its own; a bar within a
// URL is written %7C.
result<std::shared_ptr<tiers>> understand_tiers(std::string_view text, std::size_t depth) {
  auto out = std::make_shared<tiers>();
  if (text.front() == '(') {
    const auto end = text.find(')');
    if (end == std::string_view::npos || end + 1 == text.size() || text[end + 1] != ':')
      return {errc::invalid_url, "store URL: cached: the '(' of its options is not closed by '):'"};
    auto options = parse_cached_options(text.substr(1, end - 1));
    if (!options) return options.error();
    out->options = *options;
    text.remove_prefix(end + 1);
  }
  text.remove_prefix(1);
  const auto bar = text.find('|');
  if (bar == std::string_view::npos)
    return {errc::invalid_url, "store URL: cached: needs two URLs, as in cached:memory:|redis://127.0.0.1"};
  if (text.substr(0, bar) == text.substr(bar + 1))
    return {errc::invalid_url, "store URL: cached: the cache and the origin are the same store"};
  auto cache = understand(text.substr(0, bar), depth, true);
  if (!cache) return cache.error();
  auto origin = understand(text.substr(bar + 1), depth, true);
  if (!origin) return origin.error();
  out->cache = *std::move(cache);
  out->origin = *std::move(origin);
  return out;
}

result<stack> understand(std::string_view url, std::size_t depth, bool in_tier) {
  stack out;
  for (;; ++depth) {
    const auto rest = after_cached(url);
    const auto* const layer = rest ? nullptr : layer_before(url);
    if (!rest && layer == nullptr) break;
    if (depth == most_layers) return {errc::invalid_url, "store URL: more than 8 layers"};
    if (rest) {
      auto both = understand_tiers(*rest, depth + 1);
      if (!both) return both.error();
      out.both = *std::move(both);
      return out;
    }
    out.layers.push_back(layer);
    url.remove_prefix(layer->word.size() + 1);
  }
  if (in_tier && url.find('|') != std::string_view::npos)
    return {errc::invalid_url, "store URL: cached: more than two URLs; a '|' within one is written %7C"};
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
  if (out.url.hosts.size() > 1 && !out.kind->several_hosts)
    return {errc::invalid_url,
            "store URL: " + out.url.scheme + ": takes one host (percent-encode ',' in the password)"};
  return out;
}

bool needs_loop(const stack& wanted) {
  if (wanted.both == nullptr) return wanted.kind->asynchronous;
  return needs_loop(wanted.both->cache) || needs_loop(wanted.both->origin);
}

result<std::shared_ptr<store>> open_stack(const stack& wanted, const store_options& options);

result<std::shared_ptr<store>> open_tiers(const tiers& both, const store_options& options) {
  store_options of_cache = options;
  of_cache.may_forget = true;
  auto cache = open_stack(both.cache, of_cache);
  if (!cache) return cache;
  auto origin = open_stack(both.origin, options);
  if (!origin) {
    (*cache)->close();
    return origin;
  }
  auto chosen = both.options;
  chosen.time = options.time;
  chosen.loop = options.loop;
  auto made = cached(*cache, *origin, chosen);
  if (made) return std::shared_ptr<store>(*std::move(made));
  (*cache)->close();
  (*origin)->close();
  return made.error();
}

result<std::shared_ptr<store>> open_stack(const stack& wanted, const store_options& options) {
  auto made = wanted.both != nullptr ? open_tiers(*wanted.both, options) : wanted.kind->open(wanted.url, options);
  for (auto layer = wanted.layers.rbegin(); made && layer != wanted.layers.rend(); ++layer) {
    made = (*layer)->open(*std::move(made), options);
  }
  return made;
}

std::string needs_loop_message(const stack& wanted) {
  const std::string name = wanted.both != nullptr ? std::string(cached_word) : wanted.url.scheme;
  return "a " + name + ": store needs an event loop (store_options::loop)";
}

}  // namespace

result<std::string> encrypted_url(std::string_view url, encryption how) {
  if (how == encryption::off) return std::string(url);
  for (auto rest = url; const auto* const layer = layer_before(rest); rest.remove_prefix(layer->word.size() + 1)) {
    if (layer->encrypts == encryption::off) continue;
    if (layer->encrypts == how) return std::string(url);
    return {errc::invalid_option,
            "the option to encrypt and the store's URL name two kinds of it: leave one of them out"};
  }
  for (const auto* const layer : all_layers) {
    if (layer->encrypts == how) return std::string(layer->word).append(1, ':').append(url);
  }
  return {errc::invalid_option, "the option to encrypt is none that there is"};
}

std::string unencrypted_url(std::string_view url) {
  std::string out;
  while (const auto* const layer = layer_before(url)) {
    if (layer->encrypts == encryption::off) out.append(layer->word) += ':';
    url.remove_prefix(layer->word.size() + 1);
  }
  return out.append(url);
}

result<std::shared_ptr<store>> open_store(std::string_view url, const store_options& options) {
  const auto wanted = understand(url, 0, false);
  if (!wanted) return wanted.error();
  if (needs_loop(*wanted) && options.loop == nullptr) return {errc::invalid_option, needs_loop_message(*wanted)};
  if (options.near_cache && (wanted->both != nullptr || !wanted->kind->near_cache)) {
    return {
        errc::invalid_option,
        "near-cache: this store can't have one: Redis' stores and PostgreSQL's can, by themselves or behind layers"};
  }
  return open_stack(*wanted, options);
}

result<bool> needs_driver(std::string_view url) {
  const auto wanted = understand(url, 0, false);
  if (!wanted) return wanted.error();
  return needs_loop(*wanted);
}

result<std::string> schema_sql(std::string_view url) {
  const auto wanted = understand(url, 0, false);
  if (!wanted) return wanted.error();
  if (wanted->both != nullptr)
    return {errc::store_unsupported, "a cached: store has no schema: its origin's URL may have"};
  if (wanted->kind->schema_sql == nullptr)
    return {errc::store_unsupported, "a " + wanted->url.scheme + ": store has no schema: there is nothing to make"};
  return wanted->kind->schema_sql(wanted->url);
}

}  // namespace coatcheck
