// Read, look, write: see steps.hpp.
#include "store/memcached/steps.hpp"

#include <charconv>
#include <memory>
#include <string>
#include <utility>

#include "coatcheck/kept_block.hpp"

#include "store/operation.hpp"

namespace coatcheck {
namespace {

using net::meta_answer;
using net::meta_code;
using net::on_loss;

constexpr int most_rounds = 32;
constexpr std::size_t item_overhead = 64;  // of Memcached's own: header, cas, length of the key, ends

// What a write in several steps works on, and how it looks at it.
template <class Operation, class Result>
class item_steps : public store_operation<Operation, Result, memcached_nodes*> {
 protected:
  item_steps(memcached_nodes* nodes, std::string_view key, epoch_ms expires_at, completion<Result> done)
      : store_operation<Operation, Result, memcached_nodes*>(nodes, done),
        nodes_(*nodes),
        name_(nodes->name_of(key)),
        at_(nodes->place_of(name_)),
        deadline_(at_.link->new_deadline()),
        expires_at_(expires_at) {}

  void fail(error why) {
    Result out;
    out.why = std::move(why);
    this->finish(std::move(out));
  }
  // Reads the item, and goes on in `looked(answer)`.
  void look() {
    std::string line;
    nodes_.read_line(line, name_, at_);
    at_.link->submit([self = static_cast<Operation*>(this)](const meta_answer& given) { self->looked(given); },
                     deadline_, line, {}, on_loss::ask_again);
  }

  memcached_nodes& nodes_;
  const std::string name_;
  const memcached_place at_;
  const steady_ms deadline_;
  const epoch_ms expires_at_;
};

// One write, from its first look to its answer.
class put_steps : public item_steps<put_steps, put_result> {
 public:
  put_steps(memcached_nodes* nodes, std::string_view key, std::string_view bytes, epoch_ms expires_at,
            const expectation& expect, const etag& tag, completion<put_result> done)
      : item_steps(nodes, key, expires_at, done), expect_(expect), tag_(tag) {
    data_.resize(envelope::header_size);
    envelope::write_header(expires_at, tag.view(), data_.data());
    data_ += bytes;
  }

  void start() {
    if (at_.link->largest_item() != 0) return begin();
    // What is too large may not be sent: Memcached would drop the item that is there. So ask first how large that is.
    at_.link->submit_plain(
        [self = this](const meta_answer& given) {
          if (!given) return self->fail(to_error(given));
          self->begin();
        },
        deadline_, "mn");
  }

 private:
  friend class item_steps<put_steps, put_result>;
  void begin() {
    if (data_.size() + name_.size() + item_overhead > at_.link->largest_item() || data_.size() > net::max_meta_value) {
      return fail({errc::payload_too_large, "the session is larger than Memcached takes (" +
                                                std::to_string(at_.link->largest_item()) +
                                                " bytes): raise its item size (-I), or store less"});
    }
    switch (expect_.what) {
      case expectation::kind::any:
        return write({}, on_loss::fail);
      case expectation::kind::absent:
        return write(" ME", on_loss::fail);
      case expectation::kind::match:
        break;
    }
    const bool ours = expect_.tag.view().size() == envelope::tag_size;
    const std::uint64_t cas = ours ? nodes_.versions.cas_of(expect_.tag.view(), *at_.link, nodes_.now()) : 0;
    return cas != 0 ? write_over(cas) : look_again();
  }

  void write(std::string_view mode, on_loss then) {
    std::string line;
    nodes_.write_line(line, name_, data_.size(), expires_at_);
    line += mode;
    at_.link->submit([self = this](const meta_answer& given) { self->written(given); }, deadline_, line, data_, then);
  }
  // Only if the item is still the one with this number, on the connection that told it.
  void write_over(std::uint64_t cas) { write(" C" + std::to_string(cas), on_loss::stay); }

  void written(const meta_answer& given) {
    if (!given) return fail(to_error(given));
    const bool plain = expect_.what == expectation::kind::any;
    switch (given.value->code) {
      case meta_code::done: {
        put_result out;
        out.status = put_status::stored;
        out.tag = tag_;
        if (given.value->cas != 0) nodes_.versions.remember(tag_.view(), *at_.link, given.value->cas, expires_at_);
        return finish(std::move(out));
      }
      case meta_code::exists:
      case meta_code::not_stored:
        if (!plain) return look_again();
        break;
      case meta_code::not_found:
        if (!plain) return nothing_there();
        break;
      default:
        break;
    }
    fail(unfit_meta_reply(*at_.link));
  }

  void look_again() {
    if (++rounds_ > most_rounds) {
      return fail({errc::store_overloaded, "a session in Memcached changes faster than it can be written"});
    }
    look();
  }

  void looked(const meta_answer& given) {
    if (!given) return fail(to_error(given));
    const auto item = nodes_.item_in(*given.value, at_);
    if (!item) return fail(unfit_meta_reply(*at_.link));
    const bool match = expect_.what == expectation::kind::match;
    switch (item->what) {
      case memcached_item::state::damaged:
        return fail(damaged_item_error());
      case memcached_item::state::absent:
        // Something whose time is over: Memcached has not noticed yet.
        if (!match && given.value->cas != 0) return write_over(given.value->cas);
        return nothing_there();
      case memcached_item::state::live:
        break;
    }
    if (match && item->entry.tag == expect_.tag.view()) return write_over(given.value->cas);
    nodes_.remember(item->entry, at_, given.value->cas);
    put_result out;
    out.status = put_status::conflict;
    out.current = envelope::to_value(item->entry);
    finish(std::move(out));
  }

