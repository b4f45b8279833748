// What a layer's header says of it to whoever opens stores by URL: the word that stands before the URL of the store
// that it is to stand before, as in `counted:memory:`.
#pragma once

#include <memory>
#include <string_view>

#include "coatcheck/store.hpp"

namespace coatcheck {

struct layer_kind {
  std::string_view word;  // without the colon, in lower case; no store's scheme
  result<std::shared_ptr<store>> (*open)(std::shared_ptr<store> below, const store_options&);
  encryption encrypts = encryption::off;  // what it does of that
};

}  // namespace coatcheck
