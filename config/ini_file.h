// pgbouncer.ini as PgBouncer reads it: sections [pgbouncer], [databases], [users] and [peers],
// key = value lines, comments that begin with ; or #, %include FILE. Repeated sections add, later
// keys win. An included file begins in the section of its %include, and its last section goes on
// after it. Unlike PgBouncer's reader, this one goes on after an error.
#pragma once

#include <string>

#include "config/draft.h"
#include "config/problem.h"

namespace pgweir::config {

// False when the file itself could not be read.
bool read_ini_file(const std::string& path, Draft& draft, Problems& problems);

}  // namespace pgweir::config
