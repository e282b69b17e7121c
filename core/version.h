// The version, said by --version, SHOW VERSION and the packages.
#pragma once

#include <string_view>

namespace pgweir {
inline constexpr std::string_view version = "0.1.0";
}  // namespace pgweir
