#include "config/utf8.h"

#include <cstddef>

namespace pgweir::config {

namespace {

// The size of the character that begins with this byte, 0 for none; low and high bound its second
// byte, which is where overlong forms, surrogates and what is too large show.
struct Lead {
  std::size_t size;
  unsigned char low;
  unsigned char high;
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const Lead lead = lead_of(static_cast<unsigned char>(text[0]));
    if (lead.size == 0 || lead.size > text.size()) return false;
    for (std::size_t at = 1; at < lead.size; ++at) {
      const auto byte = static_cast<unsigned char>(text[at]);
      if (byte < (at == 1 ? lead.low : 0x80) || byte > (at == 1 ? lead.high : 0xBF)) return false;
    }
    text.remove_prefix(lead.size);
  }
  return true;
}

}  // namespace pgweir::config
