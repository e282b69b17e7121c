// The log is quiet unless something went wrong (O-53): a warning has its cause in what the run does
// to the pooler, and an error never has one.
#pragma once

#include "core/event.h"
#include "core/note.h"
#include "sim/options.h"

namespace pgweir::sim {

// Whether this event, in a run like this, may make the pooler say so.
bool may_be_noted(const Note& note, const Event& event, const RunOptions& options);
// The weather alone may take as long as server_connect_timeout.
bool login_may_be_slow(const RunOptions& options);

}  // namespace pgweir::sim
