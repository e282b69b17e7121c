// The stepper of core under its name here.
#pragma once

#include "core/stepper.h"

namespace pgweir::io {

using pgweir::MachineStepper;
using pgweir::Stepper;

}  // namespace pgweir::io
