// A record of express-session as its stores keep it in JSON (connect-redis 9, express-session 1.19): the session's
// members with its cookie among them. Taken apart and put together as text, so that what nobody changed keeps its
// bytes.
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace coatcheck::peers {

struct express_record {
  std::string cookie;   // a JSON object
  std::string payload;  // a JSON object: everything else
};

// Nothing for what is no JSON object, or has no object `cookie` among its members.
[[nodiscard]] std::optional<express_record> read_express_record(std::string_view bytes);
// The cookie comes first, where express-session has it. REQUIRES: both are JSON objects; the payload has no `cookie`.
[[nodiscard]] std::string write_express_record(std::string_view cookie, std::string_view payload);
// Whether a JSON object has a member of that name, at its top.
[[nodiscard]] bool has_member(std::string_view object, std::string_view name);

}  // namespace coatcheck::peers
