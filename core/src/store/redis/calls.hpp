// Commands and scripts of the Redis store on its way to a server, and one question asked about many keys.
//
// Thread safety: the thread of the driver.
#pragma once

#include <array>
#include <charconv>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/store.hpp"

#include "net/redis/resp_format.hpp"
#include "net/redis/route.hpp"
#include "store/redis/names.hpp"
#include "store/redis/replies.hpp"
#include "store/redis/script.hpp"

namespace coatcheck {

// A number as decimal text, in place.
class decimal {
 public:
  explicit decimal(std::int64_t number) noexcept
      : size_(static_cast<std::size_t>(std::to_chars(text_.data(), text_.data() + text_.size(), number).ptr -
                                       text_.data())) {}
  [[nodiscard]] operator std::string_view() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, 20> text_;
  std::size_t size_;
};

// A script under way. It keeps its arguments: a server that does not know the script is sent its text with them.
struct script_call {
  const redis_script* script = nullptr;
  steady_ms deadline = 0;
  net::reply_handler then;  // gets the answer, while this is there; never NOSCRIPT
  std::string key;          // for `then`, where it goes on with the owner's index
  epoch_ms expires_at = 0;
  std::string arguments;  // from the number of keys on, encoded
  std::size_t count = 0;  // of them

  void add(std::string_view text) { add({text}); }
  // What a put expects to find: 'any', 'absent', or the etag, of `tag_size` bytes. One that is none of ours matches
  // nothing; it must not be taken for a word.
  void add(const expectation& expect, std::size_t tag_size);
  void add(std::initializer_list<std::string_view> pieces) {
    net::append_argument(arguments, pieces);
    ++count;
  }
};

class redis_calls {
 public:
  redis_calls(std::shared_ptr<net::redis_route> on, redis_names named, const clock& wall)
      : link(std::move(on)), names(std::move(named)), time(wall) {}

  // `keys`: how many arguments are names of keys; they come first. `bytes`: about how large the others are.
  [[nodiscard]] std::unique_ptr<script_call> call(const redis_script& script, std::size_t keys,
                                                  std::size_t bytes = 0) const;
  // The same, with the two keys of a session and the time.
  [[nodiscard]] std::unique_ptr<script_call> call_of(const redis_script& script, std::string_view key,
                                                     std::size_t bytes = 0) const;
  void run(std::unique_ptr<script_call> what) { run(*link, command, std::move(what), false); }
  // Ends an operation whose arguments are wrong, on the next turn of the loop, with what `why` says.
  template <class R>
  void refuse(completion<R> done, error (*why)()) const {
    link->answer_later(
        [done, why](const net::answer& given) {
          R out;
          out.why = given.code == errc::store_closed ? to_error(given) : why();
          done(std::move(out));
        },
        net::failure{errc::invalid_option, {}});
  }
  // GET, with `encoded` being the command.
  void get(std::string_view encoded, steady_ms deadline, completion<get_result> done) const;
  // Known, and `count`, when a server answers.
  void ping(completion<count_result> done, std::uint64_t count);
  // What an owner's index is told; nobody waits for it. Where it is lost, the index lags until the session's next
  // write or touch (docs/formats.md, "Redis").
  void tell_index(std::unique_ptr<script_call> what) {
    what->then = [](const net::answer&) {};
    run(std::move(what));
  }
  void drop_from_index(std::string_view digest, const std::vector<std::string>& keys);
  // KEYS the index of the owner with this digest; ARGV key, deadline, ms to live, now.
  [[nodiscard]] std::unique_ptr<script_call> link_call(std::string_view digest, std::string_view key,
                                                       epoch_ms expires_at) const;

  const std::shared_ptr<net::redis_route> link;
  const redis_names names;
  const clock& time;
  std::string command;  // the one being encoded; its memory is used again

 private:
  static void run(net::redis_route& link, std::string& scratch, std::unique_ptr<script_call> what, bool whole_text);
};

// One question asked about many keys: some at a time, for a link takes only so many operations, and within one
// deadline. Made by new; ends itself after on_end.
class key_walk {
 public:
  key_walk(const key_walk&) = delete;
  key_walk& operator=(const key_walk&) = delete;
  virtual ~key_walk() = default;

 protected:
  explicit key_walk(redis_calls& calls) : calls_(calls), deadline_(calls.link->new_deadline()) {}
  void walk(std::vector<std::string> keys);
  void finish(std::optional<error> why);

  [[nodiscard]] virtual std::unique_ptr<script_call> question(std::string_view key) const = 0;
  // False: the reply is not of the question's kind.
  [[nodiscard]] virtual bool on_key(const std::string& key, net::reply_view reply) = 0;
  // After all of `keys`; the walk may go on with others.
  virtual void on_walked() = 0;
  // None: all questions were answered.
  virtual void on_end(std::optional<error> why) = 0;

  redis_calls& calls_;
  const steady_ms deadline_;

 private:
  void ask();
  void heard(std::size_t index, const net::answer& given);
  void answered();

  std::vector<std::string> keys_;
  std::size_t next_ = 0;
  std::size_t waiting_ = 0;
  std::optional<error> why_;
};

}  // namespace coatcheck
