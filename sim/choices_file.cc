#include "sim/choices_file.h"

#include <cstdint>
#include <fstream>
#include <sstream>

namespace pgweir::sim {

bool write_choices(const std::string& path, Mode mode, const Choices& choices) {
  std::ofstream file(path);
  file << name_of(mode) << '\n';
  for (const auto& tape : choices) {
    for (const std::uint32_t choice : tape) file << choice << ' ';
    file << '\n';
  }
  return file.good();
}

std::optional<std::pair<Mode, Choices>> read_choices(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  const auto mode = mode_named(line);
  if (!mode) return std::nullopt;
  Choices choices;
  for (auto& tape : choices) {
    if (!std::getline(file, line)) return std::nullopt;
    std::istringstream numbers(line);
    for (std::uint32_t choice = 0; numbers >> choice;) tape.push_back(choice);
  }
  return {{*mode, std::move(choices)}};
}

}  // namespace pgweir::sim
