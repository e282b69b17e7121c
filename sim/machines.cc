#include "sim/machines.h"

namespace pgweir::sim {

Machines::Machines(std::uint8_t count, const Settings& settings, auth::Vault& vault) {
  for (std::uint8_t machine = 0; machine < count; ++machine) {
    const Seat seat{.machine = machine, .machines = count, .replica = replica};
    seats_.push_back(std::make_unique<Seated>(settings, vault, seat));
  }
}

std::vector<Stepper*> Machines::steppers() {
  std::vector<Stepper*> steppers;
  for (const auto& seat : seats_) steppers.push_back(&seat->stepper);
  return steppers;
}

std::optional<Wake> Machines::deadline() const {
  std::optional<Wake> first;
  for (const auto& seat : seats_) {
    const auto wake = seat->machine.deadline();
    if (wake && (!first || wake->at < first->at)) first = wake;
  }
  return first;
}

void Machines::check_invariants() const {
  for (const auto& seat : seats_) seat->machine.check_invariants();
}

std::string Machines::left_over() const {
  std::string text;
  for (const auto& seat : seats_) {
    const std::string left = seat->machine.left_over();
    if (!left.empty()) text += (text.empty() ? "" : "; ") + left;
  }
  return text;
}

}  // namespace pgweir::sim
