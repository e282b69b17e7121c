// What the process asks of the operating system before it serves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/config/settings.h"

namespace pgweir::io {

// Descriptors kept beyond clients and servers: log, listening sockets, cancels, DNS, settings
// files.
inline constexpr std::uint64_t descriptors_reserve = 64;

// For the loop of each machine but the first, whose own are in the reserve.
inline constexpr std::uint64_t descriptors_per_machine = 10;

// Sockets that the settings' limits allow at most, the machines' loops, and the reserve. Users that
// only a server knows cannot be counted.
std::uint64_t descriptors_needed(const Settings& settings, std::uint64_t machines);

// Raises the soft limit (RLIMIT_NOFILE) to that many. In words, when the hard limit is too low; the
// limit is raised as far as it goes then.
std::optional<std::string> raise_descriptor_limit(std::uint64_t needed);

// Why this user must not serve, in words: root.
std::optional<std::string> refused_user();

// No core dump and no other process of this user may show the secrets in memory; files we make are
// this user's alone.
void harden();

}  // namespace pgweir::io
