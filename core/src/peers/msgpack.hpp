// A session of MessagePack (msgpack.org, spec.md of 2013-08; the timestamp of 2017-08) as JSON text.
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace coatcheck::peers {

// Nothing for what is no map, is cut or has something after it, is nested over 64 deep, or holds what JSON has no word
// and no tag for. Bytes become {" b": base64}, timestamps {" d": RFC 1123}.
[[nodiscard]] std::optional<std::string> msgpack_to_json(std::string_view bytes);

}  // namespace coatcheck::peers
