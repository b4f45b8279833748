// The table of option_words.hpp.
#include "coatcheck/option_words.hpp"

#include <span>
#include <string>

namespace coatcheck {
namespace {

template <class T>
struct meaning {
  std::string_view word;
  T value;
};

template <class T>
result<void> find(std::string_view option, std::string_view word, std::span<const meaning<T>> known, T& into) {
  std::string allowed;
  for (const auto& one : known) {
    if (one.word == word) {
      into = one.value;
      return {};
    }
    allowed += (allowed.empty() ? "\"" : ", \"") + std::string(one.word) + '"';
  }
  return {errc::invalid_option, std::string(option) + " must be one of " + allowed};
}

constexpr meaning<secure_mode> secure_words[] = {
    {"auto", secure_mode::automatic}, {"always", secure_mode::always}, {"never", secure_mode::never}};
constexpr meaning<same_site_mode> same_site_mode_words[] = {{"lax", same_site_mode::lax},
                                                            {"strict", same_site_mode::strict},
                                                            {"none", same_site_mode::none},
                                                            {"unset", same_site_mode::unset},
                                                            {"auto", same_site_mode::automatic}};
constexpr meaning<same_site> same_site_words[] = {
    {"lax", same_site::lax}, {"strict", same_site::strict}, {"none", same_site::none}};
constexpr meaning<cookie_priority> priority_words[] = {{"unset", cookie_priority::unset},
                                                       {"low", cookie_priority::low},
                                                       {"medium", cookie_priority::medium},
                                                       {"high", cookie_priority::high}};
constexpr meaning<merge_policy> conflict_words[] = {
    {"mine", merge_policy::mine}, {"theirs", merge_policy::theirs}, {"reject", merge_policy::reject}};
constexpr meaning<lone_surrogates> halves_words[] = {{"replace", lone_surrogates::replace},
                                                     {"refuse", lone_surrogates::refuse}};
constexpr meaning<session_mode> mode_words[] = {
    {"store", session_mode::store}, {"jwt", session_mode::jwt_signed}, {"jwe", session_mode::jwt_sealed}};

}  // namespace

result<void> read_word(std::string_view option, std::string_view word, secure_mode& into) {
  return find<secure_mode>(option, word, secure_words, into);
}
result<void> read_word(std::string_view option, std::string_view word, same_site_mode& into) {
  return find<same_site_mode>(option, word, same_site_mode_words, into);
}
result<void> read_word(std::string_view option, std::string_view word, same_site& into) {
  return find<same_site>(option, word, same_site_words, into);
}
result<void> read_word(std::string_view option, std::string_view word, cookie_priority& into) {
  return find<cookie_priority>(option, word, priority_words, into);
}
result<void> read_word(std::string_view option, std::string_view word, merge_policy& into) {
  return find<merge_policy>(option, word, conflict_words, into);
}
result<void> read_word(std::string_view option, std::string_view word, lone_surrogates& into) {
  return find<lone_surrogates>(option, word, halves_words, into);
}
result<void> read_word(std::string_view option, std::string_view word, session_mode& into) {
  return find<session_mode>(option, word, mode_words, into);
}

}  // namespace coatcheck
