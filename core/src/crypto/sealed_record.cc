// ccs1.<key id>.<nonce><ciphertext><tag>
#include "crypto/sealed_record.hpp"

#include <cstring>

#include "crypto/hmac.hpp"

namespace coatcheck::crypto {
namespace {

constexpr std::string_view record_version = "ccs1.";

}  // namespace

bool is_sealed_record(std::string_view bytes) noexcept { return bytes.starts_with(record_version); }

std::optional<std::string_view> sealed_record_key_id(std::string_view bytes) noexcept {
  constexpr std::size_t longest_id = 64;  // key_ring.hpp; what follows is as long as a session
  if (!is_sealed_record(bytes)) return std::nullopt;
  bytes.remove_prefix(record_version.size());
  const std::size_t end = bytes.substr(0, longest_id + 1).find('.');
  if (end == std::string_view::npos) return std::nullopt;
  return bytes.substr(0, end);
}

std::string seal_record(xaes_key key, std::string_view key_id, std::string_view store_key, std::string_view record,
                        xaes_nonce nonce) {
  const std::size_t head = record_version.size() + key_id.size() + 1;
  const std::size_t before = head + xaes_nonce_bytes;
  const std::size_t size = before + record.size() + xaes_tag_bytes;
  std::string out;
  out.reserve(size);
  out.append(record_version).append(key_id) += '.';
  out.append(reinterpret_cast<const char*>(nonce.data()), nonce.size());
  out.resize(size);
  auto* const body = reinterpret_cast<unsigned char*>(out.data()) + before;
  const two_parts aad{std::string_view(out).substr(0, head), store_key};
  if (!xaes_256_gcm_seal(key, nonce, aad, {record, {}}, body)) out.clear();
  return out;
}

bool open_record(xaes_key key, std::string_view store_key, std::string& bytes) noexcept {
  const auto key_id = sealed_record_key_id(bytes);
  if (!key_id) return false;
  const std::size_t head = record_version.size() + key_id->size() + 1;
  const std::size_t before = head + xaes_nonce_bytes;
  if (bytes.size() < before + xaes_tag_bytes) return false;
  auto* const at = reinterpret_cast<unsigned char*>(bytes.data());
  const two_parts aad{std::string_view(bytes).substr(0, head), store_key};
  const xaes_nonce nonce(at + head, xaes_nonce_bytes);
  if (!xaes_256_gcm_open(key, nonce, aad, {at + before, bytes.size() - before}, at + before)) return false;
  bytes.resize(bytes.size() - xaes_tag_bytes);
  bytes.erase(0, before);
  return true;
}

}  // namespace coatcheck::crypto
