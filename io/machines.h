// The machines of this process, one a core, each with a vault of its own.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "config/load.h"
#include "core/machine.h"
#include "io/fleet.h"
#include "io/stepper.h"
#include "io/vault.h"

namespace pgweir::io {

class Machines {
 public:
  // As many as the settings say.
  explicit Machines(const config::Loaded& loaded);

  std::size_t count() const { return seated_.size(); }
  // In the order of their seats.
  std::vector<Fleet::Member> members();

 private:
  struct Seated {
    Seated(config::Loaded loaded, const Digest& salt_key, Seat seat);

    Vault vault;
    Machine machine;
    MachineStepper stepper;
  };

  std::deque<Seated> seated_;
};

}  // namespace pgweir::io
