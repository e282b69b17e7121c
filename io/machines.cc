#include "io/machines.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "io/cores.h"

namespace pgweir::io {

namespace {

std::uint8_t count_of_machines(const Settings& settings) {
  if (settings.machines != machines_auto) return settings.machines;
  return static_cast<std::uint8_t>(std::min<std::uint32_t>(usable_cores(), machines_max));
}

// Chance: the replicas do not know of each other. Two of 65,536 have the same.
std::uint16_t drawn_replica(Vault& vault) {
  std::array<std::byte, 2> bytes{};
  vault.random(bytes);
  return load_u16(bytes);
}

Settings adopted(Vault& vault, config::Loaded loaded) {
  vault.adopt(std::move(loaded.secrets), loaded.settings);
  return std::move(loaded.settings);
}

}  // namespace

Machines::Seated::Seated(config::Loaded loaded, const Digest& salt_key, Seat seat)
    : vault(salt_key), machine(adopted(vault, std::move(loaded)), vault, seat), stepper(machine) {}

Machines::Machines(const config::Loaded& loaded) {
  const std::uint8_t count = count_of_machines(loaded.settings);
  const Digest salt_key = Vault::new_salt_key();
  Vault vault(salt_key);
  const std::uint16_t replica = drawn_replica(vault);
  for (std::uint8_t i = 0; i < count; ++i) {
    const Seat seat{.machine = i, .machines = count, .replica = replica, .uid = ::geteuid()};
    seated_.emplace_back(loaded, salt_key, seat);
  }
}

std::vector<Fleet::Member> Machines::members() {
  std::vector<Fleet::Member> members;
  for (Seated& seated : seated_) members.push_back({seated.stepper, seated.vault});
  return members;
}

}  // namespace pgweir::io
