// Signing: claims with a header that is made once, or any bytes; on this thread or on libuv's pool.
#include <utility>

#include "coatcheck/jose/jws.hpp"

#include "jwt_handles.hpp"
#include "jwt_options.hpp"
#include "method.hpp"
#include "options.hpp"

namespace coatcheck::node {
namespace {

using namespace jose;

// One signature that is made on libuv's pool. Everything it works on is its own: keys are shared and immutable.
struct signing_work {
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
  std::optional<signer> claims_signer;
  std::optional<key> bytes_key;
  std::string header;
  std::string payload;
  bool detached = false;
  bool unencoded = false;
  result<std::string> token = coatcheck::error{errc::crypto_failed, "signing did not run"};
};

result<std::string> sign_bytes(const signing_work& what) {
  return jws_sign(*what.bytes_key, what.payload,
                  {.header = what.header, .key_id = false, .detached = what.detached, .unencoded = what.unencoded});
}

void run_signing(napi_env, void* data) {
  auto& self = *static_cast<signing_work*>(data);
  self.token = self.claims_signer ? self.claims_signer->sign(self.payload) : sign_bytes(self);
}

void end_signing(napi_env env, napi_status, void* data) {
  const std::unique_ptr<signing_work> self(static_cast<signing_work*>(data));
  napi_delete_async_work(env, self->work);
  if (self->token) {
    napi_resolve_deferred(env, self->deferred, make_string(env, *self->token));
  } else {
    napi_reject_deferred(env, self->deferred, make_error(env, self->token.error()));
  }
}

napi_value start_signing(napi_env env, std::unique_ptr<signing_work> self) {
  napi_value promise = nullptr;
  if (napi_create_promise(env, &self->deferred, &promise) != napi_ok ||
      napi_create_async_work(env, nullptr, make_string(env, "COATCHECK_SIGN"), run_signing, end_signing, self.get(),
                             &self->work) != napi_ok ||
      napi_queue_async_work(env, self->work) != napi_ok) {
    return throw_error(env, {errc::invalid_state, "signing could not be queued"});
  }
  static_cast<void>(self.release());  // end_signing takes it
  return promise;
}

// sign(claims) → the token, or an Error.
napi_value sign(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  text claims;
  if (!claims.read(env, given[0]) || !claims.present()) return throw_type_error(env, "claims must be a string");
  const auto token = self_of<signer>(given.data)->sign(claims.view());
  return token ? make_string(env, *token) : make_error(env, token.error());
}

// signAsync(claims) → a promise of the token.
napi_value sign_async(napi_env env, napi_callback_info info) {
  const arguments<1> given(env, info);
  text claims;
  if (!claims.read(env, given[0]) || !claims.present()) return throw_type_error(env, "claims must be a string");
  auto work = std::make_unique<signing_work>();
  work->claims_signer = *self_of<signer>(given.data);
  work->payload = claims.view();
  return start_signing(env, std::move(work));
}

}  // namespace

napi_value jwt_create_signer(napi_env env, napi_callback_info info) {
  const arguments<4> given(env, info);
  const auto with = unwrap_shared<jwt_key_handle>(env, given[0]);
  text header;
  if (!with || !header.read(env, given[1])) return throw_type_error(env, "not a key, or header is not a string");
  signer_options options;
  options.type.clear();  // it is in the header, where there is one
  options.header = header.view();
  options.key_id = to_bool(env, given[2]);
  options.loose_types = to_bool(env, given[3]);
  auto made = signer::create(with->key, std::move(options));
  if (!made) return throw_error(env, made.error());
  const auto self = std::make_shared<signer>(*std::move(made));
  napi_value object = nullptr;
  napi_create_object(env, &object);
  add_method(env, object, "sign", sign, self);
  add_method(env, object, "signAsync", sign_async, self);
  return object;
}

napi_value jws_sign_bytes(napi_env env, napi_callback_info info) {
  const arguments<4> given(env, info);
  const auto with = unwrap_shared<jwt_key_handle>(env, given[0]);
  auto work = std::make_unique<signing_work>();
  text header;
  if (!with || !read_bytes(Napi::Value(env, given[1]), work->payload) || !header.read(env, given[2])) {
    return throw_type_error(env, "jwsSign takes a key, a payload and a header");
  }
  const std::uint32_t flags = to_uint32(env, given[3]);  // 1: asynchronous, 2: detached, 4: unencoded
  work->bytes_key = with->key;
  work->header = header.view();
  work->detached = (flags & 2) != 0;
  work->unencoded = (flags & 4) != 0;
  if ((flags & 1) != 0) return start_signing(env, std::move(work));
  const auto token = sign_bytes(*work);
  return token ? make_string(env, *token) : make_error(env, token.error());
}

}  // namespace coatcheck::node
