// Where everything in io/ that hears of something takes it: the shell, which steps the machine.
//
// Only ever called on the loop's thread. The rule that no callback re-enters the machine is kept
// here: tell() steps at once and is for callbacks of the loop; owe() is for what happens while
// effects are carried out, and is told when they are done, in order, Congested before all else.
#pragma once

#include "core/event.h"

namespace pgweir::io {

class Teller {
 public:
  // Requires: no effects are being carried out.
  virtual void tell(const Event& event) = 0;
  virtual void owe(Event event) = 0;
  // Tells what is owed: the end of every callback of the loop that may have owed something.
  virtual void settle() = 0;

 protected:
  ~Teller() = default;
};

}  // namespace pgweir::io
