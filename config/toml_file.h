// pgweir's own file, TOML 1.0: the tables [pgweir] with the global settings, [databases.NAME] and
// [users.NAME]. The same names as in pgbouncer.ini; values as TOML types or as PgBouncer's text.
// After a syntax error, TOML's reader stops: then that is the only problem reported.
#pragma once

#include <string>

#include "config/draft.h"
#include "config/problem.h"

namespace pgweir::config {

// False when nothing could be read: the draft is as it was.
bool read_toml_file(const std::string& path, Draft& draft, Problems& problems);

}  // namespace pgweir::config
