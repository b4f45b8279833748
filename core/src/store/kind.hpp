// What a store's header says of it to whoever opens stores by URL: its schemes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "coatcheck/store.hpp"

#include "store/url.hpp"

namespace coatcheck {

struct store_kind {
  std::string_view scheme;  // without the colon
  bool asynchronous;        // needs store_options::loop
  result<std::shared_ptr<store>> (*open)(const parsed_url&, const store_options&);
  bool near_cache = false;                                         // knows store_options::near_cache
  bool several_hosts = false;                                      // a URL may name more than one
  result<std::string> (*schema_sql)(const parsed_url&) = nullptr;  // null: it has no schema
};

}  // namespace coatcheck
