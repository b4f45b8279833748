// Asking in turn: see inquiry.hpp.
#include "net/redis/inquiry.hpp"

#include <algorithm>
#include <utility>

namespace coatcheck::net {
namespace {

constexpr duration_ms least_patience = 50;

link_options for_questions(link_options chosen) {
  chosen.fail_fast = true;
  return chosen;
}

}  // namespace

redis_inquiry::redis_inquiry(redis_target as, const link_options& chosen, driver& loop, std::vector<endpoint> servers,
                             std::string question, callbacks to)
    : patience_(std::max(chosen.timeout / 4, std::min(least_patience, chosen.timeout))),
      question_(std::move(question)),
      to_(std::move(to)),
      loop_(loop),
      servers_(std::move(servers)),
      asked_(servers_.front()) {
  as.where = [this] { return asked_; };
  as.on_memory = {};
  link_ = redis_link::create(std::move(as), for_questions(chosen), loop);
}

void redis_inquiry::ask() {
  if (asking_) return;
  asking_ = true;
  left_ = servers_.size();
  ask_one();
}

void redis_inquiry::forget() noexcept {
  asking_ = false;
  ++number_;
}

void redis_inquiry::turn() {
  if (!asking_) at_ = (at_ + 1) % servers_.size();
}

void redis_inquiry::set_servers(std::vector<endpoint> servers) {
  const auto same = std::find(servers.begin(), servers.end(), asked_);
  at_ = same == servers.end() ? 0 : static_cast<std::size_t>(same - servers.begin());
  servers_ = std::move(servers);
}

void redis_inquiry::ask_one() {
  if (!(servers_[at_] == asked_)) {
    asked_ = servers_[at_];
    link_->move_on("another server is asked");
  }
  --left_;
  const auto handle = [this, number = ++number_](const answer& given) {
    if (number == number_ && asking_) answered(given);
  };
  link_->submit(handle, loop_.now() + patience_, question_);
}

void redis_inquiry::answered(const answer& given) {
  const endpoint by = asked_;
  asking_ = false;  // whoever hears of it may ask anew
  if (!given && given.code == errc::store_closed) return;
  if (given && to_.heard(given.value->root(), by)) return;
  if (left_ > 0) {
    asking_ = true;
    at_ = (at_ + 1) % servers_.size();
    return ask_one();
  }
  at_ = (at_ + 1) % servers_.size();
  to_.nobody(given ? failure{to_.unfit_code, to_.unfit} : failure{given.code, given.why});
}

}  // namespace coatcheck::net
