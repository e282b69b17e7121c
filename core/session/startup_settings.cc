#include "core/session/startup_settings.h"

#include "core/base/assert.h"
#include "core/wire/reader.h"

namespace pgweir::session {

namespace {

// Set last and taken back first, so that all others are changed with the rights of the login.
constexpr std::string_view role("role");

void append(std::string& text, std::string_view name, std::string_view value) {
  text.append(name).push_back('\0');
  text.append(value).push_back('\0');
}

}  // namespace

void StartupSettings::set(std::string_view name, std::string_view value) {
  std::string lower(name);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  values_.insert_or_assign(std::move(lower), value);
}

StartupSettings::StartupSettings(std::string_view text) {
  for (const auto& [name, value] : settings_of(text)) values_.emplace(name, value);
}

void StartupSettings::take_back(std::string_view name, const StartupSettings& to) {
  const auto there = to.values_.find(name);
  if (there != to.values_.end()) {
    values_.insert_or_assign(there->first, there->second);
  } else if (const auto here = values_.find(name); here != values_.end()) {
    values_.erase(here);
  }
}

// But for the role, as RESET ALL does.
void StartupSettings::take_back_all(const StartupSettings& to) {
  const auto had = values_.extract(std::string(role));
  values_ = to.values_;
  values_.erase(std::string(role));
  if (!had.empty()) values_.emplace(had.key(), had.mapped());
}

std::string StartupSettings::text() const {
  std::string text;
  for (const auto& [name, value] : values_) {
    if (name != role) append(text, name, value);
  }
  if (const auto found = values_.find(role); found != values_.end()) {
    append(text, role, found->second);
  }
  return text;
}

std::vector<std::pair<std::string_view, std::string_view>> settings_of(std::string_view text) {
  std::vector<std::pair<std::string_view, std::string_view>> settings;
  wire::Reader reader(bytes_of(text));
  while (!reader.rest().empty()) {
    const std::string_view name = reader.text();
    settings.emplace_back(name, reader.text());
    PGWEIR_REQUIRE(!reader.failed(), text.size());
  }
  return settings;
}

}  // namespace pgweir::session
