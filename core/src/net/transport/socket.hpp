// Stream sockets that never block.
#pragma once

#include <memory>
#include <string_view>

#include "coatcheck/driver.hpp"

#include "net/transport/transport.hpp"

namespace coatcheck::net {

// The address of a Unix socket. Errors: invalid_url when the path is too long.
[[nodiscard]] result<socket_addresses> unix_address(std::string_view path);

// TCP or a Unix socket, by the address: the bytes as they are.
[[nodiscard]] std::unique_ptr<transport> make_socket_transport();

}  // namespace coatcheck::net
