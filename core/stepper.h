// What a shell drives: the Machine, or a scripted one in the tests of the shell's contract.
#pragma once

#include <optional>
#include <span>

#include "core/machine.h"

namespace pgweir {

class Stepper {
 public:
  // As Machine::step: the effects are good until the next step.
  virtual std::span<const Effect> step(Instant now, const Event& event) = 0;
  // As Machine::deadline.
  virtual std::optional<Wake> deadline() const = 0;

 protected:
  ~Stepper() = default;
};

// The machine as a stepper. The machine outlives it.
class MachineStepper final : public Stepper {
 public:
  explicit MachineStepper(Machine& machine) : machine_(machine) {}

  std::span<const Effect> step(Instant now, const Event& event) override {
    return machine_.step(now, event);
  }
  std::optional<Wake> deadline() const override { return machine_.deadline(); }

 private:
  Machine& machine_;
};

}  // namespace pgweir
