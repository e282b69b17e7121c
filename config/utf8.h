// Is this text UTF-8, as PostgreSQL understands it?
#pragma once

#include <string_view>

namespace pgweir::config {

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace pgweir::config
