#include "sim/replications.h"

#include <algorithm>
#include <variant>

namespace pgweir::sim {

void Replications::step(std::span<const Effect> effects) {
  for (const Effect& effect : effects) {
    if (const auto* send = std::get_if<effect::Send>(&effect)) {
      const auto server = census_.servers().find(send->socket);
      if (server == census_.servers().end() || !server->second.replicates) continue;
      // In one step its client may be told that its time is over, and both go.
      const bool opened = text_of(send->bytes).starts_with('\0') && !server->second.closing;
      if (opened) opened_for(server->second.mark);
    } else if (const auto* close = std::get_if<effect::Close>(&effect)) {
      const auto client = census_.clients().find(close->socket);
      if (client == census_.clients().end() || !client->second.replicates) continue;
      client_went(client->second.mark);
    } else if (const auto* handed = std::get_if<effect::HandOver>(&effect)) {
      const auto server = census_.servers().find(handed->socket);
      if (server == census_.servers().end() || !server->second.replicates) continue;
      verdict_.blame(oracle::replication,
                     "the server of " + server->second.mark + " goes to another machine");
    }
  }
}

void Replications::opened_for(const std::string& mark) {
  const bool there = std::ranges::any_of(census_.clients(), [&](const auto& entry) {
    return entry.second.replicates && entry.second.mark == mark && !entry.second.closing;
  });
  if (!there)
    verdict_.blame(oracle::replication, "a server is opened for " + mark + ", who is gone");
  const auto count = std::ranges::count_if(census_.servers(), [&](const auto& entry) {
    return entry.second.replicates && entry.second.mark == mark && !entry.second.closing;
  });
  if (count > 1) verdict_.blame(oracle::replication, "two servers are opened for " + mark);
}

void Replications::client_went(const std::string& mark) {
  const bool stays = std::ranges::any_of(census_.servers(), [&](const auto& entry) {
    return entry.second.replicates && entry.second.mark == mark && !entry.second.closing;
  });
  if (stays) verdict_.blame(oracle::replication, "the server of " + mark + " stays, who is gone");
}

}  // namespace pgweir::sim
