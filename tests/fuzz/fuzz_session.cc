// Fuzz target: records, packed snapshots and the JSON that the engine judges and merges.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "coatcheck/engine.hpp"

#include "session/cookie_policy.hpp"
#include "session/record.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coatcheck;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr std::string_view store_key = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyMTI";
  switch (data[0] % 5) {
    case 0: {
      snapshot session;
      if (session::decode_record(std::string(text), store_key, session)) {
        // What decodes encodes to a record that decodes to the same.
        snapshot again;
        if (!session::decode_record(session::encode_record(session, store_key), store_key, again) ||
            again.payload != session.payload || again.created != session.created) {
          std::abort();
        }
      }
      break;
    }
    case 1: {
      const auto back = snapshot::unpack(text, "{}");
      if (back && !snapshot::unpack(back->pack(), "{}")) std::abort();
      break;
    }
    case 2:
      if (check_payload(text) && !same_json(text, text)) std::abort();
      break;
    case 3: {
      const auto half = text.size() / 2;
      const auto mine = text.substr(0, half);
      const auto theirs = text.substr(half);
      if (check_payload(mine) && check_payload(theirs)) {
        const auto merged = merge_payloads("{}", mine, theirs, merge_policy::mine);
        if (!merged || !check_payload(*merged)) std::abort();
      }
      break;
    }
    default:
      (void)session::cookie_settings::parse(text);
  }
  return 0;
}
