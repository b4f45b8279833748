// The table of option_words.hpp.
#include "coatcheck/option_words.hpp"

#include <string>

namespace coatcheck {
namespace {

template <class T>
struct meaning {
  std::string_view word;
  T value;
};

// The words of one type; for each that has some a specialisation.
template <class T>
constexpr meaning<T> words_of[1] = {};

template <>
constexpr meaning<secure_mode> words_of<secure_mode>[] = {
    {"auto", secure_mode::automatic}, {"always", secure_mode::always}, {"never", secure_mode::never}};
template <>
constexpr meaning<same_site_mode> words_of<same_site_mode>[] = {{"lax", same_site_mode::lax},
                                                                {"strict", same_site_mode::strict},
                                                                {"none", same_site_mode::none},
                                                                {"unset", same_site_mode::unset},
                                                                {"auto", same_site_mode::automatic}};
template <>
constexpr meaning<same_site> words_of<same_site>[] = {
    {"lax", same_site::lax}, {"strict", same_site::strict}, {"none", same_site::none}};
template <>
constexpr meaning<cookie_priority> words_of<cookie_priority>[] = {{"unset", cookie_priority::unset},
                                                                  {"low", cookie_priority::low},
                                                                  {"medium", cookie_priority::medium},
                                                                  {"high", cookie_priority::high}};
template <>
constexpr meaning<cookie_style> words_of<cookie_style>[] = {{"standard", cookie_style::standard},
                                                            {"starlette", cookie_style::starlette}};
template <>
constexpr meaning<merge_policy> words_of<merge_policy>[] = {
    {"mine", merge_policy::mine}, {"theirs", merge_policy::theirs}, {"reject", merge_policy::reject}};
template <>
constexpr meaning<lone_surrogates> words_of<lone_surrogates>[] = {{"replace", lone_surrogates::replace},
                                                                  {"refuse", lone_surrogates::refuse}};
template <>
constexpr meaning<session_mode> words_of<session_mode>[] = {
    {"store", session_mode::store}, {"jwt", session_mode::jwt_signed}, {"jwe", session_mode::jwt_sealed}};
template <>
constexpr meaning<encryption> words_of<encryption>[] = {{"off", encryption::off},
                                                        {"required", encryption::required},
                                                        {"migrate", encryption::migrate},
                                                        {"prepare", encryption::prepare}};

}  // namespace

template <class T>
result<void> read_word(std::string_view option, std::string_view word, T& into) {
  std::string allowed;
  for (const auto& one : words_of<T>) {
    if (one.word == word) {
      into = one.value;
      return {};
    }
    allowed += (allowed.empty() ? "\"" : ", \"") + std::string(one.word) + '"';
  }
  return {errc::invalid_option, std::string(option) + " must be one of " + allowed};
}

template result<void> read_word(std::string_view, std::string_view, secure_mode&);
template result<void> read_word(std::string_view, std::string_view, same_site_mode&);
template result<void> read_word(std::string_view, std::string_view, same_site&);
template result<void> read_word(std::string_view, std::string_view, cookie_priority&);
template result<void> read_word(std::string_view, std::string_view, cookie_style&);
template result<void> read_word(std::string_view, std::string_view, merge_policy&);
template result<void> read_word(std::string_view, std::string_view, lone_surrogates&);
template result<void> read_word(std::string_view, std::string_view, session_mode&);
template result<void> read_word(std::string_view, std::string_view, encryption&);

}  // namespace coatcheck
