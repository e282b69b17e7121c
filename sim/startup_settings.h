// What an application asks for in its startup packet beside who it is: settings in every way in
// which they may be said, and what they come to by PostgreSQL's rules.
#pragma once

#include "sim/messages.h"
#include "sim/own_state.h"
#include "sim/tape.h"

namespace pgweir::sim {

struct StartupSettings {
  Parameters said;                 // in the packet
  OwnState::Parameters effective;  // that are not as in any session
};

StartupSettings draw_startup_settings(Tape& tape);
// One that no server takes among them.
StartupSettings draw_refused_settings(Tape& tape);

}  // namespace pgweir::sim
