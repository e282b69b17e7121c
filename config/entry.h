// One database or user as a file gives it: keys and values with their places, made into typed
// settings. What is wrong goes to the problems, the rest is taken.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/problem.h"
#include "config/secret.h"
#include "core/config/settings.h"

namespace pgweir::config {

// One key of an entry. is_text: written as text, not as a bare number or boolean (TOML).
struct Given {
  std::string key;
  std::string value;
  Place place;
  bool is_text = true;
};

// How an entry was written. In a line, what looks like a key after a password may be a piece of it
// that lacks its quotes, so it is not named in a message.
enum class EntryForm : std::uint8_t { line, table };

// The settings have neither name nor credential yet; password is what the file said.
struct Database {
  DatabaseSettings settings;
  std::optional<Secret> password;
  Place place;
};
struct User {
  UserSettings settings;
  std::optional<Secret> password;
  Place place;
};

// Later keys count. place: where the entry begins.
Database read_database(const std::vector<Given>& given, const Place& place, EntryForm form,
                       Problems& problems);
User read_user(const std::vector<Given>& given, const Place& place, EntryForm form,
               Problems& problems);

}  // namespace pgweir::config
