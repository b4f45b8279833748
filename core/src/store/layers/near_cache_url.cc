// From parameters to near_cache_options: see near_cache_url.hpp.
#include "store/layers/near_cache_url.hpp"

#include "store/layers/near_cache.hpp"

namespace coatcheck {

result<std::optional<near_cache_options>> near_cache_of(const parsed_url& url, const store_options& options) {
  std::optional<near_cache_options> chosen = options.near_cache;
  if (url.parameter("near_cache")) {
    const auto size = url.number("near_cache", 0, near_cache_options::least_size, std::uint64_t{1} << 40);
    const auto max_stale = url.number("max_stale", near_cache_options::default_max_stale, 50, 60'000);
    if (!size || !max_stale) return size ? max_stale.error() : size.error();
    if (chosen) return {errc::invalid_url, "store URL: the near-cache is given twice, in the URL and as an option"};
    chosen = {static_cast<std::size_t>(*size), static_cast<duration_ms>(*max_stale)};
  } else if (url.parameter("max_stale")) {
    return {errc::invalid_url, "store URL: max_stale is of a near-cache: give near_cache=BYTES, too"};
  }
  if (chosen) {
    if (auto fits = check_near_cache(*chosen); !fits) return fits.error();
    if (url.parameter("layout")) {
      return {errc::invalid_option, "near-cache: not for records of another package (layout=)"};
    }
    // A replica may answer what it was told of long after the master has told of it.
    if (url.parameter("read_from").value_or("master") != "master") {
      return {errc::invalid_option, "near-cache: not with read_from=replica: what a replica answers may be older"};
    }
  }
  return chosen;
}

}  // namespace coatcheck
