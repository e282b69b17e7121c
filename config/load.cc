#include "config/load.h"

#include <utility>

#include "config/ini_file.h"
#include "config/toml_file.h"

namespace pgweir::config {

Result load(const std::string& path) {
  Problems problems;
  Draft draft(problems);
  const bool readable = path.ends_with(".toml") ? read_toml_file(path, draft, problems)
                                                : read_ini_file(path, draft, problems);
  Result result;
  // Checks of the whole say nothing of use about a file that could not be read.
  if (readable) {
    Loaded loaded = draft.finish({path, 0});
    if (!problems.any_error()) result.loaded = std::move(loaded);
  }
  result.problems = problems.take();
  return result;
}

}  // namespace pgweir::config
