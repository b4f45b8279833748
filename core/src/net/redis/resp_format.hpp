// Commands in the server's form: an array of length-prefixed strings. Nothing is quoted or escaped, so there is
// nothing that a value could break out of. Written straight into the buffer that is sent.
// Format: https://redis.io/docs/latest/develop/reference/protocol-spec/
#pragma once

#include <charconv>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace coatcheck::net {

inline void append_prefix(std::string& out, char type, std::size_t number) {
  char text[24];
  text[0] = type;
  char* const end = std::to_chars(text + 1, text + sizeof(text) - 2, number).ptr;
  end[0] = '\r';
  end[1] = '\n';
  out.append(text, static_cast<std::size_t>(end + 2 - text));
}

// The head of a command of `count` arguments, its name included.
inline void append_command_head(std::string& out, std::size_t count) { append_prefix(out, '*', count); }

// One argument, made of pieces.
inline void append_argument(std::string& out, std::initializer_list<std::string_view> pieces) {
  std::size_t size = 0;
  for (const std::string_view piece : pieces) {
    size += piece.size();
  }
  append_prefix(out, '$', size);
  for (const std::string_view piece : pieces) {
    out.append(piece);
  }
  out.append("\r\n", 2);
}

inline void append_argument(std::string& out, std::string_view text) { append_argument(out, {text}); }

inline void append_command(std::string& out, std::initializer_list<std::string_view> arguments) {
  append_command_head(out, arguments.size());
  for (const std::string_view argument : arguments) {
    append_argument(out, argument);
  }
}

}  // namespace coatcheck::net
