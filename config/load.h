// A settings file, read and checked whole: the one door to this room.
//
// A name that ends in .toml is TOML (config/pgweir.toml tells the form), every other file has
// pgbouncer.ini's grammar. Relative paths, also those in the file, mean the working directory. The
// auth file and included files are read as well. Nothing else is touched, so this serves to check a
// file, to start and to reload. It blocks on the disk: not for the loop's thread under load.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/draft.h"
#include "config/problem.h"

namespace pgweir::config {

struct Result {
  std::optional<Loaded> loaded;  // only when no problem is fatal
  std::vector<Problem> problems;
};

Result load(const std::string& path);

}  // namespace pgweir::config
