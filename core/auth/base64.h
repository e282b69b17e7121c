// Base64 (RFC 4648, section 4) as SCRAM uses it: with padding, without line breaks, and canonical,
// so that every byte string has exactly one text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"

namespace pgweir::auth {

std::string base64_encode(Bytes bytes);

// Nothing when the text is not what base64_encode makes of some bytes: a foreign character, wrong
// or missing padding, bits set beyond the last byte.
std::optional<std::vector<std::byte>> base64_decode(std::string_view text);

}  // namespace pgweir::auth
