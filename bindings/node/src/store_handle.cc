// A store as a JavaScript object: the operations of the contract, by key.
//
// What an operation answers: a value, undefined for "absent", or an Error for "unknown". A store that answers at
// once returns it; a remote one delivers it to the slot, which is always the last argument.
#include <array>

#include "coatcheck/option_words.hpp"
#include "coatcheck/pruning.hpp"

#include "handles.hpp"
#include "method.hpp"
#include "store_answers.hpp"

namespace coatcheck::node {
namespace {

napi_value make_array(napi_env env, std::initializer_list<napi_value> values) {
  napi_value out = nullptr;
  napi_create_array_with_length(env, values.size(), &out);
  std::uint32_t index = 0;
  for (napi_value value : values) {
    if (value != nullptr) napi_set_element(env, out, index, value);
    ++index;
  }
  return out;
}

constexpr std::uint32_t with_version = 1;

napi_value get_to_js(napi_env env, get_result&& got, std::uint32_t flags) {
  if (got.status == get_status::unknown) return make_error(env, got.why);
  if (got.status == get_status::absent) return nullptr;
  const napi_value bytes = make_string(env, got.value.bytes);
  if (flags != with_version) return bytes;
  return make_array(env,
                    {bytes, make_tag(env, got.value.tag), make_number(env, static_cast<double>(got.value.expires_at))});
}

// [cursor, key, key, …]
napi_value keys_to_js(napi_env env, keys_result&& got, std::uint32_t) {
  if (!got.known) return make_error(env, got.why);
  napi_value out = nullptr;
  napi_create_array_with_length(env, got.keys.size() + 1, &out);
  napi_set_element(env, out, 0, make_string(env, got.cursor));
  for (std::uint32_t i = 0; i < got.keys.size(); ++i) napi_set_element(env, out, i + 1, make_string(env, got.keys[i]));
  return out;
}

napi_value count_to_js(napi_env env, count_result&& got, std::uint32_t) {
  return got.known ? make_number(env, static_cast<double>(got.count)) : make_error(env, got.why);
}

// { entries, bytes, maxBytes, nearCache: { … } }, the last where there is one.
napi_value stats_to_js(napi_env env, stats_result&& got, std::uint32_t) {
  if (!got.known) return make_error(env, got.why);
  const auto add = [env](napi_value to, const char* name, std::uint64_t count) {
    napi_set_named_property(env, to, name, make_number(env, static_cast<double>(count)));
  };
  napi_value out = nullptr;
  napi_create_object(env, &out);
  add(out, "entries", got.stats.entries);
  add(out, "bytes", got.stats.bytes);
  add(out, "maxBytes", got.stats.max_bytes);
  if (!got.near) return out;
  napi_value near = nullptr;
  napi_create_object(env, &near);
  add(near, "hits", got.near->hits);
  add(near, "misses", got.near->misses);
  add(near, "joined", got.near->joined);
  add(near, "leaseRefusals", got.near->lease_refusals);
  add(near, "invalidations", got.near->invalidations);
  add(near, "echoes", got.near->echoes);
  add(near, "evictions", got.near->evictions);
  add(near, "epochBumps", got.near->epoch_bumps);
  add(near, "entries", got.near->entries);
  add(near, "bytes", got.near->bytes);
  add(near, "maxBytes", got.near->max_bytes);
  napi_set_named_property(env, near, "trouble", make_string(env, got.near->trouble));
  napi_set_named_property(env, out, "nearCache", near);
  return out;
}

template <std::uint32_t Flags>
napi_value get(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const auto& self = self_of<store_handle>(given.data);
  text key;
  if (!key.read(env, given[0]) || !key.present()) return throw_type_error(env, "key must be a string");
  return answer<get_result>(env, self, given[1], Flags, get_to_js,
                            [&](auto done) { self->store->get(key.view(), done); });
}

// put(key, bytes, expiresAt, expect, slot)
napi_value put(napi_env env, napi_callback_info info) {
  const arguments<5> given(env, info);
  const auto& self = self_of<store_handle>(given.data);
  text key;
  text bytes;
  const auto expect = read_expectation(env, given[3]);
  if (!key.read(env, given[0]) || !bytes.read(env, given[1]) || !expect) {
    return throw_type_error(env, "key and value must be strings");
  }
  return answer<put_result>(env, self, given[4], 0, put_to_js, [&](auto done) {
    self->store->put(key.view(), bytes.view(), to_time(env, given[2]), *expect, {}, done);
  });
}

napi_value touch(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  const auto& self = self_of<store_handle>(given.data);
  text key;
  if (!key.read(env, given[0]) || !key.present()) return throw_type_error(env, "key must be a string");
  return answer<touch_result>(env, self, given[2], 0, touch_to_js,
                              [&](auto done) { self->store->touch(key.view(), to_time(env, given[1]), done); });
}

napi_value remove(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const auto& self = self_of<store_handle>(given.data);
  text key;
  if (!key.read(env, given[0]) || !key.present()) return throw_type_error(env, "key must be a string");
  return answer<remove_result>(env, self, given[1], 0, remove_to_js,
                               [&](auto done) { self->store->remove(key.view(), done); });
}

napi_value scan(napi_env env, napi_callback_info info) {
  const arguments<3> given(env, info);
  const auto& self = self_of<store_handle>(given.data);
  text cursor;
  if (!cursor.read(env, given[0])) return throw_type_error(env, "cursor must be a string");
  return answer<keys_result>(env, self, given[2], 0, keys_to_js,
                             [&](auto done) { self->store->scan(cursor.view(), to_uint32(env, given[1]), done); });
}

napi_value prune(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const auto& self = self_of<store_handle>(given.data);
  return answer<count_result>(env, self, given[1], 0, count_to_js,
                              [&](auto done) { self->store->prune(to_uint32(env, given[0]), done); });
}

// The count of a batch; false: not our turn, or nothing to do by ourselves.
napi_value pruned_to_js(napi_env env, prune_result&& got, std::uint32_t) {
  if (got.status == prune_status::unknown) return make_error(env, got.why);
  if (got.status != prune_status::pruned) return make_bool(env, false);
  return make_number(env, static_cast<double>(got.count));
}

// pruneInTurn(interval, slot); interval 0: a further batch of our turn.
napi_value prune_turn(napi_env env, napi_callback_info info) {
  const arguments<2> given(env, info);
  const auto& self = self_of<store_handle>(given.data);
  const auto interval = static_cast<duration_ms>(to_uint32(env, given[0]));
  return answer<prune_result>(env, self, given[1], 0, pruned_to_js, [&](auto done) {
    if (interval == 0) return prune_further(*self->store, done);
    prune_in_turn(*self->store, self->where->clock(), interval, done);
  });
}

napi_value clear(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  const auto& self = self_of<store_handle>(given.data);
  return answer<count_result>(env, self, given[0], 0, count_to_js, [&](auto done) { self->store->clear(done); });
}

napi_value stats(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  const auto& self = self_of<store_handle>(given.data);
  return answer<stats_result>(env, self, given[0], 0, stats_to_js, [&](auto done) { self->store->stats(done); });
}

napi_value health(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  const auto& self = self_of<store_handle>(given.data);
  return answer<count_result>(env, self, given[0], 0, count_to_js, [&](auto done) { self->store->health(done); });
}

napi_value create_schema(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  const auto& self = self_of<store_handle>(given.data);
  return answer<count_result>(env, self, given[0], 0, count_to_js,
                              [&](auto done) { self->store->create_schema(done); });
}

napi_value close(napi_env env, napi_callback_info info) {
  const arguments<0> given(env, info);
  self_of<store_handle>(given.data)->store->close();
  return nullptr;
}

}  // namespace

// openStore(url, keys, encrypt, size, maxStale) → store; keys undefined: none; encrypt: a word of `encryption`,
// undefined: off; size, maxStale: of a near-cache, undefined: none, and the default. Throws what is wrong with the URL
// or the place that it names.
napi_value open_store(napi_env env, napi_callback_info info) {
  const arguments<5> given(env, info);
  text url;
  if (!url.read(env, given[0]) || !url.present()) return throw_type_error(env, "store must be a URL");
  napi_valuetype type = napi_undefined;
  napi_typeof(env, given[1], &type);
  const auto keys = type == napi_undefined ? nullptr : unwrap_shared<keys_handle>(env, given[1]);
  if (!keys && type != napi_undefined) return throw_type_error(env, "keys must be a key ring");
  text word;
  auto how = encryption::off;
  if (!word.read(env, given[2])) return throw_type_error(env, "encrypt must be a word");
  if (word.present()) {
    if (const auto read = read_word("encrypt option", word.view(), how); !read) return throw_error(env, read.error());
  }
  const auto layered = encrypted_url(url.view(), how);
  if (!layered) return throw_error(env, layered.error());
  const auto remote = needs_driver(*layered);
  if (!remote) return throw_error(env, remote.error());
  const auto where = environment::of(env);
  store_options options;
  options.time = &where->clock();
  if (*remote) options.loop = where->driver();
  if (keys) options.keys = &keys->keys;
  double size = 0;
  double max_stale = 0;
  if (napi_get_value_double(env, given[3], &size) == napi_ok) {
    const bool limited = napi_get_value_double(env, given[4], &max_stale) == napi_ok;
    const auto near = read_near_cache(size, limited ? std::optional(max_stale) : std::nullopt);
    if (!near) return throw_error(env, near.error());
    options.near_cache = *near;
  }
  auto opened = coatcheck::open_store(*layered, options);
  if (!opened) return throw_error(env, opened.error());
  if (*remote) where->close_at_end(*opened);

  const auto can = (*opened)->capabilities();
  const auto self = std::make_shared<store_handle>(store_handle{where, *std::move(opened)});
  const napi_value object = wrap_shared(env, self);
  add_method(env, object, "get", get<0>, self);
  add_method(env, object, "read", get<with_version>, self);
  add_method(env, object, "put", put, self);
  add_method(env, object, "touch", touch, self);
  add_method(env, object, "remove", remove, self);
  add_method(env, object, "scan", scan, self);
  add_method(env, object, "prune", prune, self);
  add_method(env, object, "pruneInTurn", prune_turn, self);
  add_method(env, object, "clear", clear, self);
  add_method(env, object, "stats", stats, self);
  add_method(env, object, "health", health, self);
  add_method(env, object, "createSchema", create_schema, self);
  add_method(env, object, "close", close, self);
  napi_set_named_property(env, object, "scanRepeats", make_bool(env, can.scan_repeats));
  napi_set_named_property(env, object, "expiresItself", make_bool(env, can.expires_itself));
  napi_set_named_property(env, object, "pruneBatch", make_number(env, static_cast<double>(prune_batch)));
  // Of another package's layout; its keys are ids, and all of them are sessions.
  napi_set_named_property(env, object, "foreign", make_bool(env, can.layout != record_layout::own));
  napi_set_named_property(env, object, "ofExpress", make_bool(env, is_express_layout(can.layout)));
  napi_set_named_property(env, object, "lifetime", make_number(env, static_cast<double>(can.layout_lifetime)));
  return object;
}

// schemaSql(url) → SQL. Throws what is wrong with the URL, or that its store has no schema.
napi_value schema_sql_of(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  text url;
  if (!url.read(env, given[0]) || !url.present()) return throw_type_error(env, "store must be a URL");
  const auto sql = schema_sql(url.view());
  return sql ? make_string(env, *sql) : throw_error(env, sql.error());
}

}  // namespace coatcheck::node
