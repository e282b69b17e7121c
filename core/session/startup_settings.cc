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
