#include "config/problem.h"

#include <utility>

#include "core/base/text.h"

namespace pgweir::config {

std::string text_of(const Problem& problem) {
  std::string out = problem.file;
  if (problem.line > 0) out += join(":", problem.line);
  return join(out, problem.fatal ? ": " : ": warning: ", problem.message);
}

void Problems::error(const Place& place, std::string message) {
  if (first_file_.empty()) first_file_ = place.file;
  if (++errors_ > limits::settings_problems_max) return;
  problems_.push_back({place.file, place.line, std::move(message), true});
}

void Problems::warning(const Place& place, std::string message) {
  if (first_file_.empty()) first_file_ = place.file;
  if (++warnings_ > limits::settings_problems_max) return;
  problems_.push_back({place.file, place.line, std::move(message), false});
}

std::vector<Problem> Problems::take() {
  const std::size_t more = errors_ + warnings_ - problems_.size();
  if (more != 0) {
    problems_.push_back({first_file_, 0, join(more, " more problems are not listed"), false});
  }
  errors_ = warnings_ = 0;
  return std::exchange(problems_, {});
}

}  // namespace pgweir::config
