// What calls and clauses in the middle of a statement do to the session.
#pragma once

#include <string>
#include <string_view>

#include "core/sql/session_effects.h"

namespace pgweir::sql {

// Adds to what is told.
void read_clauses(std::string_view statement, bool backslash_escapes, Effects& effects);

// Keeps settings_max.
void add_setting(Effects& effects, std::string name, Scope scope);

}  // namespace pgweir::sql
