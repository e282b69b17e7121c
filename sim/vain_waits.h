// Who waits for what waiting does not cure is told so now (O-32). A pool has no server, and its
// last attempt at one was refused the password: whoever waits for one then, at any machine, hears
// of it as soon as letters have come to the ledger and from there. Where a host cannot be reached
// it is forgotten why its pools failed before.
#pragma once

#include <map>
#include <span>

#include "core/effect.h"
#include "core/event.h"
#include "sim/census.h"

namespace pgweir::sim {

class Simulation;

class VainWaits {
 public:
  explicit VainWaits(Simulation& simulation) : simulation_(simulation) {}

  // A step of the machine, carried out.
  void step(const Event& event, std::span<const Effect> effects);
  // Nothing more happens now.
  void quiet();

 private:
  void heard(SocketId server);
  bool has_another(const Login& pool, SocketId than) const;

  Simulation& simulation_;
  std::map<Login, Instant> refused_at_;  // pools whose waiting clients have to be told
  std::map<Login, Instant> left_at_;     // when one went that was not refused
};

}  // namespace pgweir::sim
