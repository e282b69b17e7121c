// What single values cannot show: relations between settings, and names that other parts rely on.
// Pure: nothing is looked up, opened or resolved.
#pragma once

#include <string>
#include <vector>

#include "core/config/settings.h"

namespace pgweir::config {

// About a global setting, or about a database (then setting is empty), so that a reader of files
// can tell the line.
struct Objection {
  std::string setting;
  std::string database;
  std::string message;
  bool fatal;  // else a warning: it works, but hardly as meant
};

// Host names are letters, digits, hyphens and underscores between dots (RFC 1123), at most 253
// bytes: checked here, before any resolver sees them (libuv once cut long ones, CVE-2024-24806).
std::vector<Objection> validate(const Settings& settings);

}  // namespace pgweir::config
