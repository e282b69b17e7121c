// The machines of one process, as one: each with its seat, all by the same settings.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/machine.h"
#include "core/stepper.h"

namespace pgweir::sim {

// Of the pooler that is simulated, in the keys it gives out.
inline constexpr std::uint16_t replica = 0x5ea1;

class Machines {
 public:
  // The vault outlives them.
  Machines(std::uint8_t count, const Settings& settings, auth::Vault& vault);

  std::vector<Stepper*> steppers();
  std::size_t size() const { return seats_.size(); }
  const Machine& at(std::uint8_t machine) const { return seats_[machine]->machine; }
  Machine& first() { return seats_.front()->machine; }
  // The first of their deadlines.
  std::optional<Wake> deadline() const;
  void check_invariants() const;
  // What any of them has left of anybody.
  std::string left_over() const;

 private:
  struct Seated {
    Seated(const Settings& settings, auth::Vault& vault, Seat seat)
        : machine(settings, vault, seat), stepper(machine) {}
    Machine machine;
    MachineStepper stepper;
  };
  std::vector<std::unique_ptr<Seated>> seats_;
};

}  // namespace pgweir::sim