  void nothing_there() {
    if (expect_.what == expectation::kind::absent) {
      if (++rounds_ > most_rounds) {
        return fail({errc::store_overloaded, "a session in Memcached changes faster than it can be written"});
      }
      return write(" ME", on_loss::fail);
    }
    put_result out;
    out.status = put_status::gone;
    finish(std::move(out));
  }

  const expectation expect_;
  const etag tag_;
  std::string data_;
  int rounds_ = 0;
};

// Reads the item and writes it with another deadline and the same tag, if it is still the same item. Where it is not,
// somebody wrote it between the two: this touch counts as one that came just before that, which is as good as any.
class touch_steps : public item_steps<touch_steps, touch_result> {
 public:
  touch_steps(memcached_nodes* nodes, std::string_view key, epoch_ms expires_at, completion<touch_result> done)
      : item_steps(nodes, key, expires_at, done) {}
  void start() { look(); }

 private:
  friend class item_steps<touch_steps, touch_result>;
  void looked(const meta_answer& given) {
    if (!given) return fail(to_error(given));
    const auto item = nodes_.item_in(*given.value, at_);
    if (!item) return fail(unfit_meta_reply(*at_.link));
    if (item->what == memcached_item::state::damaged) return fail(damaged_item_error());
    if (item->what == memcached_item::state::absent) return end(touch_status::gone);
    tag_ = etag(item->entry.tag);
    std::string data(given.value->value);
    envelope::write_expiry(expires_at_, data.data());
    std::string line;
    nodes_.write_line(line, name_, data.size(), expires_at_);
    line += " C" + std::to_string(given.value->cas);
    at_.link->submit([self = this](const meta_answer& answer) { self->written(answer); }, deadline_, line, data,
                     on_loss::stay);
  }

  void written(const meta_answer& given) {
    if (!given) return fail(to_error(given));
    switch (given.value->code) {
      case meta_code::done:
        if (given.value->cas != 0) nodes_.versions.remember(tag_.view(), *at_.link, given.value->cas, expires_at_);
        return end(touch_status::touched);
      case meta_code::exists:
        return end(touch_status::touched);
      case meta_code::not_found:
        return end(touch_status::gone);
      default:
        return fail(unfit_meta_reply(*at_.link));
    }
  }

  void end(touch_status status) {
    touch_result out;
    out.status = status;
    finish(std::move(out));
  }

  etag tag_;
};

// A read and a removal that leave together: the one tells whether what the other removed was alive.
struct removal : kept_block<removal> {
  memcached_nodes& nodes;
  memcached_place at;
  completion<remove_result> done;
  bool was_over = false;
  bool half_done = false;
  remove_result out;

  removal(memcached_nodes& on, const memcached_place& where, completion<remove_result> then)
      : nodes(on), at(where), done(then) {}

  void looked(const meta_answer& given) {
    const auto item = given ? nodes.item_in(*given.value, at) : std::nullopt;
    if (given && !item) out.why = unfit_meta_reply(*at.link);
    was_over = item && item->what == memcached_item::state::absent && given.value->code == meta_code::value;
    heard();
  }
  void removed(const meta_answer& given) {
    if (!given) {
      if (out.why.message.empty()) out.why = to_error(given);
    } else if (given.value->code == meta_code::done) {
      out.status = was_over ? remove_status::absent : remove_status::removed;
    } else if (given.value->code == meta_code::not_found) {
      out.status = remove_status::absent;
    } else {
      out.why = unfit_meta_reply(*at.link);
    }
    heard();
  }
  void heard() {
    if (!std::exchange(half_done, true)) return;
    const std::unique_ptr<removal> mine(this);
    mine->done(std::move(mine->out));
  }
};

}  // namespace

void memcached_put(memcached_nodes& nodes, std::string_view key, std::string_view bytes, epoch_ms expires_at,
                   const expectation& expect, const etag& tag, completion<put_result> done) {
  run_operation<put_steps>(&nodes, key, bytes, expires_at, expect, tag, done);
}

void memcached_touch(memcached_nodes& nodes, std::string_view key, epoch_ms expires_at, completion<touch_result> done) {
  run_operation<touch_steps>(&nodes, key, expires_at, done);
}

void memcached_remove(memcached_nodes& nodes, std::string_view key, completion<remove_result> done) {
  const std::string name = nodes.name_of(key);
  const memcached_place at = nodes.place_of(name);
  auto* const both = new removal(nodes, at, done);
  const steady_ms deadline = at.link->new_deadline();
  std::string line;
  nodes.read_line(line, name, at);
  at.link->submit([both](const meta_answer& given) { both->looked(given); }, deadline, line, {}, on_loss::fail);
  line.assign("md ").append(name);
  at.link->submit([both](const meta_answer& given) { both->removed(given); }, deadline, line, {}, on_loss::fail);
}

}  // namespace coatcheck
