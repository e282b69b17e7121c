// What is wrong with settings files: collected while they are read, all reported at once. Messages
// name a file, a line, a key and what is allowed; they never repeat a value, which could be a
// secret or hold one.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/limits.h"

namespace pgweir::config {

// Lines count from 1; 0 is the file as a whole.
struct Place {
  std::string file;
  int line = 0;
};

// fatal: the settings are not used. Otherwise a warning.
struct Problem {
  std::string file;
  int line;
  std::string message;
  bool fatal;
};

// "file:line: message", "file:line: warning: message".
std::string text_of(const Problem& problem);

// Keeps limits::settings_problems_max of each kind and counts the rest.
class Problems {
 public:
  void error(const Place& place, std::string message);
  void warning(const Place& place, std::string message);
  bool any_error() const { return errors_ != 0; }
  // Further errors are only counted: do not work on their wording.
  bool full() const { return errors_ >= limits::settings_problems_max; }
  // In the order they were found; nothing is kept.
  std::vector<Problem> take();

 private:
  std::vector<Problem> problems_;
  std::size_t errors_ = 0;
  std::size_t warnings_ = 0;
  std::string first_file_;
};

}  // namespace pgweir::config
