// Sessions that other packages keep (engine_options::migrate_from): found when a request has none here, ended there
// when they are stored or ended here. Each operation goes around the engine's own, of whatever mode.
#include "session/adopt.hpp"

#include <algorithm>

#include "session/json.hpp"

namespace coatcheck::session {

result<std::vector<foreign_reader>> read_sources(engine_options& options) {
  std::vector<foreign_reader> out;
  for (foreign_source& source : options.migrate_from) {
    if (source.where && source.where->capabilities().needs_loop && !options.where->capabilities().needs_loop) {
      return error{errc::invalid_option,
                   "migrate_from: a remote store's sessions can be adopted by sessions on a remote store alone"};
    }
    auto made = foreign_reader::create(std::move(source));
    if (!made) return made.error();
    out.push_back(*std::move(made));
  }
  options.migrate_from.clear();
  return out;
}

void adopting_open_operation::start() { inner_(engine_, then<opened, &adopting_open_operation::on_opened>()); }

void adopting_open_operation::on_opened(opened&& got) {
  out_ = std::move(got);
  // Of two live sessions neither counts, and one that was ended by its end or its owner is not brought back by what was
  // before it.
  const bool looks = out_.status == open_status::fresh &&
                     (out_.reason == fresh_reason::no_cookie || out_.reason == fresh_reason::bad_signature ||
                      out_.reason == fresh_reason::refused || out_.reason == fresh_reason::not_found);
  if (!looks) return finish(std::move(out_));
  next_value();
}

void adopting_open_operation::next_value() {
  const auto& sources = engine_->sources;
  for (; source_ < sources.size(); ++source_, value_ = 0) {
    const foreign_reader& reader = sources[source_];
    if (value_ == 0) values_ = find_cookie(header_, reader.cookie_name()).values;
    while (value_ < values_.size()) {
      const std::string& value = values_[value_++];
      if (reader.where() == nullptr) {
        auto read = reader.read_cookie(value, engine_->now(), engine_->options.policy.max_payload);
        if (read && adopt(*std::move(read), {})) return finish(std::move(out_));
      } else if (auto key = reader.record_key(value, engine_->now())) {
        key_ = *std::move(key);
        return reader.where()->get(key_, then<get_result, &adopting_open_operation::on_record>());
      }
    }
  }
  finish(std::move(out_));
}

void adopting_open_operation::on_record(get_result&& got) {
  if (got.status == get_status::unknown) {
    out_ = {};
    out_.why = std::move(got.why);
    return finish(std::move(out_));
  }
  if (got.status == get_status::found) {
    auto read = engine_->sources[source_].read_record(got.value.bytes, engine_->options.policy.max_payload);
    if (!read) out_.reason = fresh_reason::foreign;
    if (read && adopt(*std::move(read), key_)) return finish(std::move(out_));
  }
  next_value();
}

bool adopting_open_operation::adopt(std::string&& payload, std::string_view key) {
  const auto& policy = engine_->options.policy;
  if (!check_payload(payload, policy.max_payload, policy.max_members)) {
    out_.reason = fresh_reason::foreign;
    return false;
  }
  if (is_empty_object(payload)) return false;
  out_.status = open_status::adopted;
  out_.reason = fresh_reason::none;
  out_.session.payload = std::move(payload);
  out_.session.from = snapshot::origin{source_, std::string(key)};
  return true;
}

void adopting_commit_operation::start() {
  request_.base.from.reset();
  if (request_.payload) request_.save = true;  // it is nowhere here yet, whether anything changed or not
  inner_(engine_, std::move(request_), then<committed, &adopting_commit_operation::on_committed>());
}

void adopting_commit_operation::on_committed(committed&& got) {
  out_ = std::move(got);
  if (out_.status != commit_status::stored) {
    out_.session.from = std::move(from_);
    return finish(std::move(out_));
  }
  clear_foreign(*engine_, secure_, out_.clearing);
  end_there();
}

void adopting_destroy_operation::start() {
  inner_(engine_, then<destroyed, &adopting_destroy_operation::on_destroyed>());
}

void adopting_destroy_operation::on_destroyed(destroyed&& got) {
  out_ = std::move(got);
  if (out_.status == remove_status::unknown) return finish(std::move(out_));
  clear_foreign(*engine_, secure_, out_.clearing);
  end_there();
}

void clear_foreign(const engine_state& engine, bool secure, std::vector<std::string>& clearing) {
  for (const auto& reader : engine.sources) {
    if (reader.cookie_name() == engine.cookie.name(secure)) continue;  // ours takes its place
    auto line = engine.cookie.clear_named(reader.cookie_name(), secure);
    if (std::find(clearing.begin(), clearing.end(), line) == clearing.end()) clearing.push_back(std::move(line));
  }
}

}  // namespace coatcheck::session
