#include "sim/no_growth.h"

#include <algorithm>
#include <variant>

#include "core/effect.h"

namespace pgweir::sim {

namespace {

// Tables keep the room they once had, and are made when something first stands in them.
constexpr std::size_t table_blocks = 60;
constexpr std::size_t table_bytes = 271 * 1024;  // of those, 64 KiB are the scratch memory of steps
// Its names, and what clients are told in its name.
constexpr std::size_t pool_blocks = 10;
constexpr std::size_t pool_bytes = 2 * 1024;
// Room for a client, its deadline, and its line on the console.
constexpr std::size_t clients_a_block = 32;
constexpr std::size_t client_bytes = 1024;
// Their table has at most twice the room it needs.
constexpr std::size_t effect_bytes = 2 * sizeof(Effect);

}  // namespace

void NoGrowth::step(const Event& event, std::size_t effect_count, std::size_t client_count) {
  effects_most_ = std::max(effects_most_, effect_count);
  if (!std::holds_alternative<event::Accepted>(event)) return;
  ++client_total_;
  clients_most_ = std::max(clients_most_, client_count);
}

std::optional<std::string> NoGrowth::excess(std::size_t machine_count,
                                            std::size_t pool_count) const {
  const CoreMemory now = core_memory();
  // Any of them may have had the most of all.
  pool_count *= machine_count;
  const CoreMemory may{at_first_.bytes + pool_bytes * pool_count +
                           machine_count * (table_bytes + client_bytes * clients_most_ +
                                            effect_bytes * effects_most_),
                       at_first_.blocks + pool_blocks * pool_count +
                           machine_count * (table_blocks + clients_most_ / clients_a_block),
                       0};
  if (now.blocks <= may.blocks && now.bytes <= may.bytes) return std::nullopt;
  return "after " + std::to_string(client_total_) + " clients the machine holds " +
         std::to_string(now.blocks) + " blocks of " + std::to_string(now.bytes) +
         " bytes, and may hold " + std::to_string(may.blocks) + " of " + std::to_string(may.bytes);
}

}  // namespace pgweir::sim
