// The parameters of a store URL that are about TLS: the same words for every store that has it.
//
// Thread safety: plain functions.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "coatcheck/error.hpp"

#include "net/transport/transport.hpp"
#include "store/url.hpp"

namespace coatcheck {

// ca, cert, key: as redis-cli and node:tls call them. For a store that takes TLS these are beside its own.
inline constexpr std::string_view tls_parameters[] = {"ca",           "ca_dir",      "cert",        "key",
                                                      "key_password", "server_name", "tls_insecure"};

// What makes the connections of such a store; the files have been read. Error: invalid_url.
[[nodiscard]] result<std::function<std::unique_ptr<net::transport>()>> tls_of(const parsed_url& url);

}  // namespace coatcheck
