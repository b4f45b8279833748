// What a cache-aside store does with many keys.
#include "store/cached/write.hpp"

namespace coatcheck {

void cached_remove_owner::start() {
  shared_->origin->owned_by(owner_, then<keys_result, &cached_remove_owner::on_keys>());
}

void cached_remove_owner::on_keys(keys_result&& got) {
  if (!got.known || shared_->closed()) {
    out_.why = got.known ? closed_error() : std::move(got.why);
    return finish(std::move(out_));
  }
  keys_ = std::move(got.keys);
  std::erase(keys_, except_);
  shared_->origin->remove_owner(owner_, except_, then<count_result, &cached_remove_owner::on_removed>());
}

// The cache is told also when nothing is known: what is removed by then is not to be read.
void cached_remove_owner::on_removed(count_result&& got) {
  out_ = std::move(got);
  marks_.reserve(keys_.size());
  for (std::size_t i = 0; i < keys_.size(); ++i) marks_.push_back({this, i});
  tell();
}

// A loop, not a recursion: a cache may answer inside the call.
void cached_remove_owner::tell() {
  if (inside_) return;
  inside_ = true;
  while (next_ < keys_.size() && under_way_ < at_a_time) {
    marking& one = marks_[next_++];
    cache_slot slot(keys_[one.index]);
    shared_->invalidate(slot.name());
    if (!slot.usable()) continue;
    ++under_way_;
    run_operation<mark_slot>(shared_, std::move(slot), completion<cache_told>(on_told, &one));
  }
  inside_ = false;
  if (under_way_ == 0) finish(std::move(out_));
}

void cached_remove_owner::on_told(void* context, cache_told&& got) {
  const auto& one = *static_cast<marking*>(context);
  auto& self = *one.of;
  auto& in = *self.shared_;
  const std::string& key = self.keys_[one.index];
  in.invalidate(cache_slot(key).name());
  if (!got.known) {
    in.doubts.add(key, in.time.now());
    if (in.options.removal == removal_policy::both && self.out_.known) {
      self.out_ = {false, 0, in.closed() ? closed_error() : copy_may_be_left(in, std::move(got.why))};
    }
  }
  --self.under_way_;
  self.tell();
}

// The cache's copies have a short life; what is over there need not be counted.
void cached_prune::on_origin(count_result&& got) {
  out_ = std::move(got);
  if (shared_->closed() || !shared_->has_cache()) return finish(std::move(out_));
  shared_->cache->prune(limit_, then<count_result, &cached_prune::on_cache>());
}

}  // namespace coatcheck
