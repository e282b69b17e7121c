// What the sockets show of replication (O-16): a server that was asked to replicate is opened for
// one client that is there, is that client's alone, never goes to another machine, and is closed in
// the step in which its client goes. What they say to each other is Receiver's and the model
// server's to judge.
#pragma once

#include <span>
#include <string>

#include "core/effect.h"
#include "core/event.h"
#include "sim/census.h"
#include "sim/verdict.h"

namespace pgweir::sim {

class Replications {
 public:
  Replications(Verdict& verdict, const Census& census) : verdict_(verdict), census_(census) {}

  // A step of the machine, which the census knows.
  void step(std::span<const Effect> effects);

 private:
  void opened_for(const std::string& mark);
  void client_went(const std::string& mark);

  Verdict& verdict_;
  const Census& census_;
};

}  // namespace pgweir::sim
